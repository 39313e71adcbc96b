//! Machines that boot once and have, across restarts: the file `booted-once` in the state folder.
//!
//! What the lines say is [`pxe::once`]'s business, and who boots once that of the configuration; here starts are
//! heard of, read and written. A line is written before the machine's report is answered, and the machine
//! waits for that before it jumps. A person may remove lines while the server runs. Whatever is wrong with the
//! file is a warning: then this run's memory is all there is.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pxe::{Boot, Machines, Started};
use report::{Mac, Step};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::leases;
use crate::replace::replace;

/// The method by which a machine goes on with its own disk, as it reports it.
const LOCAL: &str = "local";
/// The file's name in the state folder.
const FILE: &str = "booted-once";
/// The most that is read: twice what the most machines need.
const MOST_BYTES: u64 = 2 << 20;
/// How long a machine in whose menu its own disk was chosen is left to that. Large servers need some minutes until their
/// firmware asks; a person who wants the menu again waits as long.
const LEFT_FOR: Duration = Duration::from_secs(5 * 60);
/// A machine that reports a failure so soon after its start has not started. Later, somebody else may say so.
const TAKEN_BACK: Duration = Duration::from_secs(60);
/// How often it is looked whether a person changed the file.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Who boots again although it has booted once (`--boot-again`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Again {
    /// Every machine.
    All,
    /// This one.
    Machine(Mac),
}

impl FromStr for Again {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Again, &'static str> {
        match text {
            "all" => Ok(Again::All),
            mac => mac
                .parse()
                .map(Again::Machine)
                .map_err(|_| "write all, or a hardware address such as 52:54:00:12:34:56"),
        }
    }
}

/// Who has started of those that boot once. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Once(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    machines: Machines,
    /// `None`: nothing is written down.
    path: Option<PathBuf>,
    kept: Mutex<Kept>,
    tell: watch::Sender<Arc<Started>>,
}

#[derive(Debug, Default)]
struct Kept {
    started: Started,
    /// Those who started in this run, as long as they may take it back.
    lately: BTreeMap<Mac, Instant>,
    /// Until when machines are left to their own disks.
    left: BTreeMap<Mac, Instant>,
    /// The file as we know it; `None` where there is none.
    file: Option<Identity>,
    /// It was said that the file cannot be read or written.
    failing: bool,
}

/// Size, inode and change: a person who edits a file changes one of them.
type Identity = (u64, u64, i64, i64);

impl Once {
    /// Reads what an earlier run left in the folder `state`; those of `again` are taken out.
    #[must_use]
    pub fn open(state: &Path, machines: Machines, again: &[Again]) -> Once {
        let once = Once::new(machines, Some(state.join(FILE)));
        once.0.read();
        let mut kept = once.0.kept();
        let before = kept.started.len();
        for who in again {
            match who {
                Again::All => kept.started.take_lines(Started::default()),
                Again::Machine(mac) => {
                    kept.started.forget(*mac);
                }
            }
        }
        if kept.started.len() < before {
            tracing::info!(
                "{} of {before} machines that have booted once boot again",
                before - kept.started.len()
            );
            once.0.write(&mut kept);
        }
        drop(kept);
        once
    }

    /// One that keeps nothing, where every machine boots.
    #[must_use]
    pub fn unused() -> Once {
        Once::new(Machines::default(), None)
    }

    fn new(machines: Machines, path: Option<PathBuf>) -> Once {
        Once(Arc::new(Shared {
            machines,
            path,
            kept: Mutex::default(),
            tell: watch::Sender::new(Arc::default()),
        }))
    }

    /// Whether any machine boots once.
    #[must_use]
    pub fn matters(&self) -> bool {
        self.0.machines.boots_once()
    }

    /// Who has started, now and whenever that changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Started>> {
        self.0.tell.subscribe()
    }

    /// A machine's own word. Its start is written down when this returns, or it is left to its own disk.
    ///
    /// # Errors
    /// It wants to go on with its own disk, and why its firmware cannot be told.
    pub async fn heard(&self, mac: Mac, step: &Step) -> Result<(), &'static str> {
        let has_started = match step {
            Step::Starting { method, .. } if method == LOCAL => return self.leave(mac),
            Step::Starting { .. } if self.0.machines.boot(mac) == Boot::Once => true,
            Step::Failed { .. } if self.0.kept().lately.contains_key(&mac) => false,
            _ => return Ok(()),
        };
        let shared = Arc::clone(&self.0);
        let work = move || shared.take_in(mac, has_started, Instant::now());
        if tokio::task::spawn_blocking(work).await.is_err() {
            tracing::error!("the start of {mac} was not written down");
        }
        Ok(())
    }

    /// Leaves `mac` to its own disk for [`LEFT_FOR`].
    fn leave(&self, mac: Mac) -> Result<(), &'static str> {
        if self.0.tell.receiver_count() == 0 {
            return Err("this server does not tell firmware what to boot (dhcp is off)");
        }
        let left = self.0.kept().leave(mac, Instant::now());
        let is_new =
            left.map_err(|pxe::once::Full| "too many machines are left to their own disks")?;
        // One task for a machine, however often it says so.
        if is_new {
            self.0.tell_all();
            let shared = Arc::clone(&self.0);
            tokio::spawn(async move {
                while let Some(until) = shared.left_until(mac) {
                    tokio::time::sleep_until(until.into()).await;
                    shared.kept().come_back(mac, Instant::now());
                }
                shared.tell_all();
            });
        }
        Ok(())
    }

    /// Takes in what a person changes in the file, until `stop`.
    ///
    /// # Errors
    /// Never: it is a door like others.
    pub async fn follow(self, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let shared = Arc::clone(&self.0);
            let _ = tokio::task::spawn_blocking(move || shared.look()).await;
        }
    }
}

