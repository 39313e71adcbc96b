//! What tells a file from the one that was there before, short of reading it again.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long a file system's clock may stand still: a tick of the kernel, which is 10 ms at most, and
/// some more for a file server whose clock is not quite ours.
const TICK: Duration = Duration::from_millis(100);

/// The same for a file system that counts whole seconds. FAT counts every other one.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// A file as its metadata describe it. Two that are equal are taken for the same bytes.
///
/// The time of the last change of any kind (`ctime`) is part of it because nobody can set it: it gives
/// away who wrote to the file and then put the time of its last write back, as `cp -p` and archivers
/// do. The price is that a new owner, other rights or another hard link are a change too, which costs
/// hashing once more at the next start; while a file is served, [`Fingerprint::is_still`] is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Bytes.
    pub size: u64,
    /// When it was last written to: seconds and nanoseconds since 1970.
    pub modified: (i64, i64),
    /// When it or what is known about it last changed: seconds and nanoseconds since 1970.
    pub changed: (i64, i64),
    /// Its number in its file system.
    pub inode: u64,
    /// The file system's device. It tells a file from one in a file system mounted over it.
    pub device: u64,
}

impl Fingerprint {
    /// The file that `metadata` were read from.
    #[must_use]
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
        }
    }

    /// Whether `now` is the same file with the same content, as far as who serves it asks: everything but
    /// the time of the last change of any kind. Other rights, or a hard link that a backup makes, must not
    /// end a room's boot; and who writes into a file that is being served and puts its time back is found
    /// out by the machines, which check every piece.
    #[must_use]
    pub fn is_still(&self, now: &Self) -> bool {
        let changed = self.changed;
        *self == Self { changed, ..*now }
    }

    /// How long from `now` on until whatever is written to the file gives it another fingerprint; zero
    /// if that is so already.
    ///
    /// A write sets the file's times to its file system's clock. As long as that shows what it showed at
    /// the last write, one more of the same length changes the bytes and not the fingerprint. Times that
    /// lie well ahead of `now` are no reason to wait: a clock that was set back comes by there for a tick
    /// only, and one of another computer would have to be waited for without end.
    pub(crate) fn settles_in(&self, now: SystemTime) -> Duration {
        let now = nanos_since_1970(now);
        let rest = |(seconds, nanos): (i64, i64)| {
            let tick = if nanos == 0 { COARSE_TICK } else { TICK };
            let tick = tick.as_nanos() as i128;
            let age = now - (i128::from(seconds) * 1_000_000_000 + i128::from(nanos));
            if age.abs() < tick { tick - age } else { 0 }
        };
        // At most two ticks, so it fits.
        Duration::from_nanos(rest(self.modified).max(rest(self.changed)) as u64)
    }
}

fn nanos_since_1970(time: SystemTime) -> i128 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: (i64, i64) = (1_800_000_000, 500_000_000);

    fn settles_in(modified: (i64, i64), changed: (i64, i64)) -> u128 {
        let file = Fingerprint {
            size: 1,
            modified,
            changed,
            inode: 1,
            device: 1,
        };
        let now = UNIX_EPOCH + Duration::new(NOW.0 as u64, NOW.1 as u32);
        file.settles_in(now).as_millis()
    }

    #[test]
    fn young_files_settle_within_a_tick() {
        let old = (NOW.0 - 60, 1);
        let ago = |millis: i64| (NOW.0, NOW.1 - millis * 1_000_000);
        for (time, expected) in [
            (ago(0), 100),
            (ago(30), 70),
            (ago(100), 0),
            (ago(101), 0),
            // A clock that is ahead of ours: as long again.
            (ago(-30), 130),
            (ago(-99), 199),
            (ago(-100), 0),
            // Whole seconds: it may be any time in them.
            ((NOW.0, 0), 1500),
            ((NOW.0 - 1, 0), 500),
            ((NOW.0 - 2, 0), 0),
            ((NOW.0 + 1, 0), 2500),
            ((NOW.0 + 2, 0), 3500),
            ((NOW.0 + 3, 0), 0),
            // Nonsense, but no overflow.
            ((i64::MAX, i64::MAX), 0),
            ((i64::MIN, i64::MIN), 0),
        ] {
            assert_eq!(settles_in(old, time), expected, "changed at {time:?}");
            assert_eq!(settles_in(time, old), expected, "modified at {time:?}");
        }
    }

    #[test]
    fn a_clock_before_1970_is_a_clock() {
        let file = Fingerprint {
            size: 1,
            modified: (-10, 999_999_999),
            changed: (-10, 950_000_000),
            inode: 1,
            device: 1,
        };
        let now = UNIX_EPOCH - Duration::from_secs(9);
        assert_eq!(file.settles_in(now).as_nanos(), 99_999_999);
    }
}
