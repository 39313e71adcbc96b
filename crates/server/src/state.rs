//! Where state lives between two runs, and that only one server at a time has it.
//!
//! Done in two steps. What only root can make is made before root is dropped ([`places`]); all else is
//! done by the user the server becomes ([`Places::take`]), so that nothing planted in a folder of
//! theirs makes root write elsewhere. Holds no state itself.

mod lock;
mod look;
mod memory;
#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use nix::fcntl::OFlag;

use crate::user::User;

pub use self::look::look;

/// The state folder of a server started by root without `--state`.
const SYSTEM: &str = "/var/lib/bt-server";
/// How long a server that holds a folder is waited for: one that was told to stop ends within this time.
const PATIENCE: Duration = Duration::from_secs(2);

/// Folders that state may be kept in.
#[derive(Debug)]
pub struct Places {
    /// The one that must be it (`--state`).
    wanted: Option<PathBuf>,
    /// Those that are tried else, the best first.
    usual: Vec<PathBuf>,
    /// Why others are not tried.
    refused: Vec<String>,
    /// How long one that is held is waited for.
    patience: Duration,
}

/// The state folder, which no other server uses as long as this one runs.
#[derive(Debug)]
pub struct State {
    folder: PathBuf,
    volatile: bool,
    lock: File,
}

/// Where state may be kept by `user` (`None`: the process keeps what it is): in `wanted`, else in the
/// system's folder, else in the user's XDG state folder. Makes what takes root to make, with mode 0700.
///
/// # Errors
/// `wanted` cannot be made, or is somebody else's.
pub fn places(wanted: Option<&Path>, user: Option<&User>) -> anyhow::Result<Places> {
    let mut places = Places {
        wanted: wanted.map(Path::to_owned),
        usual: Vec::new(),
        refused: Vec::new(),
        patience: PATIENCE,
    };
    if let Some(dir) = wanted {
        if let Some(user) = user {
            make_for(user, dir).with_context(|| unusable(dir))?;
        }
        return Ok(places);
    }
    if let Some(user) = user {
        match make_for(user, Path::new(SYSTEM)) {
            Ok(()) => places.usual.push(SYSTEM.into()),
            Err(e) => places.refused.push(format!("{SYSTEM}: {e}")),
        }
    }
    places.usual.extend(xdg(user));
    Ok(places)
}

/// Where another server has the folder that [`places`] with the same arguments would be for, waits for its end, for 2 s
/// at most: it may have been told to stop, and has its ports until then. Changes nothing.
pub fn wait_for_the_last(wanted: Option<&Path>, user: Option<&User>) {
    let folders: Vec<PathBuf> = match wanted {
        Some(dir) => vec![dir.to_owned()],
        None => {
            let system = user.map(|_| PathBuf::from(SYSTEM));
            system.into_iter().chain(xdg(user)).collect()
        }
    };
    lock::wait(&folders, PATIENCE);
}

impl Places {
    /// Takes the first folder that can be written and that no other server uses; where none of the usual
    /// ones is left, one in memory that lasts for this run, with a warning. Waits for a server that is
    /// ending, and removes what killed ones left in memory.
    ///
    /// # Errors
    /// The wanted folder cannot be used, or not even memory can.
    pub fn take(mut self) -> anyhow::Result<State> {
        memory::tidy(Path::new(memory::VOLATILE));
        if let Some(dir) = self.wanted {
            return State::take(dir.clone(), self.patience)
                .map_err(|refusal| wanted_error(&dir, refusal));
        }
        for dir in self.usual {
            match State::take(dir.clone(), self.patience) {
                Ok(state) => {
                    if !self.refused.is_empty() {
                        let (dir, refused) = (dir.display(), self.refused.join("; "));
                        tracing::info!("state is kept in {dir} ({refused})");
                    }
                    return Ok(state);
                }
                Err(refusal) => self.refused.push(format!("{}: {refusal}", dir.display())),
            }
        }
        let refused = self.refused.join("; ");
        let state = State::in_memory()
            .map_err(|e| anyhow!("no state folder ({refused}; {e}); name one with --state"))?;
        eprintln!(
            "warning: state is kept in memory and forgotten at the end ({refused})\n    remedy: name a folder with --state"
        );
        Ok(state)
    }
}

impl State {
    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives the folder free for the next server, and removes one that was made for this run only.
    pub fn give_back(self) {
        if self.volatile {
            // Nothing depends on it any more; what cannot be removed goes with the next boot.
            let _ = fs::remove_dir_all(&self.folder);
        }
        // Closing it comes to the same, unless something holds a copy of the descriptor.
        let _ = self.lock.unlock();
    }

    fn take(folder: PathBuf, patience: Duration) -> Result<Self, lock::Refusal> {
        make(&folder)?;
        look::left_behind(&folder)?;
        let lock = lock::take(&folder, patience)?;
        Ok(Self {
            folder,
            volatile: false,
            lock,
        })
    }

    fn in_memory() -> Result<Self, lock::Refusal> {
        let (folder, lock) = memory::take()?;
        Ok(Self {
            folder,
            volatile: true,
            lock,
        })
    }
}

fn unusable(dir: &Path) -> String {
    format!(
        "--state {}: cannot be used; name a folder that can be written",
        dir.display()
    )
}

fn wanted_error(dir: &Path, refusal: lock::Refusal) -> anyhow::Error {
    match refusal {
        lock::Refusal::Held(_) => anyhow!(
            "--state {}: {refusal}\n    remedy: end that one, or name another folder: two servers on one computer \
             need a --state each",
            dir.display()
        ),
        lock::Refusal::Failed(error) => anyhow::Error::new(error).context(unusable(dir)),
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

/// Makes `dir`, private to who makes it, with what is missing on the way.
fn make(dir: &Path) -> io::Result<()> {
    let parent = dir.parent().unwrap_or(dir);
    fs::create_dir_all(parent)?;
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && dir.is_dir() => Ok(()),
        made => made,
    }
}

/// Makes `dir` as root, private to `user`. A folder that is there already is somebody's: its owner and
/// mode are left as they are, and it must be the user's own. Root never makes folders inside another
/// one's: what is missing on the way must be made by a person.
fn make_for(user: &User, dir: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        // Given away by its descriptor: whoever owns the folder around it may have put a link there by now.
        Ok(()) => {
            let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
            let made = File::options()
                .read(true)
                .custom_flags(flags.bits())
                .open(dir)?;
            fchown(made, Some(user.uid), Some(user.gid))
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            owned(dir, user.uid, Some(&user.name))
        }
        Err(e) => Err(e),
    }
}

/// Whether `dir` is a folder of `uid`'s own. With a `name` the remedy is told too.
fn owned(dir: &Path, uid: u32, name: Option<&str>) -> io::Result<()> {
    let found = fs::symlink_metadata(dir)?;
    if !found.is_dir() {
        return Err(io::Error::other("it is not a folder"));
    }
    if found.uid() == uid {
        return Ok(());
    }
    let remedy = name.map_or(String::new(), |name| {
        format!("; give it to {name} (chown -R {name} {})", dir.display())
    });
    Err(io::Error::other(format!(
        "it belongs to uid {}{remedy}",
        found.uid()
    )))
}
