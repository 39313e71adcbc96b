//! From a folder to its torrent, with all cores.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use metainfo::{FileEntry, Info, Torrent};
use sha1::{Digest, Sha1};

use crate::Error;
use crate::payload::Payload;

/// Bytes read at a time: they stay in the processor's cache until they are hashed.
const READ: usize = 64 << 10;

/// Bytes a thread takes on at a time: neighbouring pieces, so that disks read on.
const BATCH: u32 = 4 << 20;

/// How many pieces are compared when a torrent is added.
const SAMPLES: u32 = 16;

/// Hashes `files` below `root` into a torrent called `name`. The order of `files` does not matter: the
/// torrent has them sorted by their path's bytes, so the same content gives the same torrent.
///
/// `progress` is told the bytes just hashed, from any of the `threads`. The call blocks until all is
/// hashed.
///
/// # Errors
/// A path no torrent may have; a file that is missing, unreadable, of another size than its entry
/// says, or that changes while it is being hashed. The error names the file.
pub fn hash_folder(
    root: &Path,
    name: &str,
    files: &[FileEntry],
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Torrent, Error> {
    let info = empty_info(name, files)?;
    let payload = Payload::look(root, &info.files)?;
    hash_payload(info, &payload, threads, progress).map(Torrent::new)
}

/// Puts the hashes into `info`, and makes sure that all are of the files that were looked at.
///
/// # Errors
/// As [`hash_folder`]'s.
pub(crate) fn hash_payload(
    mut info: Info,
    payload: &Payload,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Info, Error> {
    info.pieces = hash_pieces(&info, payload, threads, progress)?;
    payload.check()?;
    Ok(info)
}

/// Whether the content still is the torrent's, by up to [`SAMPLES`] pieces from all over it: enough to
/// notice that another image lies there, cheap enough for every start.
///
/// # Errors
/// A file is unreadable or changed.
pub(crate) fn sample(info: &Info, payload: &Payload) -> Result<bool, Error> {
    let count = info.piece_count();
    let samples = count.min(SAMPLES);
    let mut reader = Reader::new(info, payload, &|_| {});
    for sample in 0..samples {
        // Never beyond the last piece, and rounded down: the product may be larger than a u32.
        let piece = u64::from(sample) * u64::from(count - 1) / u64::from(samples.max(2) - 1);
        if reader.hash(piece as u32)? != info.pieces[piece as usize] {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The info dictionary without its hashes.
///
/// # Errors
/// A path no torrent may have.
pub(crate) fn empty_info(name: &str, files: &[FileEntry]) -> Result<Info, Error> {
    metainfo::check_path(&[name])?;
    metainfo::check_files(files)?;
    let mut names = files.iter().flat_map(|file| &file.path);
    if let Some(bad) = names.find(|part| part.contains('\\')) {
        return Err(Error::Backslash(bad.clone()));
    }
    let mut files = files.to_vec();
    files.sort_by_cached_key(|file| file.path.join("/"));
    let total = files.iter().map(|file| file.length).sum();
    Ok(Info {
        name: name.to_owned(),
        piece_length: metainfo::piece_length(total),
        pieces: Vec::new(),
        files,
        private: false,
        single_file: false,
    })
}

/// Threads take batches of neighbouring pieces until none are left or one of them fails.
fn hash_pieces(
    info: &Info,
    payload: &Payload,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<Vec<[u8; 20]>, Error> {
    let count = info
        .total_length()
        .div_ceil(u64::from(info.piece_length))
        .try_into()
        .map_err(|_| Error::Engine("too many pieces".to_owned()))?;
    let batch = (BATCH / info.piece_length).max(1);
    let next = AtomicU32::new(0);
    let failed = AtomicBool::new(false);
    let work = || -> Result<Vec<(u32, [u8; 20])>, Error> {
        let mut reader = Reader::new(info, payload, progress);
        let mut hashes = Vec::new();
        while !failed.load(Ordering::Relaxed) {
            let first = next.fetch_add(batch, Ordering::Relaxed);
            if first >= count {
                break;
            }
            for piece in first..count.min(first + batch) {
                let hash = reader.hash(piece);
                failed.fetch_or(hash.is_err(), Ordering::Relaxed);
                hashes.push((piece, hash?));
            }
        }
        Ok(hashes)
    };
    let results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    let mut hashes = Vec::with_capacity(count as usize);
    for result in results {
        hashes.extend(result?);
    }
    hashes.sort_unstable_by_key(|(piece, _)| *piece);
    Ok(hashes.into_iter().map(|(_, hash)| hash).collect())
}

/// One thread's way through the payload, with the file it is in kept open.
struct Reader<'a> {
    info: &'a Info,
    payload: &'a Payload,
    progress: &'a (dyn Fn(u64) + Sync),
    open: Option<(usize, File)>,
    buffer: Vec<u8>,
}

impl<'a> Reader<'a> {
    fn new(info: &'a Info, payload: &'a Payload, progress: &'a (dyn Fn(u64) + Sync)) -> Self {
        Self {
            info,
            payload,
            progress,
            open: None,
            buffer: vec![0; READ],
        }
    }

    fn hash(&mut self, piece: u32) -> Result<[u8; 20], Error> {
        let mut sha1 = Sha1::new();
        for span in self.info.spans(piece) {
            let file = match self.open.take() {
                Some((index, file)) if index == span.file => file,
                _ => self.payload.open(span.file)?,
            };
            let (mut offset, end) = (span.offset, span.offset + u64::from(span.length));
            while offset < end {
                let length = (end - offset).min(READ as u64);
                let buffer = &mut self.buffer[..length as usize];
                self.payload.read(span.file, &file, buffer, offset)?;
                sha1.update(buffer);
                (self.progress)(length);
                offset += length;
            }
            self.open = Some((span.file, file));
        }
        Ok(sha1.finalize().into())
    }
}
