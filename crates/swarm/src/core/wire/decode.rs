//! Reading messages out of a stream of bytes, strictly and with bounded memory.

use bytes::{Buf, BytesMut};
use metainfo::InfoHash;

use super::{Frame, HANDSHAKE_LENGTH, Handshake, Message};
use crate::core::{BLOCK, Bitfield, Block};

/// Longest extension message or message of unknown kind, in bytes. A peer list of 50 needs 400.
pub const MAX_EXTENDED: usize = 32 << 10;

/// Why a peer's bytes are not BitTorrent for this torrent. Nothing after it can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The first bytes are not a BitTorrent handshake.
    #[error("no BitTorrent handshake")]
    NotBitTorrent,
    /// A message is longer or shorter than one of its kind can be.
    #[error("message {id} with impossible length {length}")]
    Length {
        /// The message's kind.
        id: u8,
        /// The length told, without the four bytes of the length itself.
        length: u32,
    },
    /// A bitfield with bits for pieces that do not exist.
    #[error("bitfield with spare bits set")]
    SpareBits,
}

/// Cuts the bytes of one connection into frames.
///
/// Read into [`buffer`](Self::buffer), then call [`next`](Self::next) until it gives none. A wrong
/// length is noticed from its five bytes, before anything is collected for it.
#[derive(Debug)]
pub struct Decoder {
    buffer: BytesMut,
    pieces: u32,
    greeted: bool,
}

impl Decoder {
    /// For a connection about a torrent of so many pieces.
    pub fn new(pieces: u32) -> Self {
        Self {
            buffer: BytesMut::new(),
            pieces,
            greeted: false,
        }
    }

    /// Where bytes that arrive go: append to it.
    pub fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next complete frame; none if more bytes are needed.
    #[expect(
        clippy::should_implement_trait,
        reason = "it can fail and go on after none"
    )]
    pub fn next(&mut self) -> Result<Option<Frame>, Error> {
        if self.greeted {
            Ok(self.message()?.map(Frame::Message))
        } else {
            Ok(self.handshake()?.map(Frame::Handshake))
        }
    }

    fn handshake(&mut self) -> Result<Option<Handshake>, Error> {
        const NAME: &[u8] = b"\x13BitTorrent protocol";
        let seen = self.buffer.len().min(NAME.len());
        if self.buffer[..seen] != NAME[..seen] {
            return Err(Error::NotBitTorrent);
        }
        if self.buffer.len() < HANDSHAKE_LENGTH {
            return Ok(None);
        }
        self.greeted = true;
        self.buffer.advance(NAME.len());
        let mut handshake = Handshake {
            reserved: [0; 8],
            info_hash: InfoHash([0; 20]),
            peer_id: [0; 20],
        };
        self.buffer.copy_to_slice(&mut handshake.reserved);
        self.buffer.copy_to_slice(&mut handshake.info_hash.0);
        self.buffer.copy_to_slice(&mut handshake.peer_id);
        Ok(Some(handshake))
    }

    fn message(&mut self) -> Result<Option<Message>, Error> {
        let Some((head, rest)) = self.buffer.split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*head);
        if length == 0 {
            self.buffer.advance(4);
            return Ok(Some(Message::KeepAlive));
        }
        let Some(&id) = rest.first() else {
            return Ok(None);
        };
        if !self.possible(id, length as usize - 1) {
            return Err(Error::Length { id, length });
        }
        if rest.len() < length as usize {
            self.buffer.reserve(length as usize - rest.len());
            return Ok(None);
        }
        self.buffer.advance(5);
        self.payload(id, length as usize - 1).map(Some)
    }

    /// Whether a message of this kind can have so many bytes after its id.
    fn possible(&self, id: u8, payload: usize) -> bool {
        match id {
            0..=3 => payload == 0,
            4 => payload == 4,
            5 => payload == Bitfield::wire_length(self.pieces),
            6 | 8 => payload == 12,
            7 => (9..=8 + BLOCK as usize).contains(&payload),
            20 => (1..=MAX_EXTENDED).contains(&payload),
            _ => payload <= MAX_EXTENDED,
        }
    }

    /// All bytes of it are in the buffer, and their number is right.
    fn payload(&mut self, id: u8, length: usize) -> Result<Message, Error> {
        let mut payload = self.buffer.split_to(length).freeze();
        Ok(match id {
            0 => Message::Choke,
            1 => Message::Unchoke,
            2 => Message::Interested,
            3 => Message::NotInterested,
            4 => Message::Have(payload.get_u32()),
            5 => {
                let field = Bitfield::from_wire(&payload, self.pieces).ok_or(Error::SpareBits)?;
                Message::Bitfield(field)
            }
            6 => Message::Request(block(payload)),
            7 => {
                let (piece, begin) = (payload.get_u32(), payload.get_u32());
                Message::Piece {
                    piece,
                    begin,
                    data: payload,
                }
            }
            8 => Message::Cancel(block(payload)),
            20 => Message::Extended {
                id: payload.get_u8(),
                payload,
            },
            _ => Message::Unknown(id),
        })
    }
}

fn block(mut payload: impl Buf) -> Block {
    Block {
        piece: payload.get_u32(),
        begin: payload.get_u32(),
        length: payload.get_u32(),
    }
}

#[cfg(test)]
mod tests;
