//! A machine's serial console: read all the time, searchable with the times at which text came,
//! and a keyboard to type on.
//!
//! Searching sees plain text: control sequences are taken out, and one that moves the cursor
//! becomes a space within its row and a line break elsewhere, so that words from different places
//! of a screen never run together. A program that redraws only what changed is better read on the
//! machine's screen ([`crate::Machine::screen_text`]).

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::Stop;

/// Older text is forgotten beyond this; the log file keeps everything.
const REMEMBERED: usize = 8 << 20;
/// How much of the end of the console an error message shows, in lines.
const TAIL: usize = 25;

/// The serial console of one machine.
#[derive(Debug)]
pub struct Console {
    shared: Arc<Shared>,
    keyboard: UnixStream,
    stop: Stop,
}

impl Console {
    /// Reads `line` until it closes, keeping every byte in the file `log`. Times count from now.
    pub(crate) fn attach(line: UnixStream, log: &Path, stop: &Stop) -> Result<Console> {
        let shared = Arc::new(Shared::default());
        let log = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let reader = line.try_clone()?;
        let writer = Arc::clone(&shared);
        thread::Builder::new()
            .name("serial".into())
            .spawn(move || writer.fill(reader, log))?;
        Ok(Console {
            shared,
            keyboard: line,
            stop: stop.clone(),
        })
    }

    /// Waits until `text` was printed and hands back when that was, since power-on. Text that is
    /// there already counts.
    ///
    /// # Errors
    /// With the end of the console in the message: when the deadline passes, when the machine
    /// ends, when the lab is told to stop.
    pub fn wait_for(&self, text: &str, deadline: Duration) -> Result<Duration> {
        let begin = Instant::now();
        let mut seen = self.shared.lock();
        let mut searched = 0;
        loop {
            let from = seen.boundary(searched.max(seen.forgotten) - seen.forgotten);
            if let Some(at) = seen.plain[from..].find(text) {
                return Ok(seen.time_of(from + at + text.len()));
            }
            searched = (seen.forgotten + seen.plain.len()).saturating_sub(text.len());
            self.stop.check()?;
            if seen.closed {
                bail!(
                    "the machine ended before it printed {text:?}\n{}",
                    seen.tail()
                );
            }
            if begin.elapsed() > deadline {
                bail!(
                    "no {text:?} on the console within {} s\n{}",
                    deadline.as_secs(),
                    seen.tail()
                );
            }
            seen = self
                .shared
                .grown
                .wait_timeout(seen, Duration::from_millis(200))
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Whether `text` was printed already.
    pub fn contains(&self, text: &str) -> bool {
        self.shared.lock().plain.contains(text)
    }

    /// The last line printed that contains `text`.
    pub fn line_with(&self, text: &str) -> Option<String> {
        let seen = self.shared.lock();
        let found = seen.plain.lines().rev().find(|line| line.contains(text));
        found.map(str::to_owned)
    }

    /// The last lines, for messages.
    pub fn tail(&self) -> String {
        self.shared.lock().tail()
    }

    /// Types `keys` on the serial line, byte for byte: Enter is `"\r"`.
    pub fn type_text(&self, keys: &str) -> Result<()> {
        (&self.keyboard)
            .write_all(keys.as_bytes())
            .context("the serial line is closed")
    }
}

#[derive(Debug, Default)]
struct Shared {
    seen: Mutex<Seen>,
    grown: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        // A test that panicked while looking at the console must not hide its own message.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, mut line: UnixStream, mut log: File) {
        let begin = Instant::now();
        let mut plain = PlainText::default();
        let mut chunk = [0; 4096];
        while let Ok(length @ 1..) = line.read(&mut chunk) {
            // A full disk must not end the machine's boot; only the log suffers.
            let _ = log.write_all(&chunk[..length]);
            let mut seen = self.lock();
            for &byte in &chunk[..length] {
                plain.push(byte, &mut seen.plain);
            }
            let end = seen.forgotten + seen.plain.len();
            seen.times.push((end, begin.elapsed()));
            seen.forget();
            self.grown.notify_all();
        }
        self.lock().closed = true;
        self.grown.notify_all();
    }
}

#[derive(Debug, Default)]
struct Seen {
    plain: String,
    /// Bytes of plain text that were dropped at the front.
    forgotten: usize,
    /// How much text (counted with the forgotten) was there at which time.
    times: Vec<(usize, Duration)>,
    closed: bool,
}

impl Seen {
    fn time_of(&self, position: usize) -> Duration {
        let position = self.forgotten + position;
        let after = self.times.partition_point(|&(end, _)| end < position);
        self.times.get(after).map_or(Duration::ZERO, |&(_, at)| at)
    }

    fn forget(&mut self) {
        if self.plain.len() > REMEMBERED {
            let cut = self.boundary(self.plain.len() - REMEMBERED / 2);
            self.plain.drain(..cut);
            self.forgotten += cut;
        }
    }

    fn boundary(&self, mut at: usize) -> usize {
        while !self.plain.is_char_boundary(at) {
            at -= 1;
        }
        at
    }

