//! A machine's serial console: read all the time, searchable with the times at which text came,
//! and a keyboard to type on.
//!
//! Searching sees plain text: control sequences are taken out, and one that moves the cursor
//! becomes a space within its row and a line break elsewhere, so that words from different places
//! of a screen never run together. A program that redraws only what changed is better read on the
//! machine's screen ([`crate::Machine::screen_text`]).

mod plain;

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::Stop;
use plain::PlainText;

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

#[cfg(test)]
mod tests {
    use super::*;

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
