//! The files of one torrent as they lie on the disk: opened for reading only, and known by their
//! fingerprints, so that a change is noticed before its bytes are sent.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use metainfo::FileEntry;

use crate::{Error, Fingerprint};

#[derive(Debug)]
struct Known {
    path: PathBuf,
    fingerprint: Fingerprint,
}

/// All files of a torrent, in the torrent's order.
#[derive(Debug)]
pub(crate) struct Payload {
    files: Vec<Known>,
}

impl Payload {
    /// Looks at every file below `root`. Opens none of them.
    ///
    /// # Errors
    /// A file is missing, is not a regular file, or has another size than its entry says.
    pub(crate) fn look(root: &Path, entries: &[FileEntry]) -> Result<Self, Error> {
        let files = entries
            .iter()
            .map(|entry| {
                let path = below(root, entry);
                let metadata = metadata(&path)?;
                if metadata.size() != entry.length {
                    return Err(resized(&path, entry.length, metadata.size()));
                }
                let fingerprint = Fingerprint::of(&metadata);
                Ok(Known { path, fingerprint })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { files })
    }

    /// The files below `root`, as they were when `fingerprints` were taken of them. Looks at none.
    pub(crate) fn known(root: &Path, entries: &[FileEntry], fingerprints: &[Fingerprint]) -> Self {
        let known = |(entry, fingerprint): (_, &Fingerprint)| Known {
            path: below(root, entry),
            fingerprint: *fingerprint,
        };
        Self {
            files: entries.iter().zip(fingerprints).map(known).collect(),
        }
    }

    /// What every file was, in the torrent's order.
    pub(crate) fn fingerprints(&self) -> impl Iterator<Item = Fingerprint> {
        self.files.iter().map(|known| known.fingerprint)
    }

    /// Where every file is and what it was, in the torrent's order.
    pub(crate) fn looked_at(&self) -> impl Iterator<Item = (&Path, Fingerprint)> {
        let files = self.files.iter();
        files.map(|known| (known.path.as_path(), known.fingerprint))
    }

    /// How long from `now` on until no file can be written to unnoticed.
    pub(crate) fn settles_in(&self, now: SystemTime) -> Duration {
        let times = self.fingerprints().map(|file| file.settles_in(now));
        times.max().unwrap_or_default()
    }

    /// Whether every file still is what it was. Reads no content.
    ///
    /// # Errors
    /// The first file that is missing or changed.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.files
            .iter()
            .try_for_each(|known| known.check(&metadata(&known.path)?))
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// It cannot be opened, or it is not the file that was looked at.
    pub(crate) fn open(&self, index: usize) -> Result<File, Error> {
        let known = self.file(index)?;
        let file = File::open(&known.path).map_err(|e| read_error(&known.path, e))?;
        known.check(&file.metadata().map_err(|e| read_error(&known.path, e))?)?;
        Ok(file)
    }

    /// Fills `buf` from `offset` on, out of a file that [`open`](Self::open) gave, and makes sure that
    /// these are bytes of the file that was looked at.
    ///
    /// # Errors
    /// The bytes cannot be read, or the file was written to.
    pub(crate) fn read(
        &self,
        index: usize,
        file: &File,
        buf: &mut [u8],
        offset: u64,
    ) -> Result<(), Error> {
        let known = self.file(index)?;
        let read = file.read_exact_at(buf, offset);
        // Checked after the read: a write that came before or during it has set a new time by now. And
        // before its result is looked at: a shortened file should be called so, not "end of file".
        known.check(&file.metadata().map_err(|e| read_error(&known.path, e))?)?;
        read.map_err(|e| read_error(&known.path, e))
    }

    fn file(&self, index: usize) -> Result<&Known, Error> {
        self.files
            .get(index)
            .ok_or_else(|| Error::Engine(format!("there is no file {index}")))
    }
}

impl Known {
    fn check(&self, metadata: &Metadata) -> Result<(), Error> {
        let (before, now) = (self.fingerprint, Fingerprint::of(metadata));
        if before.is_still(&now) {
            return Ok(());
        }
        if before.size != now.size {
            return Err(resized(&self.path, before.size, now.size));
        }
        let what = if (before.inode, before.device) != (now.inode, now.device) {
            "it was replaced"
        } else {
            "it was written to"
        };
        Err(Error::Changed {
            file: self.path.clone(),
            what: what.to_owned(),
        })
    }
}

fn below(root: &Path, entry: &FileEntry) -> PathBuf {
    let mut path = root.to_owned();
    path.extend(&entry.path);
    path
}

fn metadata(path: &Path) -> Result<Metadata, Error> {
    let metadata = path.metadata().map_err(|e| read_error(path, e))?;
    if metadata.is_file() {
        Ok(metadata)
    } else {
        Err(Error::NotAFile(path.to_owned()))
    }
}

fn resized(path: &Path, before: u64, now: u64) -> Error {
    Error::Changed {
        file: path.to_owned(),
        what: format!("it has {now} bytes instead of {before}"),
    }
}

fn read_error(path: &Path, source: io::Error) -> Error {
    Error::Read {
        file: path.to_owned(),
        source,
    }
}
