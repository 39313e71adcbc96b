//! Reading an archive, for tests and for looking into one.

use cpio::newc;

/// What an entry is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file and its bytes.
    File(Vec<u8>),
    /// A symbolic link and its target.
    Symlink(String),
    /// A device node, by major and minor number.
    Device(u32, u32),
    /// Anything else: a socket, a pipe.
    Other,
}

/// One entry of an archive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its path, as it stands in the archive.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// Inode number.
    pub inode: u32,
    /// What it is.
    pub kind: Kind,
}

/// Why an archive could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is no newc archive, or damaged.
    #[error("not a sound newc archive: {0}")]
    Damaged(#[from] std::io::Error),
    /// An entry says that it is longer than the archive.
    #[error("{path:?} says it has {size} bytes, and only {left} are left")]
    CutShort {
        /// The entry.
        path: String,
        /// The size it states.
        size: u32,
        /// The bytes that are left.
        left: usize,
    },
}

/// All entries before the trailer, in the archive's order.
///
/// # Errors
/// Bytes that are no newc archive.
pub fn entries(mut archive: &[u8]) -> Result<Vec<Entry>, ReadError> {
    let mut found = Vec::new();
    loop {
        let reader = newc::Reader::new(archive)?;
        let entry = reader.entry().clone();
        if entry.is_trailer() {
            return Ok(found);
        }
        let mut bytes = Vec::new();
        let mode = entry.mode();
        let size = entry.file_size();
        // The reader stops early without a word when the archive does.
        archive = reader.to_writer(&mut bytes)?;
        if bytes.len() < size as usize {
            return Err(ReadError::CutShort {
                path: entry.name().to_owned(),
                size,
                left: bytes.len(),
            });
        }
        let kind = match mode & 0o170_000 {
            0o040_000 => Kind::Folder,
            0o100_000 => Kind::File(bytes),
            0o120_000 => Kind::Symlink(String::from_utf8_lossy(&bytes).into_owned()),
            0o020_000 | 0o060_000 => Kind::Device(entry.rdev_major(), entry.rdev_minor()),
            _ => Kind::Other,
        };
        found.push(Entry {
            path: entry.name().to_owned(),
            mode: mode & 0o7777,
            inode: entry.ino(),
            kind,
        });
    }
}
