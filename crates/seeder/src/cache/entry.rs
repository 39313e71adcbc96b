//! One entry as bytes: a line with the version, the SHA-1 of all that follows, and one bencoded
//! dictionary with what was hashed (`of`) and what came of it (`pieces`, and the files' SHA-256 as `sha256`).
//!
//! Nothing read from an entry is acted on before its checksum fits, and then the only question is
//! whether it is of the very files that are there now: both are written down in the same way, and
//! the bytes are compared.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use metainfo::bencode::{self, Dict, Encoded, Value};
use metainfo::{FileEntry, Info, Sha256};
use sha1::{Digest, Sha1};

use super::disk::Disk;
use crate::Fingerprint;
use crate::payload::Payload;

/// The longest entry that is written or read. 100,000 files with names of 200 bytes fit.
pub(super) const MAX_BYTES: usize = 32 << 20;

/// Says that this is an entry, and how to read it. Whoever changes how folders are hashed or what is
/// written here counts it up.
const VERSION: &[u8] = b"bt-server hashes 3\n";

/// Bytes of the checksum.
const CHECKSUM: usize = 20;

/// What is hashed: the folder and each of its files. Of the torrent only what its hashes depend on,
/// so that its name does not matter.
///
/// Device numbers are left out: they are given anew at every mount. What tells one file system from
/// another is in `disks`.
pub(super) fn identity(root: &Path, info: &Info, payload: &Payload, disks: &[Disk]) -> Encoded {
    let files = info.files.iter().zip(payload.fingerprints());
    Encoded::dict([
        ("disks", Encoded::list(disks.iter().map(disk))),
        ("files", Encoded::list(files.map(file))),
        ("piece length", Encoded::int(info.piece_length.into())),
        ("root", Encoded::bytes(root.as_os_str().as_bytes())),
    ])
}

fn disk(disk: &Disk) -> Encoded {
    let kind = Encoded::int(disk.kind.into());
    Encoded::list([kind, Encoded::int(disk.number.cast_signed())])
}

/// A list and not a dictionary, so that the files of a large folder stay within
/// [`bencode::MAX_VALUES`] and [`MAX_BYTES`].
fn file((entry, now): (&FileEntry, Fingerprint)) -> Encoded {
    Encoded::list([
        Encoded::bytes(entry.path.join("/")),
        Encoded::size(now.size),
        Encoded::int(now.modified.0),
        Encoded::int(now.modified.1),
        Encoded::int(now.changed.0),
        Encoded::int(now.changed.1),
        // Bencode is read into signed numbers, and some file systems use all 64 bits.
        Encoded::int(now.inode.cast_signed()),
    ])
}

/// An entry, complete.
pub(super) fn seal(identity: &Encoded, pieces: &[[u8; 20]], files: &[Sha256]) -> Vec<u8> {
    let files: Vec<[u8; 32]> = files.iter().map(|hash| hash.0).collect();
    let content = Encoded::dict([
        ("of", identity.clone()),
        ("pieces", Encoded::bytes(pieces.as_flattened())),
        ("sha256", Encoded::bytes(files.as_flattened())),
    ])
    .into_bytes();
    let checksum = Sha1::digest(&content);
    [VERSION, &checksum, &content].concat()
}

/// The hashes of an entry, those of the pieces and those of the files, if it is one, undamaged, and of
/// exactly these files.
pub(super) fn hashes(bytes: &[u8], identity: &Encoded) -> Option<(Vec<[u8; 20]>, Vec<Sha256>)> {
    let content = content(bytes)?;
    let content = content.as_dict()?;
    if of(content)?.raw() != identity.as_bytes() {
        return None;
    }
    let (pieces, []) = content.get("pieces")?.as_bytes()?.as_chunks() else {
        return None;
    };
    let (files, []) = content.get("sha256")?.as_bytes()?.as_chunks() else {
        return None;
    };
    Some((pieces.to_vec(), files.iter().copied().map(Sha256).collect()))
}

/// The folder an entry is of.
pub(super) fn root(bytes: &[u8]) -> Option<PathBuf> {
    let content = content(bytes)?;
    let root = of(content.as_dict()?)?.get("root")?.as_bytes()?;
    Some(PathBuf::from(OsStr::from_bytes(root)))
}

fn of<'a>(content: &'a Dict<'a>) -> Option<&'a Dict<'a>> {
    content.get("of")?.as_dict()
}

fn content(bytes: &[u8]) -> Option<Value<'_>> {
    let (checksum, content) = bytes.strip_prefix(VERSION)?.split_at_checked(CHECKSUM)?;
    if Sha1::digest(content)[..] != *checksum {
        return None;
    }
    bencode::parse(content).ok()
}
