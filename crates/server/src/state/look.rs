//! Whether the folder that `--state` names could be used, found out without changing anything: what `check` says, and
//! what `start` says before it opens a port.
//!
//! A server that was started by root becomes another user, and root makes the folder for that one. Whether they could
//! enter and write is decided from owners and mode bits, as for the payload; for a server that stays who it is, the
//! kernel is asked.

use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use catalog::Problem;
use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::lock::LOCK;
use crate::check::access::{ENTER, READ, Reader, Rights, WRITE};
use crate::user::User;

#[cfg(test)]
mod tests;

/// librqbit's folder in the state folder.
const SEEDER: &str = "seeder";

/// Why `wanted` cannot be the state folder of a server that becomes `user` (`None`: it stays who it is), with the
/// remedy; nothing where it could be.
#[must_use]
pub fn look(wanted: &Path, user: Option<&User>) -> Option<Problem> {
    let fault = Looker { user }.folder(wanted).err()?;
    let named = format!("--state {}", wanted.display());
    Some(Problem::error(&named, fault.what, fault.remedy))
}

/// The same for what is in a folder that was not named, and for this process.
///
/// # Errors
/// What is in the way, and that it is to be removed.
pub(super) fn left_behind(dir: &Path) -> io::Result<()> {
    let looked = Looker { user: None }.inside(dir);
    looked.map_err(|Fault { what, remedy }| io::Error::other(format!("{what}; {remedy}")))
}

/// What is wrong, and what to do.
#[derive(Debug)]
struct Fault {
    what: String,
    remedy: String,
}

type Looked = Result<(), Fault>;

fn fault(what: impl Into<String>, remedy: impl Into<String>) -> Fault {
    let (what, remedy) = (what.into(), remedy.into());
    Fault { what, remedy }
}

/// Looks with the eyes of who will serve.
struct Looker<'a> {
    user: Option<&'a User>,
}

