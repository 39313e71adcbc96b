//! An initrd's file gives its memory back as soon as the kernel has read it, while the kernel still loads it.
//!
//! kexec_file_load reads the whole file into a buffer of its own, hashes that, and copies it to where the new kernel will find
//! it: with the file three times the initrd, and twice where the file is gone before the last copy. While the kernel
//! reads a file nobody can open it for writing (`deny_write_access` in its kernel_read_file): a file that was busy and
//! no longer is has been read. Small files are let alone, and so is one that is read in less than a look.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::is_busy;

/// From so many bytes on an initrd is worth it; reading them takes a machine several times [`LOOK`].
pub(super) const WORTH: u64 = 8 << 20;
/// Between two looks. The kernel finds the file open for writing only if it begins in the middle of one.
const LOOK: Duration = Duration::from_millis(1);

/// Runs `load`, which has the kernel read the file, and empties it as soon as that was done. Where loading fails later, the
/// file has to be fetched again.
pub(super) fn once_read<T>(file: &Path, load: impl FnOnce() -> T) -> T {
    let loaded = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| empty_once_read(file, &loaded));
        let result = load();
        loaded.store(true, Ordering::Release);
        result
    })
}

fn empty_once_read(path: &Path, loaded: &AtomicBool) -> io::Result<()> {
    let mut reading = Reading::default();
    loop {
        let is_last = loaded.load(Ordering::Acquire);
        if reading.is_over(path)? || is_last {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
}

/// What was seen of the kernel's reading.
#[derive(Debug, Default)]
struct Reading {
    has_begun: bool,
}

impl Reading {
    /// Looks once, and empties the file where it was being read before and no longer is.
    fn is_over(&mut self, path: &Path) -> io::Result<bool> {
        match File::options().write(true).open(path) {
            Err(error) if is_busy(&error) => self.has_begun = true,
            Err(error) => return Err(error),
            Ok(file) if self.has_begun => return empty(&file).map(|()| true),
            Ok(_) => {}
        }
        Ok(false)
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
        assert_eq!(once_read(&path, || 7), 7);
        assert_eq!(bytes(), whole);

        let mut reading = Reading::default();
        assert!(!reading.is_over(&path).expect("a file"));
        // A program that runs is denied to writers in the same way, from before `spawn` returns.
        let mut child = Command::new(&path).arg("1000").spawn().expect("it runs");
        assert!(!reading.is_over(&path).expect("a file"));
        assert_eq!(bytes(), whole);
        child.kill().expect("it runs");
        child.wait().expect("its end");
        assert!(reading.is_over(&path).expect("a file"));
        assert_eq!(bytes(), vec![0; whole.len()]);
        assert!(reading.is_over(&folder.path().join("none")).is_err());
    }
}
