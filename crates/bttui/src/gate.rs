//! Who asks for a shell gets one as [`Shell`] says: at once, after the right PIN, or never.
//!
//! One rule for the menu's key on every console and for the second screen, which is a process of its own (`bttui shell`,
//! started by init). What was typed wrong counts for all of them together, in a file that is locked while a PIN is
//! checked, so that nobody tries faster at two keyboards. Restarting the machine forgets it.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use catalog::Shell;
use catalog::shell::{LENGTH, PinHash};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::termios::{QueueSelector, tcflush};

use crate::facts;
use crate::tty::Tty;
use crate::ui::text::{countdown, duration};

mod attempts;
mod second_screen;

use attempts::{Attempts, Checked};
pub use second_screen::second_screen;

/// Where wrong attempts are counted: memory.
const ATTEMPTS: &str = "/run/bttui-pin";
/// Attempts of one asking; whoever wants more presses the key again.
const AT_ONCE: u32 = 3;
/// A question that nobody answers for so long is taken back.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest pause that is waited for at a console; for a longer one the person asks again.
const WAITED_FOR: Duration = Duration::from_secs(10);
/// The keys that take the question back: Esc, Ctrl+C, Ctrl+D.
const LEAVES: [u8; 3] = [0x1b, 0x03, 0x04];

/// A PIN that is being typed.
#[derive(Debug, Default)]
struct Typing(String);

/// What one more byte makes of it.
#[derive(Debug, PartialEq, Eq)]
enum Typed {
    /// Another character is there, or one less.
    More,
    /// It is complete.
    Done,
    /// The person left.
    Left,
}

impl Typing {
    fn feed(&mut self, byte: u8) -> Typed {
        match byte {
            b'\r' | b'\n' => return Typed::Done,
            _ if LEAVES.contains(&byte) => return Typed::Left,
            0x08 | 0x7f => drop(self.0.pop()),
            // Ctrl+U begins anew.
            0x15 => self.0.clear(),
            0x20..=0x7e if self.0.len() < *LENGTH.end() => self.0.push(char::from(byte)),
            _ => {}
        }
        Typed::More
    }
}

/// The rule, and where wrong attempts are counted.
#[derive(Clone, Debug)]
pub struct Gate {
    /// Who gets a shell.
    pub rule: Shell,
    /// A file in memory, the same for all consoles of a machine.
    pub attempts: PathBuf,
}

impl Gate {
    /// A machine's own.
    pub fn new(rule: Shell) -> Gate {
        Gate {
            rule,
            attempts: ATTEMPTS.into(),
        }
    }

    /// Asks whoever sits at a console for what the rule wants; `refused` is called for every PIN that is wrong.
    ///
    /// # Errors
    /// What the console says, or the file of attempts: then there is no shell either.
    pub fn admits(&self, tty: &mut Tty, refused: &mut dyn FnMut()) -> io::Result<Answer> {
        match &self.rule {
            Shell::No => Ok(Answer::NotNow(None)),
            Shell::Yes => Ok(Answer::Admitted),
            Shell::Pin(hash) => ask(tty, hash, &self.attempts, refused),
        }
    }
}

/// What came of asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is a shell for them.
    Admitted,
    /// There is none now; why in a sentence, unless they know: they left, or did not answer.
    NotNow(Option<String>),
}

fn ask(
    tty: &mut Tty,
    hash: &PinHash,
    attempts: &Path,
    refused: &mut dyn FnMut(),
) -> io::Result<Answer> {
    tty.clear()?;
    for _ in 0..AT_ONCE {
        let left = Attempts::lock(attempts)?.wrong.left(facts::uptime_ms());
        let told = duration(Duration::from_secs(countdown(left)));
        if left > WAITED_FOR {
            // What is still on its way must not take the words away.
            tcflush(tty.file(), QueueSelector::IFlush)?;
            let words = format!("After wrong PINs the next one is in {told}: ask again then.");
            return Ok(Answer::NotNow(Some(words)));
        }
        if !left.is_zero() {
            write!(
                tty,
                "After a wrong PIN the next one is in {told} (Esc goes back).\r\n"
            )?;
            if !wait(tty, left)? {
                return Ok(Answer::NotNow(None));
            }
        }
        write!(tty, "PIN for a shell (Esc goes back): ")?;
        let Some(pin) = read(tty)? else {
            return Ok(Answer::NotNow(None));
        };
        write!(tty, "\r\n")?;
        let checked = Attempts::lock(attempts)?.check(hash, &pin, facts::uptime_ms)?;
        match checked {
            Checked::Fits => return Ok(Answer::Admitted),
            Checked::Wrong => {
                refused();
                write!(tty, "That is not the PIN.\r\n")?;
            }
            Checked::TooEarly => write!(
                tty,
                "Too early: another PIN was wrong meanwhile, and this one was not looked at.\r\n"
            )?,
        }
    }
    Ok(Answer::NotNow(None))
}

/// Waits; false where the person leaves meanwhile. What else is typed is nobody's PIN.
fn wait(tty: &mut Tty, pause: Duration) -> io::Result<bool> {
    let until = Instant::now() + pause;
    loop {
        match next(tty, until)? {
            Next::Byte(byte) if LEAVES.contains(&byte) => return Ok(false),
            Next::Byte(_) => {}
            Next::Silence => return Ok(true),
            Next::Gone => return Ok(false),
        }
    }
}

/// Reads a PIN that is not shown; nothing where the person left.
fn read(tty: &mut Tty) -> io::Result<Option<String>> {
    let mut typing = Typing::default();
    let until = Instant::now() + PATIENCE;
    loop {
        let Next::Byte(byte) = next(tty, until)? else {
            return Ok(None);
        };
        match typing.feed(byte) {
            Typed::Done => return Ok(Some(typing.0)),
            Typed::Left => return Ok(None),
            Typed::More => {}
        }
    }
}

/// What a terminal says next.
enum Next {
    Byte(u8),
    /// Nothing until then.
    Silence,
    /// There is nobody at the other end.
    Gone,
}

fn next(tty: &mut Tty, until: Instant) -> io::Result<Next> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let mut ready = [PollFd::from_borrowed_fd(tty.file().as_fd(), PollFlags::IN)];
        rustix::event::poll(&mut ready, Some(&timeout))?;
        if !ready[0].revents().is_empty() {
            let mut byte = [0];
            return Ok(match tty.read(&mut byte)? {
                0 => Next::Gone,
                _ => Next::Byte(byte[0]),
            });
        }
        if left.is_zero() {
            return Ok(Next::Silence);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_is_typed_mended_and_never_endless() {
        let typed = |bytes: &[u8]| {
            let mut typing = Typing::default();
            let last = bytes.iter().map(|byte| typing.feed(*byte)).last();
            (typing.0, last)
        };
        assert_eq!(typed(b"123\x7f4\r"), ("124".into(), Some(Typed::Done)));
        assert_eq!(typed(b"99\x1512\n"), ("12".into(), Some(Typed::Done)));
        assert_eq!(typed(b"12\x1b").1, Some(Typed::Left));
        assert_eq!(typed(&[b'1'; 10_000]).0.len(), *LENGTH.end());
        assert_eq!(typed(b"\x7f\xc3\xa4\x01").0, "");
    }
}
