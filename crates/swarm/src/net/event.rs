//! What the tasks around the engine tell it.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::{Error, http};
use crate::core::{Block, ConnId, Holdings, wire};

/// Events that may wait for the engine; tasks with more to say wait themselves.
pub(super) const EVENTS: usize = 1024;

/// What other tasks report.
pub(super) enum Event {
    /// A connection that we asked for.
    Connected(ConnId, TcpStream),
    /// A connection that we asked for could not be made.
    Unreached(ConnId, SocketAddrV4, std::io::Error),
    /// A connection ended.
    Ended(ConnId),
    /// A peer said something.
    Frame(ConnId, wire::Frame),
    /// A peer's bytes make no sense.
    Nonsense(ConnId, wire::Error),
    /// A block has left for a peer.
    Uploaded(ConnId, Block),
    /// A block was recalled before anything of it had left.
    Dropped(ConnId, Block),
    /// A piece was hashed.
    Checked(u32, bool),
    /// The tracker answered with peers, or did not.
    Tracker(Result<Vec<SocketAddrV4>, String>),
    /// The web seed gives nothing more.
    Unserved(ConnId, http::Error),
    /// Somebody in the same network says that it shares this torrent.
    Neighbour(SocketAddrV4),
    /// The server, the second address, has sent these blocks to everybody in the group, the first one.
    Overheard((Ipv4Addr, Ipv4Addr), Vec<(Block, Bytes)>),
    /// Everything comes by itself, or not any more.
    Listen(bool),
    /// Somebody wants to know what is here.
    Holdings(oneshot::Sender<Holdings>),
    /// A file cannot be read or written: nothing can go on.
    Failed(Error),
}
