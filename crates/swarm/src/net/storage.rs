//! The torrent's files: blocks written to their place, pieces hashed, blocks read for others.
//!
//! Calls block for as long as the file system takes. In phase 1 that is a copy in memory; elsewhere
//! it is mostly the page cache.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use metainfo::{Info, Torrent};
use sha1::{Digest, Sha1};

use super::Error;
use crate::core::Block;

/// Files kept open. A torrent may have thousands, a process only some hundred descriptors.
const OPEN: usize = 64;

/// The files of one torrent below one folder.
pub(super) struct Storage {
    torrent: Arc<Torrent>,
    to: PathBuf,
    write: bool,
    open: Mutex<HashMap<usize, Arc<File>>>,
}

impl Storage {
    /// Makes every file with its full length. Says whether there is anything an earlier run left.
    ///
    /// # Errors
    /// A file that cannot be made, or one of another length that is there already: that is
    /// somebody else's and stays as it is.
    pub(super) fn create(torrent: Arc<Torrent>, to: &Path) -> Result<(Self, bool), Error> {
        let mut left_over = false;
        for (index, file) in torrent.info().files.iter().enumerate() {
            let path = to.join(torrent.info().relative_path(index));
            left_over |= make(&path, file.length).map_err(|why| Error::file(&path, why))?;
        }
        Ok((Self::new(torrent, to, true), left_over))
    }

    /// Takes the files as they are, to be read only.
    ///
    /// # Errors
    /// A file that is missing or of another length.
    pub(super) fn existing(torrent: Arc<Torrent>, to: &Path) -> Result<Self, Error> {
        for (index, file) in torrent.info().files.iter().enumerate() {
            let path = to.join(torrent.info().relative_path(index));
            let right = fs::metadata(&path).and_then(|found| same_length(found.len(), file.length));
            right.map_err(|why| Error::file(&path, why))?;
        }
        Ok(Self::new(torrent, to, false))
    }

    fn new(torrent: Arc<Torrent>, to: &Path, write: bool) -> Self {
        let open = Mutex::default();
        Self {
            torrent,
            to: to.to_owned(),
            write,
            open,
        }
    }

    pub(super) fn info(&self) -> &Info {
        self.torrent.info()
    }

    /// Writes a block to its place.
    pub(super) fn write(&self, block: Block, data: &[u8]) -> Result<(), Error> {
        let mut rest = data;
        for span in self
            .info()
            .spans_within(block.piece, block.begin, block.length)
        {
            let (now, later) = rest
                .split_at_checked(span.length as usize)
                .unwrap_or((rest, &[]));
            let written = self
                .file(span.file)
                .and_then(|file| file.write_all_at(now, span.offset));
            written.map_err(|why| self.error(span.file, why))?;
            rest = later;
        }
        Ok(())
    }

    /// Appends a block's bytes to `out`, or leaves it as it was.
    pub(super) fn read(&self, block: Block, out: &mut BytesMut) -> Result<(), Error> {
        let before = out.len();
        out.resize(before + block.length as usize, 0);
        let mut at = before;
        for span in self
            .info()
            .spans_within(block.piece, block.begin, block.length)
        {
            let part = &mut out[at..at + span.length as usize];
            let read = self
                .file(span.file)
                .and_then(|file| file.read_exact_at(part, span.offset));
            if let Err(why) = read {
                out.truncate(before);
                return Err(self.error(span.file, why));
            }
            at += span.length as usize;
        }
        Ok(())
    }

    /// Whether the piece in the files is the one the torrent names.
    pub(super) fn check(&self, piece: u32) -> Result<bool, Error> {
        let length = self.info().piece_size(piece);
        let mut bytes = BytesMut::with_capacity(length as usize);
        self.read(
            Block {
                piece,
                begin: 0,
                length,
            },
            &mut bytes,
        )?;
        let right = self.info().pieces.get(piece as usize);
        Ok(right.is_some_and(|right| Sha1::digest(&bytes)[..] == right[..]))
    }

    fn file(&self, index: usize) -> io::Result<Arc<File>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(&index) {
            return Ok(Arc::clone(file));
        }
        if open.len() >= OPEN {
            // Any one will do: what is needed again is opened again.
            let some = open.keys().next().copied();
            some.and_then(|some| open.remove(&some));
        }
        let file = Arc::new(
            File::options()
                .read(true)
                .write(self.write)
                .open(self.path(index))?,
        );
        open.insert(index, Arc::clone(&file));
        Ok(file)
    }

    fn path(&self, index: usize) -> PathBuf {
        self.to.join(self.info().relative_path(index))
    }

    fn error(&self, index: usize, why: io::Error) -> Error {
        Error::file(&self.path(index), why)
    }
}

/// Makes a file of this length; true if it was there.
fn make(path: &Path, length: u64) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match File::options().write(true).create_new(true).open(path) {
        Ok(file) => file.set_len(length).map(|()| false),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            same_length(fs::metadata(path)?.len(), length).map(|()| length > 0)
        }
        Err(e) => Err(e),
    }
}

fn same_length(found: u64, needed: u64) -> io::Result<()> {
    if found == needed {
        return Ok(());
    }
    let text =
        format!("is there with {found} bytes, and the torrent's has {needed}; remove it first");
    Err(io::Error::new(io::ErrorKind::AlreadyExists, text))
}
