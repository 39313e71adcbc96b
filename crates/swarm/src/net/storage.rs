//! The torrent's files: blocks written to their place, pieces hashed, blocks read for others.
//!
//! Only files that are wanted are made. What a wanted piece holds of others stays in memory ([`Margins`]).
//! A piece is verified where it lies: no copy of it is made, but for the few bytes that are hashed at a time.
//!
//! Calls block for as long as the file system takes. In phase 1 that is a copy in memory; elsewhere
//! it is mostly the page cache.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use metainfo::{Info, Torrent};
use sha1::{Digest, Sha1};
use tokio::sync::watch;

use super::Error;
use super::margins::Margins;
use super::wanted::Wanted;
use crate::core::{Bitfield, Block};

/// Files kept open. A torrent may have thousands, a process only some hundred descriptors.
const OPEN: usize = 64;
/// Bytes read to be hashed at a time: few enough to stay in the processor's cache.
pub(super) const HASHED: u32 = 256 << 10;

/// Files that lie in one file together instead of having one each, for somebody who can take only one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Joined {
    /// The file they are in.
    pub path: PathBuf,
    /// Its length in bytes.
    pub length: u64,
    /// Where each begins in it, by its index in [`Info::files`]. They do not overlap, and none reaches beyond the
    /// end. What stands between them is never touched.
    pub at: BTreeMap<usize, u64>,
}

/// The files of one torrent below one folder.
pub(super) struct Storage {
    torrent: Arc<Torrent>,
    to: PathBuf,
    joined: Option<Joined>,
    write: bool,
    open: Mutex<HashMap<usize, Arc<File>>>,
    margins: Margins,
    verified: watch::Sender<Bitfield>,
}

impl Storage {
    /// Makes every wanted file with its full length. Says whether there is anything an earlier run left.
    ///
    /// # Errors
    /// A file that cannot be made, or one of another length that is there already: that is
    /// somebody else's and stays as it is.
    pub(super) fn create(
        torrent: Arc<Torrent>,
        to: &Path,
        wanted: &Wanted,
        joined: Option<Joined>,
    ) -> Result<(Self, bool), Error> {
        let mut left_over = false;
        let alone = |index: &usize| {
            let joined = joined.as_ref();
            wanted.has(*index) && joined.is_none_or(|joined| !joined.at.contains_key(index))
        };
        let files = torrent.info().files.iter().enumerate();
        let files = files.filter(|(index, _)| alone(index));
        let paths = files.map(|(index, file)| {
            let path = to.join(torrent.info().relative_path(index));
            (path, file.length)
        });
        let together = joined.iter().map(|one| (one.path.clone(), one.length));
        for (path, length) in paths.chain(together) {
            left_over |= make(&path, length).map_err(|why| Error::file(&path, why))?;
        }
        let margins = Margins::new(torrent.info(), wanted, &wanted.pieces(torrent.info()));
        let storage = Self {
            margins,
            joined,
            ..Self::new(torrent, to, true)
        };
        Ok((storage, left_over))
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
        let nothing = Bitfield::empty(torrent.info().piece_count());
        Self {
            torrent,
            to: to.to_owned(),
            joined: None,
            write,
            open: Mutex::default(),
            margins: Margins::default(),
            verified: watch::Sender::new(nothing),
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
            let aside = |bytes: &mut [u8]| bytes[..now.len()].copy_from_slice(now);
            if !self.margins.with(block.piece, span, aside) {
                let written = self
                    .file(span.file)
                    .and_then(|(file, at)| file.write_all_at(now, at + span.offset));
                written.map_err(|why| self.error(span.file, why))?;
            }
            rest = later;
        }
        Ok(())
    }

    /// Appends a block's bytes to `out`, or leaves it as it was.
    pub(super) fn read(&self, block: Block, out: &mut BytesMut) -> Result<(), Error> {
        let before = out.len();
        out.resize(before + block.length as usize, 0);
        let read = self.read_into(block.piece, block.begin, &mut out[before..]);
        if read.is_err() {
            out.truncate(before);
        }
        read
    }

    /// Fills `out` with the bytes of a piece from `begin` on.
    fn read_into(&self, piece: u32, begin: u32, mut out: &mut [u8]) -> Result<(), Error> {
        for span in self.info().spans_within(piece, begin, out.len() as u32) {
            let (part, rest) = out.split_at_mut(span.length as usize);
            if !self
                .margins
                .with(piece, span, |bytes| part.copy_from_slice(bytes))
            {
                self.read_file(span.file, span.offset, part)?;
            }
            out = rest;
        }
        Ok(())
    }

    /// Fills `out` with the bytes of a file from `offset` on.
    pub(super) fn read_file(&self, index: usize, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let read = self
            .file(index)
            .and_then(|(file, at)| file.read_exact_at(out, at + offset));
        read.map_err(|why| self.error(index, why))
    }

    /// Whether the piece in the files is the one the torrent names. Those that are, are
    /// [`verified`](Self::verified) from then on: nothing is written to them any more.
    pub(super) fn check(&self, piece: u32) -> Result<bool, Error> {
        let length = self.info().piece_size(piece);
        let (mut hash, mut begin) = (Sha1::new(), 0);
        let mut bytes = vec![0; length.min(HASHED) as usize];
        while begin < length {
            let part = &mut bytes[..(length - begin).min(HASHED) as usize];
            self.read_into(piece, begin, part)?;
            hash.update(&*part);
            begin += part.len() as u32;
        }
        let named = self.info().pieces.get(piece as usize);
        let right = named.is_some_and(|named| hash.finalize()[..] == named[..]);
        if right {
            self.verified.send_modify(|verified| {
                verified.set(piece);
            });
        }
        Ok(right)
    }

    /// The pieces that were found right, and every later one.
    pub(super) fn verified(&self) -> watch::Receiver<Bitfield> {
        self.verified.subscribe()
    }

    /// The open file that a file's bytes are in, and where they begin in it.
    fn file(&self, index: usize) -> io::Result<(Arc<File>, u64)> {
        let (path, at) = match &self.joined {
            Some(joined) if joined.at.contains_key(&index) => (&joined.path, joined.at[&index]),
            _ => (&self.path(index), 0),
        };
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = open.get(&index) {
            return Ok((Arc::clone(file), at));
        }
        if open.len() >= OPEN {
            // Any one will do: what is needed again is opened again.
            let some = open.keys().next().copied();
            some.and_then(|some| open.remove(&some));
        }
        let file = Arc::new(File::options().read(true).write(self.write).open(path)?);
        open.insert(index, Arc::clone(&file));
        Ok((file, at))
    }

    /// What a file is called, also where it lies in another one.
    pub(super) fn path(&self, index: usize) -> PathBuf {
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