    fn tail(&self) -> String {
        let mut lines: Vec<&str> = self
            .plain
            .lines()
            .rev()
            .filter(|line| !line.trim().is_empty())
            .take(TAIL)
            .collect();
        lines.reverse();
        let mut text = String::from("--- end of its console ---\n");
        for line in lines {
            text.push_str("    ");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Takes the control sequences out of a terminal's byte stream, one byte at a time.
#[derive(Debug, Default)]
struct PlainText {
    state: State,
    /// A character of several bytes that has not come completely.
    partial: Vec<u8>,
    /// The first number of the sequence being read: the row, where it places the cursor.
    number: u32,
    first_number: bool,
    /// The row the cursor was placed in last.
    row: u32,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Text,
    Escape,
    /// After `ESC [`, until a letter.
    Sequence,
    /// After `ESC ]` and its kin, until BEL or `ESC \`.
    Title,
}

impl PlainText {
    fn push(&mut self, byte: u8, text: &mut String) {
        self.state = match (&self.state, byte) {
            (State::Text | State::Escape, 0x1b) => State::Escape,
            (State::Text, _) => {
                self.visible(byte, text);
                State::Text
            }
            (State::Escape, b'[') => {
                (self.number, self.first_number) = (0, true);
                State::Sequence
            }
            (State::Escape, b']' | b'P' | b'_' | b'^') => State::Title,
            // A character set is named by one more byte, which is an argument too.
            (State::Escape, b'(' | b')' | b'%') => State::Escape,
            (State::Escape, _) => State::Text,
            (State::Sequence, b'0'..=b'?' | b' '..=b'/') => {
                self.argument(byte);
                State::Sequence
            }
            (State::Sequence, _) => {
                self.moved(byte, text);
                State::Text
            }
            (State::Title, 0x07) => State::Text,
            (State::Title, 0x1b) => State::Escape,
            (State::Title, _) => State::Title,
        };
    }

    fn argument(&mut self, byte: u8) {
        match byte {
            b'0'..=b'9' if self.first_number => {
                let number = self.number.saturating_mul(10);
                self.number = number.saturating_add(u32::from(byte - b'0'));
            }
            _ => self.first_number = false,
        }
    }

    /// What the end of a sequence means for plain text; `kind` is its last letter (ECMA-48).
    fn moved(&mut self, kind: u8, text: &mut String) {
        let gap = match kind {
            // Colours and modes move nothing; erasing is not undone.
            b'm' | b'h' | b'l' | b'J' | b'K' => return,
            b'H' | b'f' if std::mem::replace(&mut self.row, self.number) == self.number => ' ',
            b'C' | b'G' => ' ',
            _ => '\n',
        };
        let before = text.chars().next_back().unwrap_or('\n');
        if before != '\n' && before != gap {
            text.push(gap);
        }
    }

    fn visible(&mut self, byte: u8, text: &mut String) {
        match byte {
            b'\n' => text.push('\n'),
            b'\t' | b' '..=b'~' => text.push(char::from(byte)),
            0x80.. => {
                self.partial.push(byte);
                if let Ok(character) = std::str::from_utf8(&self.partial) {
                    text.push_str(character);
                } else if self.partial.len() < 4 {
                    return;
                }
            }
            _ => {}
        }
        self.partial.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(bytes: &[u8]) -> String {
        let mut text = String::new();
        let mut filter = PlainText::default();
        for &byte in bytes {
            filter.push(byte, &mut text);
        }
        text
    }

    #[test]
    fn control_sequences_vanish_and_words_stay_apart() {
        for (bytes, expected) in [
            (&b"plain\r\ntext\n"[..], "plain\ntext\n"),
            (b"\x1b[1;32mgreen\x1b[0m text", "green text"),
            (b"above\x1b[5;4Hleft\x1b[5;40Hright", "above\nleft right"),
            (b"one\x1b[?25l\x1b[2K word", "one word"),
            (b"\x1b]0;title\x07after", "after"),
            (b"\x1b]0;title\x1b\\after", "after"),
            (b"\x1b(Bword", "word"),
            ("gr\u{fc}n \u{2502}".as_bytes(), "gr\u{fc}n \u{2502}"),
            (b"\xff\xff\xff\xffok", "ok"),
        ] {
            assert_eq!(plain(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn waiting_finds_text_that_comes_in_pieces_and_fails_with_the_tail() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("serial.log");
        let console = Console::attach(ours, &log, &Stop::never()).unwrap();
        theirs.write_all(b"hel").unwrap();
        let waiting = thread::scope(|scope| {
            let waiting = scope.spawn(|| console.wait_for("hello", Duration::from_secs(20)));
            theirs.write_all(b"lo there\n").unwrap();
            waiting.join().unwrap()
        });
        waiting.unwrap();
        drop(theirs);
        let failure = console.wait_for("never said", Duration::from_secs(20));
        let message = failure.unwrap_err().to_string();
        assert!(message.contains("machine ended") && message.contains("hello there"));
        assert_eq!(std::fs::read(log).unwrap(), b"hello there\n");
    }
}
