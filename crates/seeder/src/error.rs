//! What can go wrong with a payload or its seed.

use std::io;
use std::path::PathBuf;

use metainfo::{InfoHash, PathError};

/// Why a folder could not be hashed or seeded. Files are named by their full path.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be opened or read.
    #[error("cannot read {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder, device, socket or pipe where a file should be.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// A file is not what it was when it was listed, hashed or added.
    #[error("{} changed ({what}); a system's files must stay as they are while they are hashed and served", .file.display())]
    Changed {
        /// The file.
        file: PathBuf,
        /// What is different.
        what: String,
    },
    /// A path that no torrent may have.
    #[error(transparent)]
    Path(#[from] PathError),
    /// librqbit and clients on other systems take a backslash for a separator.
    #[error("{0:?} has a backslash in its name; rename it")]
    Backslash(String),
    /// The state folder cannot be used.
    #[error("cannot use the state folder {}", .folder.display())]
    State {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The files are there, but their bytes are not those of the torrent.
    #[error("the files of {0} are not those its torrent was made of")]
    Content(String),
    /// This torrent is being seeded already.
    #[error("torrent {0} is seeded already")]
    Twice(InfoHash),
    /// librqbit refused; the text is its own.
    #[error("the BitTorrent engine refused: {0}")]
    Engine(String),
}