impl Looker<'_> {
    fn folder(&self, wanted: &Path) -> Looked {
        let no_name = || fault("is no name of a folder", "name a folder with --state");
        // Without a slash at the end, behind which a link would be followed.
        let dir: PathBuf = std::path::absolute(wanted)
            .map_err(|_| no_name())?
            .components()
            .collect();
        let Some(parent) = dir.parent() else {
            return self.there(&dir);
        };
        if dir.to_str().is_none() {
            let remedy = "name a folder whose path is UTF-8";
            return Err(fault("has a path that is not UTF-8", remedy));
        }
        let around = self.around(parent)?;
        if around == parent && fs::symlink_metadata(&dir).is_ok() {
            return self.there(&dir);
        }
        self.to_be_made(around, parent)
    }

    /// The deepest folder that is there on the way to and with `parent`: all of them must be entered.
    fn around<'p>(&self, parent: &'p Path) -> Result<&'p Path, Fault> {
        let mut deepest = parent;
        let mut way: Vec<&Path> = parent.ancestors().collect();
        way.reverse();
        for folder in way {
            match fs::metadata(folder) {
                Ok(found) if found.is_dir() => self.enters(folder, &found)?,
                Ok(_) => return Err(in_the_way(folder)),
                Err(e) if e.kind() == ErrorKind::NotFound => break,
                Err(e) => {
                    let what = format!("{} cannot be looked at: {e}", folder.display());
                    return Err(fault(what, "name another folder"));
                }
            }
            deepest = folder;
        }
        // Where links lead to, more may be on the way.
        if let Ok(real) = deepest.canonicalize() {
            for folder in real.ancestors() {
                if let Ok(found) = fs::metadata(folder) {
                    self.enters(folder, &found)?;
                }
            }
        }
        Ok(deepest)
    }

    /// The folder is not there and `around` is the deepest one that is.
    fn to_be_made(&self, around: &Path, parent: &Path) -> Looked {
        // Root makes one folder for another user, and no more: what is on the way is for a person to make.
        if self.user.is_some() && around != parent {
            let parent = parent.display();
            return Err(fault(
                format!("there is no folder {parent}"),
                format!("make {parent} first"),
            ));
        }
        // Root does it where the user may not, but not where nobody can.
        let needed = match self.user {
            Some(_) => Access::WRITE_OK,
            None => Access::WRITE_OK | Access::EXEC_OK,
        };
        accessat(CWD, around, needed, AtFlags::EACCESS).map_err(|e| {
            let what = format!("no folder can be made in {}: {e}", around.display());
            fault(what, "make it yourself, or name another folder")
        })
    }

    /// The folder is there.
    fn there(&self, dir: &Path) -> Looked {
        let found = match self.user {
            Some(_) => fs::symlink_metadata(dir),
            None => fs::metadata(dir),
        };
        let found = found.map_err(|e| {
            let what = format!("cannot be looked at: {e}");
            fault(what, "name another folder")
        })?;
        if found.is_symlink() {
            let what = "is a link, which root does not follow";
            return Err(fault(what, "name the folder itself"));
        }
        if !found.is_dir() {
            return Err(in_the_way(dir));
        }
        if let Some(User { name, uid, .. }) = self.user
            && found.uid() != *uid
        {
            let (owner, dir) = (found.uid(), dir.display());
            return Err(fault(
                format!("belongs to uid {owner}, and the server becomes {name}"),
                format!("give it to {name} (chown -R {name} {dir}), or name another folder"),
            ));
        }
        self.writes(dir, &found, WRITE | ENTER, "the folder")?;
        self.inside(dir)
    }

    /// What an earlier server, or somebody else, left in the folder.
    fn inside(&self, dir: &Path) -> Looked {
        let (lock, seeder) = (dir.join(LOCK), dir.join(SEEDER));
        if let Ok(found) = fs::symlink_metadata(&lock) {
            if !found.is_file() {
                let is = if found.is_symlink() {
                    "is a link"
                } else {
                    "is not a file"
                };
                return Err(fault(format!("{} {is}", lock.display()), "remove it"));
            }
            self.writes(&lock, &found, READ | WRITE, &lock.display().to_string())?;
        }
        // What is in it is thrown away at every start, and a link is just removed.
        match fs::symlink_metadata(&seeder) {
            Ok(found) if found.is_dir() => {
                let shown = seeder.display().to_string();
                self.writes(&seeder, &found, WRITE | ENTER, &shown)
            }
            Ok(found) if !found.is_symlink() => {
                let what = format!("{} is not a folder", seeder.display());
                Err(fault(what, "remove it"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a folder on the way can be passed.
    fn enters(&self, folder: &Path, found: &Metadata) -> Looked {
        if self.may(folder, found, ENTER) {
            return Ok(());
        }
        let (who, folder) = (self.who(), folder.display());
        Err(fault(
            format!("{who} cannot enter {folder}"),
            format!("name a folder elsewhere, or let {who} enter {folder}"),
        ))
    }

    fn writes(&self, path: &Path, found: &Metadata, need: u32, shown: &str) -> Looked {
        let who = self.who();
        if !self.may(path, found, need) {
            return Err(fault(
                format!("{shown} cannot be written to by {who}"),
                format!("let {who} write to it, or name another folder"),
            ));
        }
        // A disk that is write-protected is so for root too.
        accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).map_err(|e| {
            let what = format!("{shown} cannot be written to: {e}");
            fault(what, "name another folder")
        })
    }

    fn may(&self, path: &Path, found: &Metadata, need: u32) -> bool {
        match self.user {
            Some(User { uid, gid, .. }) => {
                let (uid, gid) = (*uid, *gid);
                Reader { uid, gid }.may(need, Rights::from(found))
            }
            None => {
                let access = Access::from_bits_truncate(need);
                accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
            }
        }
    }

    fn who(&self) -> &str {
        self.user.map_or("this user", |user| &user.name)
    }
}

fn in_the_way(path: &Path) -> Fault {
    let what = format!("{} is not a folder", path.display());
    fault(what, "remove it, or name another folder")
}
