//! An initrd's file gives its memory back as soon as the kernel has read it, while the kernel still loads it.
//!
//! kexec_file_load reads the whole file into a buffer of its own, hashes that, and copies it to where the new kernel will find
//! it: with the file three times the initrd, and twice where the file is gone before the last copy. While the kernel
//! reads a file nobody can open it for writing (`deny_write_access` in its kernel_read_file): a file that was busy and
//! no longer is has been read. Small files are let alone, and so is one that is read in less than a look.
//!
//! It is denied to writers in the same way while the kernel looks for a buffer that it then does not get (ENOMEM), and what it
//! has read it may find too long at once (EINVAL). Nothing is gained then by emptying the file, and everything has to be fetched
//! again, so the file stays after an error, and for as long as such an error may still be on its way.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::is_busy;

/// From so many bytes on an initrd is worth it; reading them takes a machine several times [`LOOK`].
pub(super) const WORTH: u64 = 8 << 20;
/// Between two looks. The kernel finds the file open for writing only if it begins in the middle of one.
const LOOK: Duration = Duration::from_millis(1);

/// The least time from the last look at which a file was being read until it is emptied. Giving a buffer back takes the
/// kernel less than a quarter of the time in which it filled it, and hashing it more.
const SETTLES: Duration = Duration::from_millis(5);

/// Runs `load`, which has the kernel read the file, and empties it as soon as that was done. Tells what came of it, and
/// whether the file is empty: where loading failed after that, it has to be fetched again.
pub(super) fn once_read<T>(
    file: &Path,
    load: impl FnOnce() -> io::Result<T>,
) -> (io::Result<T>, bool) {
    let succeeded = OnceLock::new();
    std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch(file, Reading::default(), &succeeded));
        let result = load();
        let _ = succeeded.set(result.is_ok());
        let emptied = watch.join().is_ok_and(|emptied| emptied.unwrap_or(false));
        (result, emptied)
    })
}

/// Looks until the file is emptied or loading has ended; tells whether it was emptied. `succeeded` is set when loading has ended.
fn watch(path: &Path, mut reading: Reading, succeeded: &OnceLock<bool>) -> io::Result<bool> {
    loop {
        let ended = succeeded.get().copied();
        if ended == Some(false) {
            return Ok(false);
        }
        if let Some(file) = reading.look(path, Instant::now(), ended.is_some())? {
            return empty(&file).map(|()| true);
        }
        if ended.is_some() {
            return Ok(false);
        }
        std::thread::sleep(LOOK);
    }
}

/// What was seen of the kernel's reading: the first and the last look at which it went on.
#[derive(Debug, Default)]
struct Reading {
    seen: Option<(Instant, Instant)>,
}

impl Reading {
    /// Looks once: the file where it was being read before and no longer is, so that it can be emptied.
    fn look(&mut self, path: &Path, now: Instant, has_loaded: bool) -> io::Result<Option<File>> {
        match File::options().write(true).open(path) {
            Err(error) if is_busy(&error) => {
                let (first, _) = self.seen.unwrap_or((now, now));
                self.seen = Some((first, now));
                Ok(None)
            }
            Err(error) => Err(error),
            Ok(file) => Ok(Some(file).filter(|_| self.is_over(now, has_loaded))),
        }
    }

    fn is_over(&self, now: Instant, has_loaded: bool) -> bool {
        self.seen.is_some_and(|(first, last)| {
            let settles = SETTLES.max((last - first) / 4);
            has_loaded || now.saturating_duration_since(last) >= settles
        })
    }
}

/// Takes a file's bytes away and leaves its length, as a download finds one that it has yet to fetch.
fn empty(file: &File) -> io::Result<()> {
    let length = file.metadata()?.len();
    file.set_len(0)?;
    file.set_len(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::process::Command;

    #[test]
    fn what_was_read_is_emptied_and_what_was_not_stays() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("initrd");
        fs::copy("/bin/sleep", &path).expect("a copy");
        let bytes = || fs::read(&path).expect("the copy");
        let whole = bytes();
        assert!(whole.starts_with(b"\x7fELF"));
        let (loaded, emptied) = once_read(&path, || Ok(7));
        assert_eq!((loaded.expect("it loads"), emptied), (7, false));
        assert_eq!(bytes(), whole);

        let (mut reading, start) = (Reading::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut is_over = |ms: u64, has_loaded: bool| {
            let file = reading.look(&path, at(ms), has_loaded).expect("a file");
            file.map(|file| empty(&file).expect("emptied")).is_some()
        };
        assert!(!is_over(0, false) && !is_over(0, true));
        let mut child = Reader::start(&path);
        assert!(!is_over(1000, false));
        assert!(!is_over(1080, true));
        child.end();
        // A quarter of what the reading took.
        assert!(!is_over(1099, false));
        assert_eq!(bytes(), whole);
        assert!(is_over(1100, false));
        assert_eq!(bytes(), vec![0; whole.len()]);
        let none = folder.path().join("none");
        assert!(Reading::default().look(&none, start, true).is_err());
    }

    #[test]
    fn a_reading_that_was_seen_once_settles_too_and_what_has_loaded_at_once() {
        let start = Instant::now();
        let reading = Reading {
            seen: Some((start, start)),
        };
        assert!(!reading.is_over(start + SETTLES / 2, false));
        assert!(reading.is_over(start + SETTLES, false));
        assert!(reading.is_over(start, true));
        assert!(!Reading::default().is_over(start + SETTLES, true));
    }

    /// The watcher has seen the file being read when loading ends, and finds it free only afterwards.
    #[test]
    fn the_file_stays_after_an_error_and_goes_after_success() {
        for succeeds in [false, true] {
            let folder = tempfile::tempdir().expect("a directory");
            let path = folder.path().join("initrd");
            fs::copy("/bin/sleep", &path).expect("a copy");
            let whole = fs::read(&path).expect("the copy");
            let mut child = Reader::start(&path);
            let succeeded = OnceLock::new();
            let mut reading = Reading::default();
            let looked = reading.look(&path, Instant::now(), false);
            assert!(looked.expect("a file").is_none() && reading.seen.is_some());
            child.end();
            succeeded.set(succeeds).expect("once");
            let emptied = watch(&path, reading, &succeeded).expect("a file");
            assert_eq!(emptied, succeeds);
            let now = fs::read(&path).expect("the copy");
            assert_eq!(now == whole, !succeeds);
            assert_eq!(now.len(), whole.len());
        }
    }

    /// A program that runs is denied to writers in the same way as a file that the kernel reads, from before `spawn` returns.
    struct Reader(std::process::Child);

    impl Reader {
        fn start(path: &Path) -> Reader {
            let child = Command::new(path).arg("1000").spawn();
            Reader(child.expect("it runs"))
        }

        fn end(&mut self) {
            self.0.kill().expect("it runs");
            self.0.wait().expect("its end");
        }
    }
}
