//! What folders hashed to, kept in the state folder, so that a second start reads no image again.
//!
//! One file for each folder, named after its path and written as soon as it is hashed, so that a
//! server that is killed keeps what it has done. An entry is believed as long as the same files are
//! there with the same [`Fingerprint`]s, on file systems whose word counts ([`disk`]), and its hashes
//! are true for some samples. Anything else is as if there were none: nothing here makes a start fail,
//! and a folder is always hashed in the end.
//!
//! Only one process may use a state folder at a time; who does sees to that.

mod disk;
mod entry;
#[cfg(test)]
mod tests;

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::SystemTime;

use metainfo::{FileEntry, Info, Sha256, Torrent};
use sha1::{Digest, Sha1};

use self::disk::Disk;
use crate::hash::{empty_info, hash_payload, sample};
use crate::payload::Payload;
use crate::{Error, Fingerprint};

/// How an entry's file name ends.
const ENTRY: &str = "hashes";
/// How it ends until it is complete.
const UNFINISHED: &str = "new";

/// A folder's torrent, and the files it was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hashed {
    /// The torrent.
    pub torrent: Torrent,
    /// The folder.
    pub root: PathBuf,
    /// What every file was when its bytes were read, in the torrent's order.
    pub files: Vec<Fingerprint>,
    /// SHA-256 of every file, in the torrent's order.
    pub sha256: Vec<Sha256>,
}

impl Hashed {
    fn new(root: &Path, info: Info, sha256: Vec<Sha256>, payload: &Payload) -> Self {
        Self {
            torrent: Torrent::new(info),
            root: root.to_owned(),
            files: payload.fingerprints().collect(),
            sha256,
        }
    }
}

/// The hashes of folders as they were at an earlier time. Folders are known by their absolute path.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    /// That it cannot be written is said once, not for every folder.
    told: AtomicBool,
    /// And so is that a folder cannot be remembered.
    doubted: AtomicBool,
}

impl Cache {
    /// The cache in the state folder `state`, which need not have one yet.
    #[must_use]
    pub fn in_state(state: &Path) -> Self {
        Self {
            folder: state.join("hashes"),
            told: AtomicBool::new(false),
            doubted: AtomicBool::new(false),
        }
    }

    /// What `files` below `root` were hashed to, if they are known to be what they were then. Looks at
    /// every file, and compares up to 16 pieces; what is found wrong is forgotten, with a warning.
    ///
    /// The torrent is called `name`, whatever it was called then.
    #[must_use]
    pub fn find(&self, root: &Path, name: &str, files: &[FileEntry]) -> Option<Hashed> {
        let known_as = known_as(root, name, files);
        let place = self.place(&known_as);
        let bytes = load(&place)?;
        let mut info = empty_info(name, files).ok()?;
        let payload = Payload::look(root, &info.files).ok()?;
        let disks = disk::of(&payload).ok()?.ok()?;
        let identity = entry::identity(&known_as, &info, &payload, &disks);
        let (pieces, sha256) = entry::hashes(&bytes, &identity)?;
        let expected = info.total_length().div_ceil(info.piece_length.into());
        if pieces.len() as u64 != expected || sha256.len() != info.files.len() {
            return None;
        }
        info.pieces = pieces;
        // A file that cannot be read is for who hashes to tell.
        if sample(&info, &payload).ok()? {
            return Some(Hashed::new(root, info, sha256, &payload));
        }
        tracing::warn!(
            "{} is not what it was when it was hashed, although all sizes and times are the same; \
             it is hashed again",
            root.display()
        );
        let _ = fs::remove_file(place);
        None
    }

