//! One server at a time: a lock on the file `lock` in the state folder.
//!
//! The kernel gives it free when the process ends, however it ends (flock(2)), so a file that a killed
//! server left is nothing to clean up; it is never removed but with its folder. Nobody else inherits it: the
//! server starts no other process.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;

/// The file's name in the state folder.
pub(super) const LOCK: &str = "lock";
/// Most of it that is read: a process id is shorter.
const SHOWN: u64 = 20;
/// Between two looks at a lock that somebody holds.
const PAUSE: Duration = Duration::from_millis(50);

/// Why a folder is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// Another server has it; the text says which.
    #[error("another bt-server ({0}) keeps its state there")]
    Held(String),
    /// It cannot be made, written or locked.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

/// Locks `folder` until the file that is handed back is closed. Where somebody holds it, that one is
/// given `patience` to end.
///
/// # Errors
/// Another process holds it; the folder cannot be written, or its file system knows no locks.
pub(super) fn take(folder: &Path, patience: Duration) -> Result<File, Refusal> {
    let begun = Instant::now();
    loop {
        let mut file = open(folder)?;
        match file.try_lock() {
            Ok(()) if is_at(&file, folder)? => {
                // For people only: the lock holds on a full disk too.
                let _ = file
                    .set_len(0)
                    .and_then(|()| writeln!(file, "{}", std::process::id()));
                return Ok(file);
            }
            // Who held it removed it: the lock is on a file that nobody finds any more.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(Refusal::Held(holder(&file))),
            Err(TryLockError::Error(e)) => {
                let text =
                    format!("it cannot be locked ({e}); take one on a disk of this computer");
                return Err(io::Error::new(e.kind(), text).into());
            }
        }
    }
}

/// Waits for one of those of `folders` that somebody holds to come free, for `patience` at most. Takes none of them,
/// and makes nothing.
pub(super) fn wait(folders: &[PathBuf], patience: Duration) {
    let begun = Instant::now();
    let held: Vec<_> = folders.iter().filter(|folder| is_held(folder)).collect();
    while !held.is_empty()
        && held.iter().all(|folder| is_held(folder))
        && begun.elapsed() < patience
    {
        thread::sleep(PAUSE);
    }
}

fn is_held(folder: &Path) -> bool {
    let opened = File::options()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(folder.join(LOCK));
    // A shared lock is free again right here; who takes the folder in this moment tries again.
    opened.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn open(folder: &Path) -> io::Result<File> {
    let opened = File::options()
        .read(true)
        .write(true)
        .create(true)
        .mode(0o600)
        // Neither through a link to somewhere else, nor waiting for what is no file.
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(folder.join(LOCK));
    let file = opened.map_err(|e| match e.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ELOOP) => io::Error::other(format!("{LOCK} in it is a link; remove it")),
        _ => e,
    })?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(format!(
            "{LOCK} in it is not a file; remove it"
        )));
    }
    Ok(file)
}

/// Whether who looks for the lock in `folder` finds this file.
fn is_at(file: &File, folder: &Path) -> io::Result<bool> {
    let locked = file.metadata()?;
    match fs::symlink_metadata(folder.join(LOCK)) {
        Ok(found) => Ok((found.dev(), found.ino()) == (locked.dev(), locked.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

/// Who has the lock, as they wrote there.
fn holder(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(SHOWN).read_to_string(&mut text);
    match read.ok().and_then(|_| text.trim().parse::<u32>().ok()) {
        Some(pid) => format!("process {pid}"),
        // It has just taken it.
        None => "its process id is not known yet".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server in memory removes its folder at the end, maybe right when another has opened the file.
    #[test]
    fn a_lock_on_a_removed_file_is_none() {
        let base = tempfile::tempdir().expect("a folder");
        let opened = open(base.path()).expect("made");
        assert!(is_at(&opened, base.path()).expect("looked at"));
        fs::remove_file(base.path().join(LOCK)).expect("removed");
        assert!(!is_at(&opened, base.path()).expect("looked at"));
        let _new = take(base.path(), Duration::ZERO).expect("free");
        assert!(!is_at(&opened, base.path()).expect("looked at"));
    }
}