impl Kept {
    /// Hands back whether it was not left to its disk already.
    fn leave(&mut self, mac: Mac, now: Instant) -> Result<bool, pxe::once::Full> {
        self.started.leave(mac)?;
        Ok(self.left.insert(mac, now + LEFT_FOR).is_none())
    }

    /// Unless it chose that once more meanwhile.
    fn come_back(&mut self, mac: Mac, now: Instant) {
        if self.left.get(&mac).is_some_and(|until| *until <= now) {
            self.left.remove(&mac);
            self.started.come_back(mac);
        }
    }
}

impl Shared {
    fn left_until(&self, mac: Mac) -> Option<Instant> {
        self.kept().left.get(&mac).copied()
    }

    fn tell_all(&self) {
        let started = self.kept().started.clone();
        self.tell.send_replace(Arc::new(started));
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_in(&self, mac: Mac, has_started: bool, now: Instant) {
        let mut kept = self.kept();
        kept.lately
            .retain(|_, at| now.duration_since(*at) < TAKEN_BACK);
        let is_news = if has_started {
            match kept.started.note(mac, leases::wall()) {
                Ok(is_news) => is_news,
                Err(pxe::once::Full) => {
                    tracing::warn!(
                        "{mac} has booted once, and that cannot be remembered: there are {} such machines already\n    \
                         remedy: remove lines from {FILE} in the state folder",
                        kept.started.len()
                    );
                    false
                }
            }
        } else {
            // Not one that started before this run, nor long ago: whoever says so may be anybody.
            kept.lately.remove(&mac).is_some() && kept.started.forget(mac)
        };
        if !is_news {
            return;
        }
        if has_started {
            kept.lately.insert(mac, now);
        }
        self.write(&mut kept);
    }

    /// Reads the file again, if it is not as we know it.
    fn look(&self) {
        let Some(path) = &self.path else { return };
        let found = fs::metadata(path).ok().map(|found| identity(&found));
        if found != self.kept().file {
            self.read();
        }
    }

    /// Reads the file. What cannot be read changes nothing.
    fn read(&self) {
        let Some(path) = &self.path else { return };
        let mut kept = self.kept();
        let (text, file) = match read(path) {
            Ok(read) => read,
            Err(error) => {
                if !std::mem::replace(&mut kept.failing, true) {
                    tracing::warn!(
                        "{} cannot be read: {error}; machines that were to boot once may boot again\n    remedy: \
                         remove it, or make it readable",
                        path.display()
                    );
                }
                return;
            }
        };
        kept.file = file;
        let (started, foreign) = Started::read(&text);
        if foreign > 0 {
            tracing::warn!(
                "{}: {foreign} lines are no hardware addresses, or too many; left out\n    remedy: correct them",
                path.display()
            );
        }
        let before = kept.started.clone();
        kept.started.take_lines(started);
        if kept.started != before {
            tracing::info!(
                "{} machines have booted once ({})",
                kept.started.len(),
                path.display()
            );
        }
        self.tell.send_replace(Arc::new(kept.started.clone()));
    }

    /// Writes down what there is, if that can be done, and tells of it in any case.
    fn write(&self, kept: &mut Kept) {
        self.tell.send_replace(Arc::new(kept.started.clone()));
        let Some(path) = &self.path else { return };
        let written = replace(path, &kept.started.to_string()).and_then(|file| file.metadata());
        match written {
            Ok(found) => {
                kept.file = Some(identity(&found));
                kept.failing = false;
            }
            Err(error) => {
                if !std::mem::replace(&mut kept.failing, true) {
                    tracing::warn!(
                        "who has booted once cannot be written to {}: {error}; the server goes on with its memory \
                         alone\n    remedy: make room there, or let the server's user write to this folder",
                        path.display()
                    );
                }
            }
        }
    }
}

/// The file's text and identity; nothing where there is none.
fn read(path: &Path) -> io::Result<(Vec<u8>, Option<Identity>)> {
    let found = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Vec::new(), None)),
        found => found?,
    };
    // Opening a pipe would wait for somebody to write.
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = Vec::new();
    let file = File::open(path)?;
    let identity = identity(&file.metadata()?);
    file.take(MOST_BYTES).read_to_end(&mut text)?;
    Ok((text, Some(identity)))
}

fn identity(found: &Metadata) -> Identity {
    (found.len(), found.ino(), found.mtime(), found.mtime_nsec())
}
