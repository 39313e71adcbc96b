//! A torrent of one file that is in memory: what the server brings along itself lies on no disk.

use bytes::Bytes;
use metainfo::{FileEntry, Info, Sha256, Torrent};
use sha1::{Digest, Sha1};

use crate::Error;
use crate::hash::empty_info;

/// A file in memory, hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InMemory {
    /// The torrent, which has a folder with this one file.
    pub torrent: Torrent,
    /// SHA-256 of the file.
    pub sha256: Sha256,
    /// Its bytes.
    pub bytes: Bytes,
}

impl InMemory {
    /// Hashes `bytes` into a torrent called `name`, whose only file is `file`. The same bytes give the same torrent
    /// as [`hash_folder`](crate::hash_folder) makes of a folder with that file.
    ///
    /// # Errors
    /// A name that no torrent may have.
    pub fn hash(name: &str, file: &str, bytes: Bytes) -> Result<Self, Error> {
        let entry = FileEntry {
            path: vec![file.to_owned()],
            length: bytes.len() as u64,
        };
        let info = empty_info(name, &[entry])?;
        let pieces = bytes.chunks(info.piece_length as usize);
        let pieces = pieces.map(|piece| Sha1::digest(piece).into()).collect();
        Ok(Self {
            torrent: Torrent::new(Info { pieces, ..info }),
            sha256: Sha256(sha2::Sha256::digest(&bytes).into()),
            bytes,
        })
    }
}
