//! `bt-server init DIR`: an environment to start from. It makes files and folders that are not there, and never
//! touches one that is.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use catalog::Problem;

use crate::shell;
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
    let oss = dir.join("oss");
    let (shown, oss) = (oss.display(), shell::word(&oss));
    let program = shell::word(Path::new(program));
    format!(
        "next: make a folder {shown}/NAME with a kernel and its initrd, then\n  \
         {program} check --oss {oss}\n  sudo {program} start --oss {oss}\n"
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
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o644).open(path);
        let file = file.map_err(|error| refused(path, &error))?;
        // From here on it is ours to take away, whole or not.
        self.made.push(path.to_owned());
        self.fill(file, content)
            .map_err(|error| refused(path, &error))
    }

    fn fill(&self, mut file: File, content: &str) -> io::Result<()> {
        file.write_all(content.as_bytes())?;
        if let Some(user) = self.owner {
            fchown(&file, Some(user.uid), Some(user.gid))?;
        }
        // A disk may be found full only when what was written goes there.
        file.sync_all()
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
    use io::ErrorKind::{
        AlreadyExists, NotADirectory, QuotaExceeded, ReadOnlyFilesystem, StorageFull,
    };
    let what = format!("cannot be made: {error}");
    let remedy = match error.kind() {
        StorageFull | QuotaExceeded => "make room on that disk, or name a folder on another",
        AlreadyExists | NotADirectory => "name another folder, or move away what is there",
        ReadOnlyFilesystem => "name a folder on a disk that can be written to",
        _ => "name a folder that you may write to, or use sudo",
    };
    Problem::error(&path.display().to_string(), what, remedy)
}

#[cfg(test)]
mod tests;
