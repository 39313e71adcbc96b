//! Writing messages.

use bytes::{BufMut, BytesMut};

use super::{Frame, Handshake, Message};
use crate::core::Block;

/// The bytes that go before the data of a block: length, message id, piece, offset.
pub fn piece_header(block: Block) -> [u8; 13] {
    let mut header = [0; 13];
    header[..4].copy_from_slice(&(9 + block.length).to_be_bytes());
    header[4] = 7;
    header[5..9].copy_from_slice(&block.piece.to_be_bytes());
    header[9..].copy_from_slice(&block.begin.to_be_bytes());
    header
}

impl Frame {
    /// Appends the bytes to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::Handshake(handshake) => handshake.encode(out),
            Self::Message(message) => message.encode(out),
        }
    }
}

impl Handshake {
    /// Appends the 68 bytes to `out`.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_slice(b"\x13BitTorrent protocol");
        out.put_slice(&self.reserved);
        out.put_slice(&self.info_hash.0);
        out.put_slice(&self.peer_id);
    }
}

impl Message {
    /// Appends the bytes to `out`, with the length before them.
    pub fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::KeepAlive => out.put_u32(0),
            Self::Choke => start(out, 0, 0),
            Self::Unchoke => start(out, 1, 0),
            Self::Interested => start(out, 2, 0),
            Self::NotInterested => start(out, 3, 0),
            Self::Have(piece) => {
                start(out, 4, 4);
                out.put_u32(*piece);
            }
            Self::Haves(pieces) => {
                for piece in pieces {
                    Self::Have(*piece).encode(out);
                }
            }
            Self::Bitfield(field) => {
                start(out, 5, field.as_wire().len());
                out.put_slice(field.as_wire());
            }
            Self::Request(block) => put_block(out, 6, *block),
            Self::Piece { piece, begin, data } => {
                start(out, 7, 8 + data.len());
                out.put_u32(*piece);
                out.put_u32(*begin);
                out.put_slice(data);
            }
            Self::Cancel(block) => put_block(out, 8, *block),
            Self::Extended { id, payload } => {
                start(out, 20, 1 + payload.len());
                out.put_u8(*id);
                out.put_slice(payload);
            }
            Self::Unknown(id) => start(out, *id, 0),
        }
    }
}

fn start(out: &mut BytesMut, id: u8, payload: usize) {
    out.put_u32(1 + payload as u32);
    out.put_u8(id);
}

fn put_block(out: &mut BytesMut, id: u8, block: Block) {
    start(out, id, 12);
    out.put_u32(block.piece);
    out.put_u32(block.begin);
    out.put_u32(block.length);
}
