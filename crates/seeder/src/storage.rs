//! The storage librqbit reads from. It opens files for reading only and refuses every write, so a
//! read-only library works and nothing a peer sends can touch an image.

use std::any::TypeId;
use std::fs::File;
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use librqbit::storage::filesystem::FilesystemStorageFactory;
use librqbit::storage::{BoxStorageFactory, StorageFactory, StorageFactoryExt, TorrentStorage};
use librqbit::{ManagedTorrentShared, TorrentMetadata};
use rustix::fs::{Advice, fadvise};
use tokio::sync::mpsc;

use crate::Error;
use crate::payload::Payload;

/// How many files of one torrent stay open. A folder may have more files than a process may open.
const OPEN_FILES: usize = 16;

/// Where a stretch of a file of so many bytes begins to be read, the disk is asked for all of it. Peers take
/// pieces from their beginning to their end, but thirty of them thirty different ones, which the system does not see
/// through: it would fetch block for block, and nobody gets one meanwhile (see `own_thread`).
const STRETCH: u64 = 1 << 20;

/// The bytes of one torrent, shared by everybody who reads them.
#[derive(Debug)]
pub(crate) struct Source {
    /// Replaced where the same bytes were written anew, into other files.
    origin: RwLock<Arc<Origin>>,
    trouble: Mutex<Option<String>>,
    /// Never sent on: whoever stops the seed waits until the last of these is gone.
    _alive: mpsc::Sender<()>,
}

/// Where the bytes are.
#[derive(Debug)]
pub(crate) enum Origin {
    /// In files.
    Disk(Files),
    /// In memory, those of the only file.
    Memory(Bytes),
}

/// Files, and which of them are open.
#[derive(Debug)]
pub(crate) struct Files {
    payload: Payload,
    /// Most recently used first.
    open: Mutex<Vec<(usize, Arc<File>)>>,
}

impl From<Payload> for Origin {
    fn from(payload: Payload) -> Self {
        Self::Disk(Files {
            payload,
            open: Mutex::default(),
        })
    }
}

impl Source {
    pub(crate) fn new(origin: Origin, alive: mpsc::Sender<()>) -> Arc<Self> {
        Arc::new(Self {
            origin: RwLock::new(Arc::new(origin)),
            trouble: Mutex::default(),
            _alive: alive,
        })
    }

    /// Whether the bytes still are what they were. Reads no content; what is in memory does not change.
    ///
    /// # Errors
    /// The first file that is missing or changed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        match &*self.origin() {
            Origin::Disk(files) => files.payload.check(),
            Origin::Memory(_) => Ok(()),
        }
    }

    /// Reads from `origin` from now on, which has the same bytes. What was wrong before is forgotten.
    pub(crate) fn replace(&self, origin: Origin) {
        *self.origin.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(origin);
        *lock(&self.trouble) = None;
    }

    fn origin(&self) -> Arc<Origin> {
        let origin = self.origin.read();
        Arc::clone(&origin.unwrap_or_else(PoisonError::into_inner))
    }

    /// The latest reason why bytes could not be sent, in one sentence.
    pub(crate) fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    pub(crate) fn read(&self, index: usize, buf: &mut [u8], offset: u64) -> Result<(), Error> {
        // librqbit asks for nothing at the end of a file when a chunk starts with the next one.
        if buf.is_empty() {
            return Ok(());
        }
        match &*self.origin() {
            Origin::Disk(files) => files.read(index, buf, offset),
            Origin::Memory(bytes) => copy(bytes, index, buf, offset),
        }
    }

    /// Keeps the reason, and logs it when it is a new one: every request of every peer may fail.
    pub(crate) fn remember(&self, error: &Error) {
        let text = match std::error::Error::source(error) {
            Some(source) => format!("{error}: {source}"),
            None => error.to_string(),
        };
        let mut trouble = lock(&self.trouble);
        if trouble.as_ref() != Some(&text) {
            tracing::warn!("{text}");
            *trouble = Some(text);
        }
    }
}

impl Files {
    fn read(&self, index: usize, buf: &mut [u8], offset: u64) -> Result<(), Error> {
        let file = self.file(index)?;
        ahead(&file, offset, buf.len() as u64);
        self.payload
            .read(index, &file, buf, offset)
            .inspect_err(|_| lock(&self.open).retain(|(open, _)| *open != index))
    }

    fn file(&self, index: usize) -> Result<Arc<File>, Error> {
        let mut open = lock(&self.open);
        if let Some(at) = open.iter().position(|(open, _)| *open == index) {
            open[..=at].rotate_right(1);
        } else {
            let file = Arc::new(self.payload.open(index)?);
            open.truncate(OPEN_FILES - 1);
            open.insert(0, (index, file));
        }
        Ok(Arc::clone(&open[0].1))
    }
}

