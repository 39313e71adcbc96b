//! What a connection carries, as types.

use bytes::Bytes;
use metainfo::InfoHash;

use crate::core::{Bitfield, Block};

/// Bytes of a handshake.
pub const HANDSHAKE_LENGTH: usize = 68;

/// The greeting that opens a connection in both directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Feature bits.
    pub reserved: [u8; 8],
    /// Which torrent this is about.
    pub info_hash: InfoHash,
    /// The sender's name for itself, new at each start.
    pub peer_id: [u8; 20],
}

impl Handshake {
    /// Ours: BEP 10 is the one feature we offer.
    pub fn new(info_hash: InfoHash, peer_id: [u8; 20]) -> Self {
        let mut reserved = [0; 8];
        reserved[5] = 0x10;
        Self {
            reserved,
            info_hash,
            peer_id,
        }
    }

    /// Whether the sender understands extension messages (BEP 10).
    pub fn extended(&self) -> bool {
        self.reserved[5] & 0x10 != 0
    }
}

/// One message after the handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Nothing to say, still there.
    KeepAlive,
    /// Requests are not answered from now on.
    Choke,
    /// Requests are answered from now on.
    Unchoke,
    /// The receiver has something the sender lacks.
    Interested,
    /// The receiver has nothing the sender lacks.
    NotInterested,
    /// One more verified piece.
    Have(u32),
    /// Several of them: on the wire as many messages as there are pieces, so that none of it is ever read.
    Haves(Vec<u32>),
    /// All verified pieces, said once at the beginning.
    Bitfield(Bitfield),
    /// Please send this.
    Request(Block),
    /// The data of a block.
    Piece {
        /// The piece's index.
        piece: u32,
        /// Offset in the piece, in bytes.
        begin: u32,
        /// At most [`BLOCK`](crate::core::BLOCK) bytes, at least one.
        data: Bytes,
    },
    /// No longer wanted.
    Cancel(Block),
    /// An extension message (BEP 10); id 0 is the extended handshake.
    Extended {
        /// What the receiver's extended handshake assigned.
        id: u8,
        /// Bencode, or whatever the extension says.
        payload: Bytes,
    },
    /// Of an extension we did not ask for; ignored.
    Unknown(u8),
}

/// What a connection brings: first the handshake, then messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The greeting.
    Handshake(Handshake),
    /// Anything after it.
    Message(Message),
}

impl From<Message> for Frame {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}
