//! Why a download cannot go on.

use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use metainfo::Sha256;

/// Why a download cannot go on at all. Peers and trackers that fail are not among these.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The port for peers cannot be opened.
    #[error("cannot listen for peers on {address}: {why}")]
    Listen {
        /// What was asked for.
        address: SocketAddrV4,
        /// What the system said.
        why: Arc<std::io::Error>,
    },
    /// A file or folder cannot be made, written or read; often the memory is full.
    #[error("{path}: {why}")]
    File {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        why: Arc<std::io::Error>,
    },
    /// A whole file is not what it must be, although each of its pieces is the torrent's.
    #[error("{path}: its SHA-256 is {found}, and must be {promised}")]
    Sum {
        /// Which one.
        path: PathBuf,
        /// What it is.
        found: Sha256,
        /// What it must be.
        promised: Sha256,
    },
    /// The download was stopped.
    #[error("the download was stopped")]
    Stopped,
}

impl Error {
    pub(super) fn file(path: &Path, why: std::io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            why: Arc::new(why),
        }
    }
}