/// Asks for a stretch that begins among these bytes. What is in memory already costs a look at it, and where the file
/// system cannot do that, all goes on without.
fn ahead(file: &File, offset: u64, length: u64) {
    let begin = offset.next_multiple_of(STRETCH);
    if begin < offset + length {
        let _ = fadvise(file, begin, NonZero::new(STRETCH), Advice::WillNeed);
    }
}

/// Fills `buf` from `offset` on with bytes of the only file there is.
fn copy(bytes: &Bytes, index: usize, buf: &mut [u8], offset: u64) -> Result<(), Error> {
    let begin = usize::try_from(offset).ok().filter(|_| index == 0);
    let part = begin.and_then(|begin| bytes.get(begin..begin.checked_add(buf.len())?));
    let part =
        part.ok_or_else(|| Error::Engine(format!("there is nothing at {offset} of file {index}")))?;
    buf.copy_from_slice(part);
    Ok(())
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes [`ReadOnly`] storages for librqbit.
#[derive(Clone, Debug)]
pub(crate) struct ReadOnlyFactory(pub(crate) Arc<Source>);

impl StorageFactory for ReadOnlyFactory {
    type Storage = ReadOnly;

    fn create(
        &self,
        _: &ManagedTorrentShared,
        _: &TorrentMetadata,
    ) -> anyhow::Result<Self::Storage> {
        Ok(ReadOnly(Arc::clone(&self.0)))
    }

    /// librqbit resumes without hashing only what it also lists in its session file, and it lists only
    /// torrents of its own storage. So we pass for one; the list is thrown away at every start.
    fn is_type_id(&self, type_id: TypeId) -> bool {
        [
            TypeId::of::<Self>(),
            TypeId::of::<FilesystemStorageFactory>(),
        ]
        .contains(&type_id)
    }

    fn clone_box(&self) -> BoxStorageFactory {
        self.clone().boxed()
    }
}

/// A torrent's files, to be read.
#[derive(Debug)]
pub(crate) struct ReadOnly(Arc<Source>);

impl TorrentStorage for ReadOnly {
    fn init(&mut self, _: &ManagedTorrentShared, _: &TorrentMetadata) -> anyhow::Result<()> {
        Ok(())
    }

    fn pread_exact(&self, file_id: usize, offset: u64, buf: &mut [u8]) -> anyhow::Result<()> {
        self.0
            .read(file_id, buf, offset)
            .inspect_err(|error| self.0.remember(error))
            .map_err(anyhow::Error::new)
    }

    fn pwrite_all(&self, _: usize, _: u64, _: &[u8]) -> anyhow::Result<()> {
        anyhow::bail!("seeded files are never written")
    }

    fn remove_file(&self, _: usize, _: &Path) -> anyhow::Result<()> {
        anyhow::bail!("seeded files are never removed")
    }

    fn remove_directory_if_empty(&self, _: &Path) -> anyhow::Result<()> {
        anyhow::bail!("seeded folders are never removed")
    }

    /// Called for every file when a torrent is added; sizes were compared before that.
    fn ensure_file_length(&self, _: usize, _: u64) -> anyhow::Result<()> {
        Ok(())
    }

    fn take(&self) -> anyhow::Result<Box<dyn TorrentStorage>> {
        Ok(Box::new(Self(Arc::clone(&self.0))))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::Command;
    use std::time::{Duration, Instant};

    use metainfo::FileEntry;

    use super::*;

    /// Bytes of a file that are in memory. To try to read them without waiting would have the kernel read ahead.
    fn in_memory(path: &Path) -> u64 {
        let fincore = Command::new("fincore")
            .args(["--bytes", "--noheadings", "--output", "res"])
            .arg(path)
            .output();
        let said = String::from_utf8(fincore.unwrap().stdout).unwrap();
        said.trim().parse().unwrap()
    }

    #[test]
    fn where_a_stretch_begins_all_of_it_is_read() {
        // The folder for temporary files may be in memory.
        let program = std::env::current_exe().unwrap();
        let folder = tempfile::tempdir_in(program.parent().unwrap()).unwrap();
        let path = folder.path().join("image");
        let mut file = File::create_new(&path).unwrap();
        file.write_all(&vec![7; 4 * STRETCH as usize]).unwrap();
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        let entry = FileEntry {
            path: vec!["image".into()],
            length: 4 * STRETCH,
        };
        let files = Files {
            payload: Payload::look(folder.path(), &[entry]).unwrap(),
            open: Mutex::default(),
        };
        let mut block = [0; 16 << 10];
        files.read(0, &mut block, STRETCH + 4096).unwrap();
        assert!(in_memory(&path) < STRETCH, "it was begun already");
        files.read(0, &mut block, 2 * STRETCH - (8 << 10)).unwrap();
        let begun = Instant::now();
        while in_memory(&path) < STRETCH {
            assert!(begun.elapsed().as_secs() < 20, "it is not read");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