    /// Hashes `files` below `root` as [`hash_folder`](crate::hash_folder) does, and remembers it. What
    /// cannot be written, and folders on file systems whose word does not count, are one warning each.
    ///
    /// Files that were written to a moment ago are let settle first, for 0.1 s (2 s where their mtime is
    /// in whole seconds): until then one more write might not show in their times, and what we
    /// remember would be wrong for good. So a room that starts right after copying finds everything
    /// hashed at the next start too. Files that nobody lets settle are hashed and not remembered.
    ///
    /// # Errors
    /// As `hash_folder`'s.
    pub fn hash(
        &self,
        root: &Path,
        name: &str,
        files: &[FileEntry],
        threads: usize,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Hashed, Error> {
        let info = empty_info(name, files)?;
        let mut payload = Payload::look(root, &info.files)?;
        let mut disks = self.believed(root, &payload);
        let wait = payload.settles_in(SystemTime::now());
        if disks.is_some() && !wait.is_zero() {
            thread::sleep(wait);
            payload = Payload::look(root, &info.files)?;
            disks = self.believed(root, &payload);
        }
        let settled = payload.settles_in(SystemTime::now()).is_zero();
        let (info, sha256) = hash_payload(info, &payload, threads, progress)?;
        if let Some(disks) = disks.filter(|_| settled) {
            let known_as = known_as(root, name, files);
            let identity = entry::identity(&known_as, &info, &payload, &disks);
            self.remember(&known_as, &entry::seal(&identity, &info.pieces, &sha256));
        }
        Ok(Hashed::new(root, info, sha256, &payload))
    }

    /// Forgets folders that are no longer there, and what cannot be read. Other files are not ours and
    /// stay.
    pub fn tidy(&self) {
        let Ok(listed) = fs::read_dir(&self.folder) else {
            return;
        };
        for place in listed.filter_map(|entry| Some(entry.ok()?.path())) {
            if is_ours(&place) && !self.is_of_use(&place) {
                // What cannot be removed is looked at again at the next start.
                let _ = fs::remove_file(place);
            }
        }
    }

    /// Whether a file of ours may be found again.
    fn is_of_use(&self, place: &Path) -> bool {
        let root = load(place).and_then(|bytes| entry::root(&bytes));
        root.is_some_and(|root| self.place(&root) == place && !is_gone(&root))
    }

    /// The file systems a folder is on, if it can be remembered.
    fn believed(&self, root: &Path, payload: &Payload) -> Option<Vec<Disk>> {
        // A file system that cannot be asked is for who hashes to tell.
        let doubt = match disk::of(payload).ok()? {
            Ok(disks) => return Some(disks),
            Err(doubt) => doubt,
        };
        if !self.doubted.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "{} is hashed at every start: it is on {doubt}, where a changed file may look as before\n    remedy: \
                 keep it on ext4, xfs or btrfs to have it remembered",
                root.display()
            );
        }
        None
    }

    fn remember(&self, root: &Path, bytes: &[u8]) {
        if bytes.len() > entry::MAX_BYTES {
            tracing::debug!("{} has too many files to be remembered", root.display());
            return;
        }
        match self.write(&self.place(root), bytes) {
            Err(error) if !self.told.swap(true, Ordering::Relaxed) => tracing::warn!(
                "cannot remember hashes in {}: {error}; the next start hashes everything again\n    remedy: make room \
                 there, or let the server's user write to this folder",
                self.folder.display()
            ),
            _ => {}
        }
    }

    /// Writes all of an entry or nothing. It is not forced to the disk: what a power cut leaves is found
    /// damaged, and that is no worse than none.
    fn write(&self, place: &Path, bytes: &[u8]) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
        let new = place.with_extension(UNFINISHED);
        // Of a server that was killed while it wrote.
        let _ = fs::remove_file(&new);
        let written = File::create_new(&new)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&new, place));
        written.inspect_err(|_| _ = fs::remove_file(&new))
    }

    /// Where the entry of a folder is.
    fn place(&self, root: &Path) -> PathBuf {
        let digest = Sha1::digest(root.as_os_str().as_bytes());
        let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(name).with_extension(ENTRY)
    }
}

/// What is remembered: a folder, or a file that is a system by itself, of which several lie in one folder.
fn known_as(root: &Path, name: &str, files: &[FileEntry]) -> PathBuf {
    match files {
        [only] if only.path == [name] => root.join(name),
        _ => root.to_owned(),
    }
}

/// The bytes of an entry. Only of a file: a pipe would keep us waiting.
fn load(place: &Path) -> Option<Vec<u8>> {
    if !fs::symlink_metadata(place).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    let most = entry::MAX_BYTES as u64 + 1;
    let file = File::open(place).ok()?;
    file.take(most).read_to_end(&mut bytes).ok()?;
    (bytes.len() <= entry::MAX_BYTES).then_some(bytes)
}

/// Whether a file is named as ours are. The state folder is one that people choose, and may have been
/// theirs before.
fn is_ours(place: &Path) -> bool {
    let hexadecimal = |name: &[u8]| name.len() == 40 && name.iter().all(u8::is_ascii_hexdigit);
    place
        .file_stem()
        .is_some_and(|stem| hexadecimal(stem.as_bytes()))
        && place
            .extension()
            .is_some_and(|end| end == ENTRY || end == UNFINISHED)
}

/// Whether what was hashed is certainly not there. What cannot be looked at may be.
fn is_gone(root: &Path) -> bool {
    match fs::metadata(root) {
        Ok(found) => !found.is_dir() && !found.is_file(),
        Err(error) => matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
    }
}
