//! Who asks for a shell gets one as [`Shell`] says: at once, after the right PIN, or never.
//!
//! One rule for the menu's key on every console and for the second screen, which is a process of its own (`bttui shell`,
//! started by init). What was typed wrong counts for all of them together, in a file that is locked while a PIN is
//! checked, so that nobody tries faster at two keyboards. Restarting the machine forgets it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use catalog::Shell;
use catalog::shell::{LENGTH, PinHash};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::FlockOperation;

use crate::facts;
use crate::offers;
use crate::phase1::{OFFERS, Phase1};
use crate::tty::Tty;

/// Where wrong attempts are counted: memory.
const ATTEMPTS: &str = "/run/bttui-pin";
/// Attempts of one asking; whoever wants more presses the key again.
const AT_ONCE: u32 = 3;
/// A question that nobody answers for so long is taken back.
const PATIENCE: Duration = Duration::from_secs(60);
/// The longest pause after a wrong PIN.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// The key that takes the question back.
const ESCAPE: u8 = 0x1b;

/// How long after so many wrong PINs in a row the next one is looked at: 1, 2, 4 s and so on, five minutes at most.
pub fn pause(wrong: u32) -> Duration {
    match wrong {
        0 => Duration::ZERO,
        _ => Duration::from_secs(1 << (wrong - 1).min(30)).min(LONGEST_PAUSE),
    }
}

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
            ESCAPE | 0x03 | 0x04 => return Typed::Left,
            0x08 | 0x7f => drop(self.0.pop()),
            // Ctrl+U begins anew.
            0x15 => self.0.clear(),
            0x20..=0x7e if self.0.len() < *LENGTH.end() => self.0.push(char::from(byte)),
            _ => {}
        }
        Typed::More
    }
}

/// How many PINs in a row were wrong, and when the last was, in milliseconds since the kernel started.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wrong {
    count: u32,
    at: u64,
}

impl Wrong {
    /// What the file holds; a damaged one holds nothing.
    fn parse(text: &str) -> Wrong {
        let numbers = text.trim().split_once(' ');
        let parsed = numbers.and_then(|(count, at)| {
            let (count, at) = (count.parse().ok()?, at.parse().ok()?);
            Some(Wrong { count, at })
        });
        parsed.unwrap_or_default()
    }

    /// How long it still is until the next PIN is looked at.
    fn left(&self, now: u64) -> Duration {
        let since = Duration::from_millis(now.saturating_sub(self.at));
        pause(self.count).saturating_sub(since)
    }
}

/// The count in its file, locked by whoever has this.
struct Attempts {
    file: File,
    wrong: Wrong,
}

impl Attempts {
    fn lock(path: &Path) -> io::Result<Attempts> {
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path)?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
        let mut text = String::new();
        let _ = (&mut file).take(64).read_to_string(&mut text)?;
        let wrong = Wrong::parse(&text);
        Ok(Attempts { file, wrong })
    }

    fn write(&mut self, wrong: Wrong) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        write!(self.file, "{} {}", wrong.count, wrong.at)?;
        self.wrong = wrong;
        Ok(())
    }

    /// Checks a PIN, unless the pause after the last one is not over.
    fn check(&mut self, hash: &PinHash, pin: &str, now: impl Fn() -> u64) -> io::Result<bool> {
        if !self.wrong.left(now()).is_zero() {
            return Ok(false);
        }
        let fits = hash.fits(pin);
        let count = if fits {
            0
        } else {
            self.wrong.count.saturating_add(1)
        };
        self.write(Wrong { count, at: now() })?;
        Ok(fits)
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

    /// Asks whoever sits at a console for what the rule wants. False: there is no shell for them now.
    ///
    /// # Errors
    /// What the console says, or the file of attempts: then there is no shell either.
    pub fn admits(&self, tty: &mut Tty) -> io::Result<bool> {
        match &self.rule {
            Shell::No => Ok(false),
            Shell::Yes => Ok(true),
            Shell::Pin(hash) => ask(tty, hash, &self.attempts),
        }
    }
}

