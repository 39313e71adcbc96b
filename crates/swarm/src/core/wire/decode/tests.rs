use bytes::{BufMut, Bytes, BytesMut};
use metainfo::InfoHash;
use proptest::prelude::*;

use super::{Decoder, Error, MAX_EXTENDED};
use crate::core::wire::{Frame, Handshake, Message};
use crate::core::{BLOCK, Bitfield, Block};

const PIECES: u32 = 21;

fn handshake() -> Handshake {
    Handshake::new(InfoHash([7; 20]), *b"-BS0100-abcdefghijkl")
}

/// A decoder that has seen a handshake.
fn greeted(pieces: u32) -> Decoder {
    let mut decoder = Decoder::new(pieces);
    handshake().encode(decoder.buffer());
    assert_eq!(decoder.next(), Ok(Some(Frame::Handshake(handshake()))));
    decoder
}

fn message() -> impl Strategy<Value = Message> {
    let block = (any::<u32>(), any::<u32>(), any::<u32>());
    let block = block.prop_map(|(piece, begin, length)| Block {
        piece,
        begin,
        length,
    });
    let bytes = |range| proptest::collection::vec(any::<u8>(), range).prop_map(Bytes::from);
    prop_oneof![
        Just(Message::KeepAlive),
        Just(Message::Choke),
        Just(Message::Unchoke),
        Just(Message::Interested),
        Just(Message::NotInterested),
        any::<u32>().prop_map(Message::Have),
        proptest::collection::vec(0..PIECES, 0..9).prop_map(|pieces| {
            let mut field = Bitfield::empty(PIECES);
            for piece in pieces {
                field.set(piece);
            }
            Message::Bitfield(field)
        }),
        block.clone().prop_map(Message::Request),
        block.prop_map(Message::Cancel),
        (any::<u32>(), any::<u32>(), bytes(1..99))
            .prop_map(|(piece, begin, data)| Message::Piece { piece, begin, data }),
        (any::<u8>(), bytes(0..99)).prop_map(|(id, payload)| Message::Extended { id, payload }),
        (9..20_u8).prop_map(Message::Unknown),
    ]
}

#[test]
fn several_pieces_are_as_many_messages() {
    let (mut one_by_one, mut together) = (BytesMut::new(), BytesMut::new());
    for piece in [3, 1, 4] {
        Message::Have(piece).encode(&mut one_by_one);
    }
    Message::Haves(vec![3, 1, 4]).encode(&mut together);
    assert_eq!(together, one_by_one);
}

proptest! {
    /// However the stream is cut into reads, the same messages come out.
    #[test]
    fn what_is_written_is_read(
        messages in proptest::collection::vec(message(), 1..20),
        cuts in proptest::collection::vec(1..50_usize, 1..50),
    ) {
        let mut stream = BytesMut::new();
        handshake().encode(&mut stream);
        for message in &messages {
            message.encode(&mut stream);
        }
        let mut decoder = Decoder::new(PIECES);
        let mut read = Vec::new();
        for cut in cuts.iter().cycle() {
            if stream.is_empty() {
                break;
            }
            let part = stream.split_to((*cut).min(stream.len()));
            decoder.buffer().extend_from_slice(&part);
            while let Some(frame) = decoder.next()? {
                read.push(frame);
            }
        }
        prop_assert!(decoder.buffer().is_empty());
        prop_assert_eq!(read.remove(0), Frame::Handshake(handshake()));
        prop_assert_eq!(read, messages.into_iter().map(Frame::from).collect::<Vec<_>>());
    }

    /// Noise is refused or read, never kept without end and never a panic.
    #[test]
    fn noise_does_no_harm(noise in proptest::collection::vec(any::<u8>(), 0..2000), greet: bool) {
        let mut decoder = if greet { greeted(PIECES) } else { Decoder::new(PIECES) };
        decoder.buffer().extend_from_slice(&noise);
        while let Ok(Some(_)) = decoder.next() {}
        prop_assert!(decoder.buffer().capacity() <= 2 * MAX_EXTENDED);
    }
}

#[test]
fn a_foreign_greeting_is_refused_at_its_first_wrong_byte() {
    for (bytes, outcome) in [
        (&b"GET / HTTP/1.1\r\n"[..], Err(Error::NotBitTorrent)),
        (b"\x13BitTorrent protocoL", Err(Error::NotBitTorrent)),
        (b"\x14", Err(Error::NotBitTorrent)),
        (b"\x13BitTor", Ok(None)),
        (b"", Ok(None)),
    ] {
        let mut decoder = Decoder::new(PIECES);
        decoder.buffer().extend_from_slice(bytes);
        assert_eq!(decoder.next(), outcome, "{bytes:?}");
    }
}

#[test]
fn a_wrong_length_is_refused_before_its_bytes_come() {
    for (id, length, good) in [
        (0, 1, true),
        (0, 2, false),
        (4, 5, true),
        (4, 4, false),
        (5, 4, true),
        (5, 3, false),
        (5, 5, false),
        (6, 13, true),
        (6, 14, false),
        (7, 9, false),
        (7, 10, true),
        (7, 9 + BLOCK, true),
        (7, 10 + BLOCK, false),
        (8, 12, false),
        (20, 1, false),
        (20, 2, true),
        (20, MAX_EXTENDED as u32 + 2, false),
        (99, 1, true),
        (99, MAX_EXTENDED as u32 + 2, false),
        (7, u32::MAX, false),
    ] {
        let mut decoder = greeted(PIECES);
        decoder.buffer().put_u32(length);
        decoder.buffer().put_u8(id);
        let refused = decoder.next() == Err(Error::Length { id, length });
        assert_eq!(refused, !good, "message {id}, length {length}");
    }
}

#[test]
fn a_bitfield_with_spare_bits_is_refused() {
    let mut decoder = greeted(PIECES);
    decoder
        .buffer()
        .extend_from_slice(&[0, 0, 0, 4, 5, 0xff, 0xff, 0xff]);
    assert_eq!(decoder.next(), Err(Error::SpareBits));
}
