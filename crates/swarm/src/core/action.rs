//! What the state machine wants done.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;

use super::Block;
use super::wire::{self, Frame};

/// A connection, from the decision to make it until its end. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnId(pub u64);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Something for the shell to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Connect; tell the outcome with [`connected`](super::Swarm::connected) or
    /// [`disconnected`](super::Swarm::disconnected).
    Connect {
        /// Its name from now on.
        conn: ConnId,
        /// Where to.
        to: SocketAddrV4,
    },
    /// Send this to a peer.
    Send {
        /// To whom.
        conn: ConnId,
        /// What.
        frame: Frame,
    },
    /// Close a connection. Nothing is to be told about it any more.
    Disconnect {
        /// Which one.
        conn: ConnId,
        /// Why.
        why: Reason,
    },
    /// Write a block to its place in the files.
    Store {
        /// Who brought it.
        conn: ConnId,
        /// Its place.
        block: Block,
        /// Its bytes.
        data: Bytes,
    },
    /// Hash a piece, all of which was stored before, and tell with
    /// [`checked`](super::Swarm::checked).
    Check {
        /// Which one.
        piece: u32,
    },
    /// Read a block of a verified piece and send it to a peer; tell with
    /// [`uploaded`](super::Swarm::uploaded) when it has left.
    Upload {
        /// To whom.
        conn: ConnId,
        /// Which one.
        block: Block,
    },
    /// The peer does not want this block any more, which [`Upload`](Self::Upload) named before. If nothing of it has left,
    /// drop it, and tell with [`dropped`](super::Swarm::dropped) instead.
    Recall {
        /// By whom.
        conn: ConnId,
        /// Which one.
        block: Block,
    },
    /// A machine sent wrong data and gets no more connections for a while. Nothing to do; for
    /// people to know.
    Banned {
        /// Which one.
        address: Ipv4Addr,
    },
    /// The last piece that we want is verified. Nothing to do; for people to know.
    Complete,
}

/// Why we close a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Its bytes cannot be understood.
    #[error(transparent)]
    Wire(#[from] wire::Error),
    /// A message that no correct client sends in this place.
    #[error("sent {0}")]
    Rule(&'static str),
    /// It shares something else.
    #[error("is about another torrent")]
    OtherTorrent,
    /// We reached ourselves.
    #[error("is ourselves")]
    Ourselves,
    /// There are two connections between the same two.
    #[error("is connected already")]
    Duplicate,
    /// It sent wrong data.
    #[error("is banned for sending wrong data")]
    Banned,
    /// No handshake, or no sign of life.
    #[error("is silent")]
    Silent,
    /// It takes too little of what we send.
    #[error("does not read")]
    NotReading,
    /// Both sides have all they want.
    #[error("has all it wants, as we do")]
    BothComplete,
}

impl Reason {
    /// Whether the peer is at fault, so that trying it again at once is no use.
    pub(crate) fn blames(self) -> bool {
        !matches!(self, Self::Duplicate | Self::Silent | Self::NotReading)
    }
}
