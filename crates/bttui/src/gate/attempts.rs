//! The count of wrong PINs, in a file that all who ask share, and the pause that it asks for.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::Duration;

use catalog::shell::PinHash;
use rustix::fs::FlockOperation;

/// The longest pause after a wrong PIN.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// How long after so many wrong PINs in a row the next one is looked at: 1, 2, 4 s and so on, five minutes at most.
fn pause(wrong: u32) -> Duration {
    match wrong {
        0 => Duration::ZERO,
        _ => Duration::from_secs(1 << (wrong - 1).min(30)).min(LONGEST_PAUSE),
    }
}

/// How many PINs in a row were wrong, and when the last was, in milliseconds since the kernel started.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Wrong {
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
    pub(super) fn left(&self, now: u64) -> Duration {
        let since = Duration::from_millis(now.saturating_sub(self.at));
        pause(self.count).saturating_sub(since)
    }
}

/// What came of one PIN.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Checked {
    /// It is the one.
    Fits,
    /// It is not, and was counted.
    Wrong,
    /// It was not looked at: another one was wrong a moment ago, perhaps elsewhere.
    TooEarly,
}

/// The count in its file, locked by whoever has this.
pub(super) struct Attempts {
    file: File,
    pub(super) wrong: Wrong,
}

impl Attempts {
    pub(super) fn lock(path: &Path) -> io::Result<Attempts> {
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
    pub(super) fn check(
        &mut self,
        hash: &PinHash,
        pin: &str,
        now: impl Fn() -> u64,
    ) -> io::Result<Checked> {
        if !self.wrong.left(now()).is_zero() {
            return Ok(Checked::TooEarly);
        }
        let fits = hash.fits(pin);
        let count = if fits {
            0
        } else {
            self.wrong.count.saturating_add(1)
        };
        self.write(Wrong { count, at: now() })?;
        Ok(match fits {
            true => Checked::Fits,
            false => Checked::Wrong,
        })
    }
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
    fn wrong_pins_count_for_all_who_ask_and_are_not_even_looked_at_too_early() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("attempts");
        let hash = PinHash::of("2468", &[7; catalog::shell::SALT]).expect("a hash");
        let check = |pin: &str, at: u64| {
            let mut attempts = Attempts::lock(&path).expect("the file");
            let came = attempts.check(&hash, pin, || at).expect("checked");
            (came, attempts.wrong.count)
        };
        assert_eq!(check("1111", 5_000), (Checked::Wrong, 1));
        assert_eq!(
            check("2468", 5_999),
            (Checked::TooEarly, 1),
            "too early, and not counted"
        );
        assert_eq!(check("2222", 6_000), (Checked::Wrong, 2));
        assert_eq!(check("2468", 8_000), (Checked::Fits, 0));
        assert_eq!(check("3333", 8_001), (Checked::Wrong, 1), "begins anew");
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
