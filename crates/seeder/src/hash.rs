//! From a folder to its torrent and the SHA-256 of its files, with all cores.

#[cfg(test)]
mod tests;
mod work;
mod worker;

use std::path::Path;
use std::thread;

use metainfo::{FileEntry, Info, Sha256, Torrent};
use sha2::Digest;

use self::work::Work;
use self::worker::{Reader, Worker};
use crate::Error;
use crate::payload::Payload;

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
    let (info, _) = hash_payload(info, &payload, threads, progress)?;
    Ok(Torrent::new(info))
}

/// Puts the pieces' hashes into `info`, and makes sure that all are of the files that were looked at. Beside
/// it: the SHA-256 of every file, in the torrent's order.
///
/// # Errors
/// As [`hash_folder`]'s.
pub(crate) fn hash_payload(
    mut info: Info,
    payload: &Payload,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(Info, Vec<Sha256>), Error> {
    let batch = (BATCH / info.piece_length).max(1);
    let (pieces, files) = hash_all(&info, payload, batch, threads, progress)?;
    info.pieces = pieces;
    payload.check()?;
    Ok((info, files))
}

/// Whether the content still is the torrent's, by up to [`SAMPLES`] pieces from all over it: enough to
/// notice that another image lies there, cheap enough for every start.
///
/// # Errors
/// A file is unreadable or changed.
pub(crate) fn sample(info: &Info, payload: &Payload) -> Result<bool, Error> {
    let count = info.piece_count();
    let samples = count.min(SAMPLES);
    let mut reader = Reader::new(info, payload);
    for sample in 0..samples {
        // Never beyond the last piece, and rounded down: the product may be larger than a u32.
        let piece = u64::from(sample) * u64::from(count - 1) / u64::from(samples.max(2) - 1);
        if reader.piece(piece as u32, |_, _| {})? != info.pieces[piece as usize] {
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

/// The SHA-1 of every piece and the SHA-256 of every file, by `threads`, of which each takes `batch` pieces
/// at a time.
fn hash_all(
    info: &Info,
    payload: &Payload,
    batch: u32,
    threads: usize,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<(Vec<[u8; 20]>, Vec<Sha256>), Error> {
    let count = info
        .total_length()
        .div_ceil(u64::from(info.piece_length))
        .try_into()
        .map_err(|_| Error::Engine("too many pieces".to_owned()))?;
    let threads = threads.max(1);
    let work = Work::new(
        info,
        count,
        batch,
        u32::try_from(threads).unwrap_or(u32::MAX),
    );
    let run = || Worker::new(&work, Reader::new(info, payload), progress).run();
    let results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        workers
            .into_iter()
            .map(|worker| {
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    let mut pieces = vec![[0; 20]; count as usize];
    // Empty files have no part in any piece, and a hash all the same.
    let mut files = vec![Sha256(sha2::Sha256::digest([]).into()); info.files.len()];
    for result in results {
        let done = result?;
        for (piece, hash) in done.pieces {
            pieces[piece as usize] = hash;
        }
        for (file, hash) in done.files {
            files[file] = hash;
        }
    }
    Ok((pieces, files))
}
