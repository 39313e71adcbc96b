//! `bt-server init DIR`: an environment to start from. It makes files and folders that are not there, and never
//! touches one that is.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use catalog::Problem;

use crate::user::User;

/// What is made, relative to the environment's folder, with its content.
const FILES: [(&str, &str); 3] = [
    ("Boottorrent.yaml", include_str!("init/Boottorrent.yaml")),
    ("README.md", include_str!("init/README.md")),
    ("oss/README.md", include_str!("init/oss.md")),
];

/// Makes the environment `dir`, with the folders on the way to it. Under sudo all of it belongs to `owner`, who called
/// it. Hands back what was made, in order.
///
/// # Errors
/// One of the files is there already, or something cannot be made. Then nothing is left of what was made.
pub fn init(dir: &Path, owner: Option<&User>) -> Result<Vec<PathBuf>, Problem> {
    for (name, _) in FILES {
        let file = dir.join(name);
        // A link that leads nowhere is somebody's too.
        if fs::symlink_metadata(&file).is_ok() {
            let remedy = "name another folder, or move this file away";
            let shown = file.display().to_string();
            return Err(Problem::error(&shown, "is there already", remedy));
        }
    }
    let mut making = Making {
        owner,
        made: Vec::new(),
    };
    let done = FILES
        .into_iter()
        .try_for_each(|(name, content)| making.file(&dir.join(name), content));
    match done {
        Ok(()) => Ok(making.made),
        Err(problem) => {
            making.undo();
            Err(problem)
        }
    }
}

/// What to type next, as text for the screen. `program` is how this program was called.
#[must_use]
pub fn next(dir: &Path, program: &str) -> String {
    let dir = dir.display();
    format!(
        "next: make a folder {dir}/oss/NAME with a kernel and its initrd, then\n  \
         {program} check --oss {dir}/oss\n  sudo {program} start --oss {dir}/oss\n"
    )
}

struct Making<'a> {
    owner: Option<&'a User>,
    made: Vec<PathBuf>,
}

impl Making<'_> {
    fn file(&mut self, path: &Path, content: &str) -> Result<(), Problem> {
        if let Some(parent) = path.parent() {
            self.folder(parent)?;
        }
        let write = || -> io::Result<File> {
            let mut options = OpenOptions::new();
            let mut file = options
                .write(true)
                .create_new(true)
                .mode(0o644)
                .open(path)?;
            file.write_all(content.as_bytes())?;
            Ok(file)
        };
        let file = write().map_err(|error| refused(path, &error))?;
        self.made.push(path.to_owned());
        match self.owner {
            Some(user) => fchown(&file, Some(user.uid), Some(user.gid)),
            None => Ok(()),
        }
        .map_err(|error| refused(path, &error))
    }

    /// The folder, and those it lies in.
    fn folder(&mut self, path: &Path) -> Result<(), Problem> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.folder(parent)?;
        }
        let made = DirBuilder::new().mode(0o755).create(path);
        made.map_err(|error| refused(path, &error))?;
        self.made.push(path.to_owned());
        match self.owner {
            Some(user) => lchown(path, Some(user.uid), Some(user.gid)),
            None => Ok(()),
        }
        .map_err(|error| refused(path, &error))
    }

    /// Takes away what was made, the last first. Folders that somebody put something into meanwhile stay.
    fn undo(self) {
        for path in self.made.iter().rev() {
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
    }
}

fn refused(path: &Path, error: &io::Error) -> Problem {
    let what = format!("cannot be made: {error}");
    let remedy = "name a folder that you may write to, or use sudo";
    Problem::error(&path.display().to_string(), what, remedy)
}

#[cfg(test)]
mod tests;
