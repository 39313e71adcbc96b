//! One torrent on this machine.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;

use metainfo::Torrent;
use tokio::sync::watch;

use super::Progress;

/// Where and how to take part in a swarm.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where peers reach us. Port 0 takes any free one. An address other than 0.0.0.0 is also the
    /// one we connect from.
    pub listen: SocketAddrV4,
    /// The folder that the torrent's files go to, as
    /// [`Info::relative_path`](metainfo::Info::relative_path) names them. It is made if missing.
    pub to: PathBuf,
    /// Most connections at a time.
    pub max_peers: usize,
    /// Peers known beforehand, besides those the tracker knows.
    pub peers: Vec<SocketAddrV4>,
}

impl Options {
    /// Any address, any port, 50 connections.
    pub fn new(to: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0),
            to: to.into(),
            max_peers: 50,
            peers: Vec::new(),
        }
    }
}

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
    /// The download was stopped.
    #[error("the download was stopped")]
    Stopped,
}

/// A torrent being downloaded, and shared with others, until [`stop`](Self::stop) or drop.
#[derive(Debug)]
pub struct Download {
    address: SocketAddrV4,
    progress: watch::Receiver<Progress>,
}

impl Download {
    /// Opens the port, makes the files and starts to fetch.
    pub async fn start(torrent: Arc<Torrent>, options: Options) -> Result<Self, Error> {
        let _ = (torrent, options);
        Err(Error::Stopped)
    }

    /// Shares the complete and correct files below `options.to` without changing them.
    pub async fn seed(torrent: Arc<Torrent>, options: Options) -> Result<Self, Error> {
        let _ = (torrent, options);
        Err(Error::Stopped)
    }

    /// Where peers reach us, with the port that was opened.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }

    /// The newest state, and every later one.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits until every piece is verified and in its file. The download goes on sharing.
    pub async fn complete(&mut self) -> Result<(), Error> {
        self.progress
            .wait_for(|progress| progress.complete)
            .await
            .map_err(|_| Error::Stopped)?;
        Ok(())
    }

    /// Leaves the swarm: tells the tracker, for one second at most, and closes everything.
    pub async fn stop(self) {}
}
