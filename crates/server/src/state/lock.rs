//! One server at a time: a lock on the file `lock` in the state folder.
//!
//! The kernel gives it free when the process ends, however it ends (flock(2)), so a file that a killed
//! server left is nothing to clean up; it is never removed. Nobody else inherits it: the server starts
//! no other process.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::OFlag;

/// The file's name in the state folder.
const LOCK: &str = "lock";
/// Most of it that is read: a process id is shorter.
const SHOWN: u64 = 20;

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

/// Locks `folder` until the file that is handed back is closed. Waits for nobody.
///
/// # Errors
/// Another process holds it; the folder cannot be written, or its file system knows no locks.
pub(super) fn take(folder: &Path) -> Result<File, Refusal> {
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .mode(0o600)
        // Neither through a link to somewhere else, nor waiting for what is no file.
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(folder.join(LOCK))?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other(format!("{LOCK} in it is not a file")).into());
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(Refusal::Held(holder(&file))),
        Err(TryLockError::Error(e)) => {
            let text = format!("it cannot be locked ({e}); take one on a disk of this computer");
            return Err(io::Error::new(e.kind(), text).into());
        }
    }
    // For people only: the lock holds on a full disk too.
    let _ = file
        .set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    Ok(file)
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
