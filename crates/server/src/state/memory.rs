//! State in memory, where no folder on a disk can be had: a folder for one run, named after its process.
//!
//! Everybody may make folders there, so nothing is touched that is not this user's own, and no link is
//! followed. What a killed server left is removed by the next one of the same user, if its lock is free.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::geteuid;

use super::lock::{self, LOCK, Refusal};
use super::{make, owned};

/// Where the folders are.
pub(super) const VOLATILE: &str = "/dev/shm";
/// How their names begin; the process id follows.
const NAME: &str = "bt-server-";
/// How often the folder is made. Between making and locking it looks like a killed server's.
const TRIES: u32 = 3;

/// Makes this process's folder, and locks it.
///
/// # Errors
/// There is no such memory, or the folder is somebody else's.
pub(super) fn take() -> Result<(PathBuf, File), Refusal> {
    let folder = Path::new(VOLATILE).join(format!("{NAME}{}", std::process::id()));
    let mut left = TRIES;
    loop {
        left -= 1;
        make(&folder)?;
        owned(&folder, geteuid().as_raw(), None)?;
        match lock::take(&folder, Duration::ZERO) {
            Err(Refusal::Failed(e)) if e.kind() == io::ErrorKind::NotFound && left > 0 => {}
            taken => return taken.map(|lock| (folder, lock)),
        }
    }
}

/// Removes what killed servers of this user left in `base`. What cannot be removed stays.
pub(super) fn tidy(base: &Path) {
    let Ok(listed) = fs::read_dir(base) else {
        return;
    };
    for folder in listed.filter_map(|entry| Some(entry.ok()?.path())) {
        if is_named_as_ours(&folder) {
            let _ = remove(&folder);
        }
    }
}

fn is_named_as_ours(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    let process = name.and_then(|name| name.strip_prefix(NAME));
    process.is_some_and(|process| process.parse::<u32>().is_ok())
}

/// Removes a folder that is this user's and that no server holds.
fn remove(folder: &Path) -> io::Result<()> {
    let flags = OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY;
    let found = File::options()
        .read(true)
        .custom_flags(flags.bits())
        .open(folder)?;
    if found.metadata()?.uid() != geteuid().as_raw() {
        return Ok(());
    }
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let lock = File::options()
        .read(true)
        .write(true)
        .custom_flags(flags.bits())
        .open(folder.join(LOCK));
    match lock {
        // Held until all is gone: who waits for it makes a folder of their own then.
        Ok(lock) if lock.metadata()?.is_file() => {
            lock.try_lock()?;
            fs::remove_dir_all(folder)
        }
        Ok(_) => Ok(()),
        // Killed before it had a lock, or it is just about to make one: this removes an empty folder only.
        Err(e) if e.kind() == io::ErrorKind::NotFound => fs::remove_dir(folder),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder as a server of this process id has it.
    fn folder(base: &Path, process: &str) -> PathBuf {
        let folder = base.join(format!("{NAME}{process}"));
        fs::create_dir_all(folder.join("hashes")).expect("made");
        fs::write(folder.join("hashes/x"), "").expect("written");
        folder
    }

    #[test]
    fn what_killed_servers_left_is_removed() {
        let base = tempfile::tempdir().expect("a folder");
        let killed = folder(base.path(), "12");
        drop(lock::take(&killed, Duration::ZERO).expect("free"));
        let unfinished = base.path().join(format!("{NAME}13"));
        fs::create_dir(&unfinished).expect("made");

        let running = folder(base.path(), "14");
        let lock = lock::take(&running, Duration::ZERO).expect("free");
        // Nothing of ours, for all we know.
        let unlocked = folder(base.path(), "15");
        let named = folder(base.path(), "notes");
        drop(lock::take(&named, Duration::ZERO).expect("free"));
        let elsewhere = base.path().join("elsewhere");
        fs::create_dir(&elsewhere).expect("made");
        drop(lock::take(&elsewhere, Duration::ZERO).expect("free"));
        let link = base.path().join(format!("{NAME}16"));
        symlink(&elsewhere, &link).expect("a link");
        let lock_link = folder(base.path(), "17");
        symlink(elsewhere.join(LOCK), lock_link.join(LOCK)).expect("a link");

        tidy(base.path());
        assert!(!killed.exists() && !unfinished.exists());
        for kept in [&running, &unlocked, &named, &link, &lock_link] {
            assert!(kept.exists(), "{}", kept.display());
        }
        assert!(elsewhere.join(LOCK).exists());
        drop(lock);
        tidy(base.path());
        assert!(!running.exists());
    }

    #[test]
    #[ignore = "needs root; cargo xtask test runs it"]
    fn other_peoples_folders_stay() {
        let base = tempfile::tempdir().expect("a folder");
        let theirs = folder(base.path(), "12");
        drop(lock::take(&theirs, Duration::ZERO).expect("free"));
        std::os::unix::fs::chown(&theirs, Some(4321), None).expect("root");
        tidy(base.path());
        assert!(theirs.join("hashes/x").exists());
        std::os::unix::fs::chown(&theirs, Some(0), None).expect("root");
        tidy(base.path());
        assert!(!theirs.exists());
    }
}
