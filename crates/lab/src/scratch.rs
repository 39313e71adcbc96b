//! A folder that is gone when we are, whatever ends us.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::watcher::Watcher;

/// A new folder, readable by everybody. Dropping it removes it with all that is in it; so does the
/// end of this process, also when it is killed.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    _watcher: Watcher,
}

impl Scratch {
    /// Makes one below `folder`, with a name that begins with `bt-lab-`.
    pub fn new_in(folder: &Path) -> Result<Scratch> {
        let made = tempfile::Builder::new()
            .prefix("bt-lab-")
            .tempdir_in(folder)
            .with_context(|| format!("cannot make a folder in {}", folder.display()))?;
        // A server that drops root must still reach what lies in here.
        fs::set_permissions(made.path(), fs::Permissions::from_mode(0o755))?;
        let watcher = Watcher::start(made.path())?;
        Ok(Scratch {
            path: made.keep(),
            _watcher: watcher,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_gone_when_it_is_dropped() {
        let outer = tempfile::tempdir().unwrap();
        let scratch = Scratch::new_in(outer.path()).unwrap();
        let path = scratch.path().to_owned();
        fs::write(path.join("file"), "1").unwrap();
        drop(scratch);
        assert!(!path.exists());
    }
}
