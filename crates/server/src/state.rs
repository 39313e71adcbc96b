//! Where state lives between two runs. Chosen and, where it has to be, made before root is dropped;
//! holds nothing itself.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::user::User;

/// The state folder of a server started by root without `--state`.
const SYSTEM: &str = "/var/lib/bt-server";
/// Where a folder for this run only is made, in memory.
const VOLATILE: &str = "/dev/shm";

/// Makes the state folder ready for `user` (`None`: the process keeps what it is): `wanted`, else
/// the system's, else the user's XDG state folder, else one in memory that lasts for this run, with
/// a warning. Mode 0700.
///
/// # Errors
/// `wanted` cannot be used, or not even memory can.
pub fn folder(wanted: Option<&Path>, user: Option<&User>) -> anyhow::Result<PathBuf> {
    if let Some(dir) = wanted {
        let remedy = || {
            format!(
                "--state {}: cannot be used; name a folder that can be written",
                dir.display()
            )
        };
        make(dir, user).with_context(remedy)?;
        return Ok(dir.to_owned());
    }
    let mut refused = Vec::new();
    let system = user.is_some().then(|| PathBuf::from(SYSTEM));
    for dir in system.into_iter().chain(xdg(user)) {
        match make(&dir, user) {
            Ok(()) => return Ok(dir),
            Err(e) => refused.push(format!("{}: {e}", dir.display())),
        }
    }
    let dir = volatile();
    make(&dir, user).with_context(|| {
        format!(
            "no state folder ({}); name one with --state",
            refused.join("; ")
        )
    })?;
    eprintln!(
        "warning: state is kept in memory and forgotten at the end ({})\n    remedy: name a folder with --state",
        refused.join("; ")
    );
    Ok(dir)
}

/// This run's folder in memory.
fn volatile() -> PathBuf {
    Path::new(VOLATILE).join(format!("bt-server-{}", std::process::id()))
}

/// Removes a folder that was made for this run only. Any other stays as it is.
pub fn forget_volatile(dir: &Path) {
    if dir == volatile() {
        // Nothing depends on it any more; what cannot be removed goes with the next boot.
        let _ = fs::remove_dir_all(dir);
    }
}

/// The XDG state folder of who the server will be; none for a user without a home.
fn xdg(user: Option<&User>) -> Option<PathBuf> {
    let base = match user {
        Some(user) => {
            let home = Path::new(&user.home);
            home.is_dir().then(|| home.join(".local/state"))?
        }
        None => match std::env::var_os("XDG_STATE_HOME").map(PathBuf::from) {
            Some(dir) if dir.is_absolute() => dir,
            _ => PathBuf::from(std::env::var_os("HOME")?).join(".local/state"),
        },
    };
    Some(base.join("bt-server"))
}

/// Makes `dir`, private to the user. A folder that is there already is somebody's: its owner and
/// mode are left as they are, and it must be the user's own. Root never makes folders inside another
/// one's: what is missing on the way must be made by a person.
fn make(dir: &Path, user: Option<&User>) -> io::Result<()> {
    let Some(user) = user else {
        let parent = dir.parent().unwrap_or(dir);
        fs::create_dir_all(parent)?;
        return match fs::DirBuilder::new().mode(0o700).create(dir) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
            made => made,
        };
    };
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Ok(()) => lchown(dir, Some(user.uid), Some(user.gid)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => owned(dir, user),
        Err(e) => Err(e),
    }
}

fn owned(dir: &Path, user: &User) -> io::Result<()> {
    let found = fs::symlink_metadata(dir)?;
    if !found.is_dir() {
        return Err(io::Error::other("it is not a folder"));
    }
    if found.uid() == user.uid {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "it belongs to uid {}; give it to {1} (chown -R {1} {2})",
        found.uid(),
        user.name,
        dir.display()
    )))
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

    /// Root goes on as this user, so a folder of somebody else is of no use.
    #[test]
    fn somebody_elses_folder_is_refused_with_the_remedy() {
        let base = tempfile::tempdir().expect("a folder");
        let uid = fs::metadata(base.path()).expect("there").uid();
        let user = |uid| User {
            name: "ann".into(),
            uid,
            gid: 0,
            home: base.path().display().to_string(),
        };
        assert!(owned(base.path(), &user(uid)).is_ok());
        let text = owned(base.path(), &user(uid + 1))
            .expect_err("not hers")
            .to_string();
        assert!(text.contains("chown -R ann"), "{text}");
        assert_eq!(
            xdg(Some(&user(uid))),
            Some(base.path().join(".local/state/bt-server"))
        );
        let homeless = User {
            home: "/nonexistent".into(),
            ..user(uid)
        };
        assert_eq!(xdg(Some(&homeless)), None);
    }
}