fn ask(tty: &mut Tty, hash: &PinHash, attempts: &Path) -> io::Result<bool> {
    tty.clear()?;
    for _ in 0..AT_ONCE {
        let left = Attempts::lock(attempts)?.wrong.left(facts::uptime_ms());
        if !left.is_zero() {
            let seconds = left.as_secs() + 1;
            write!(tty, "After a wrong PIN the next one is in {seconds} s.\r\n")?;
            std::thread::sleep(left);
            // What was typed meanwhile is nobody's PIN.
            rustix::termios::tcflush(tty.file(), rustix::termios::QueueSelector::IFlush)?;
        }
        write!(tty, "PIN for a shell (Esc goes back): ")?;
        let Some(pin) = read(tty)? else {
            return Ok(false);
        };
        write!(tty, "\r\n")?;
        if Attempts::lock(attempts)?.check(hash, &pin, facts::uptime_ms)? {
            return Ok(true);
        }
        write!(tty, "That is not the PIN.\r\n")?;
    }
    Ok(false)
}

/// Reads a PIN that is not shown; nothing where the person left.
fn read(tty: &mut Tty) -> io::Result<Option<String>> {
    let mut typing = Typing::default();
    let until = Instant::now() + PATIENCE;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let mut ready = [PollFd::from_borrowed_fd(tty.file().as_fd(), PollFlags::IN)];
        rustix::event::poll(&mut ready, Some(&timeout))?;
        if ready[0].revents().is_empty() {
            if left.is_zero() {
                return Ok(None);
            }
            continue;
        }
        let mut byte = [0];
        if tty.read(&mut byte)? == 0 {
            return Ok(None);
        }
        match typing.feed(byte[0]) {
            Typed::Done => return Ok(Some(typing.0)),
            Typed::Left => return Ok(None),
            Typed::More => {}
        }
    }
}

/// The second screen: waits for Enter, asks, and becomes the shell. Init starts it anew when it ends.
///
/// # Errors
/// What the console says, or that there is no shell.
pub fn second_screen(_allowed: Phase1) -> anyhow::Result<()> {
    let gate = Gate::new(offers::shell(Path::new(OFFERS)));
    let mut tty = Tty::open(Path::new("/proc/self/fd/0"))?;
    let words = match gate.rule {
        Shell::No => {
            "There is no shell here (shell: no in Boottorrent.yaml). The menu is on the first screen."
        }
        Shell::Yes | Shell::Pin(_) => "Press Enter for a shell. The menu is on the first screen.",
    };
    loop {
        write!(tty, "{words}\r\n")?;
        let mut byte = [0];
        while byte[0] != b'\r' && byte[0] != b'\n' {
            if tty.read(&mut byte)? == 0 {
                return Ok(());
            }
        }
        if gate.admits(&mut tty)? {
            break;
        }
        tty.clear()?;
    }
    drop(tty);
    Err(Command::new("/bin/sh").arg0("-sh").exec().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end_somewhere() {
        let seconds: Vec<u64> = (0..12).map(|wrong| pause(wrong).as_secs()).collect();
        assert_eq!(seconds, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }

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

    #[test]
    fn wrong_pins_count_for_all_who_ask_and_are_not_even_looked_at_too_early() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("attempts");
        let hash = PinHash::of("2468", &[7; catalog::shell::SALT]).expect("a hash");
        let check = |pin: &str, at: u64| {
            let mut attempts = Attempts::lock(&path).expect("the file");
            let fits = attempts.check(&hash, pin, || at).expect("checked");
            (fits, attempts.wrong.count)
        };
        assert_eq!(check("1111", 5_000), (false, 1));
        assert_eq!(
            check("2468", 5_999),
            (false, 1),
            "too early, and not counted"
        );
        assert_eq!(check("2222", 6_000), (false, 2));
        assert_eq!(check("2468", 8_000), (true, 0));
        assert_eq!(check("3333", 8_001), (false, 1), "begins anew");
    }

    #[test]
    fn a_damaged_count_is_none_and_a_lock_waits() {
        for text in ["", "x 1", "1", "-1 5", "99999999999 1"] {
            assert_eq!(Wrong::parse(text), Wrong::default(), "{text}");
        }
        assert_eq!(Wrong::parse("3 77\n"), Wrong { count: 3, at: 77 });
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("attempts");
        let held = Attempts::lock(&path).expect("the file");
        let other = File::open(&path).expect("the file");
        let taken = rustix::fs::flock(&other, FlockOperation::NonBlockingLockExclusive);
        assert!(taken.is_err());
        drop(held);
        rustix::fs::flock(&other, FlockOperation::NonBlockingLockExclusive).expect("free");
    }
}
