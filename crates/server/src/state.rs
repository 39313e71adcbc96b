//! Where state lives between two runs. Chosen and, where it has to be, made before root is dropped;
//! holds nothing itself.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::user::User;

/// The state folder of a server started by root without `--state`.
const SYSTEM: &str = "/var/lib/bt-server";

/// Makes the state folder ready for `user` (`None`: the process keeps what it is): `wanted`, else
/// the system's, else the user's XDG state folder. Mode 0700.
///
/// # Errors
/// `wanted` cannot be made or given to the user.
pub fn folder(wanted: Option<&Path>, user: Option<&User>) -> anyhow::Result<PathBuf> {
    if let Some(dir) = wanted {
        make(dir, user).with_context(|| {
            format!(
                "--state {}: cannot be used; name a folder that can be written",
                dir.display()
            )
        })?;
        return Ok(dir.to_owned());
    }
    let system = Path::new(SYSTEM);
    if user.is_some() && make(system, user).is_ok() {
        return Ok(system.to_owned());
    }
    let xdg = xdg();
    make(&xdg, user).with_context(|| {
        format!(
            "no state folder: {} cannot be made; name one with --state",
            xdg.display()
        )
    })?;
    Ok(xdg)
}

fn xdg() -> PathBuf {
    let base = std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute());
    let home = || {
        PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/tmp".into()))
            .join(".local/state")
    };
    base.unwrap_or_else(home).join("bt-server")
}

/// Makes `dir`, private to the user. A folder that is there already is somebody's: its owner and
/// mode are left as they are, and it must be the user's own.
fn make(dir: &Path, user: Option<&User>) -> io::Result<()> {
    if dir.is_dir() {
        let owner = fs::metadata(dir)?.uid();
        return match user {
            Some(user) if user.uid != owner => Err(io::Error::other(format!(
                "it belongs to uid {owner}; give it to {0} (chown {0} {1})",
                user.name,
                dir.display()
            ))),
            _ => Ok(()),
        };
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)?;
    match user {
        Some(user) => chown(dir, Some(user.uid), Some(user.gid)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn wanted_folder_is_made_private() {
        let base = tempfile::tempdir().expect("a folder");
        let dir = base.path().join("a/b");
        assert_eq!(folder(Some(&dir), None).expect("made"), dir);
        let mode = fs::metadata(&dir).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let base = tempfile::tempdir().expect("a folder");
        let file = base.path().join("state");
        fs::write(&file, "").expect("written");
        let text = format!(
            "{:#}",
            folder(Some(&file.join("x")), None).expect_err("a file is in the way")
        );
        assert!(text.contains("--state"), "{text}");
    }
}
