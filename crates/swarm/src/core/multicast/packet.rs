//! One datagram: a part of a block, and where it belongs.
//!
//! | bytes | |
//! |--:|---|
//! | 0–3 | `BSM1` |
//! | 4–11 | the room's session, from the [`Invitation`](super::Invitation) |
//! | 12–15 | number of the datagram within the session |
//! | 16–19 | piece |
//! | 20–21 | block of that piece |
//! | 22 | part of that block |
//! | 23 | what it is for: see [`Kind`] |
//!
//! Numbers are big-endian. The rest is payload.

use crate::core::{BLOCK, Block};

/// Bytes before the payload.
pub const HEADER: usize = 24;
/// Bytes of a block in one datagram: a block of 16 KiB takes twelve, each of which fits into an Ethernet frame with room for
/// two VLAN tags and PPPoE.
pub const PART: u32 = 1366;
const MAGIC: &[u8; 4] = b"BSM1";

/// What a datagram is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It belongs to a trial: its payload counts, and nobody stops asking others because of it.
    Trial,
    /// The last one of a trial: tell how it was.
    TrialEnd,
    /// It belongs to what is sent once to everybody.
    Pass,
    /// All has been sent.
    Over,
}

/// A datagram, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Of whom it is.
    pub session: u64,
    /// Its number.
    pub number: u32,
    /// What it is for.
    pub kind: Kind,
    /// The piece.
    pub piece: u32,
    /// Number of the block within the piece.
    pub block: u16,
    /// Number of the part within the block.
    pub part: u8,
    /// Its bytes.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads one. None where it is not one of ours.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, payload) = bytes.split_at_checked(HEADER)?;
        if &header[..4] != MAGIC || payload.len() > PART as usize {
            return None;
        }
        let word = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|byte| header[at + byte]));
        let kind = match header[23] {
            0 => Kind::Trial,
            1 => Kind::TrialEnd,
            2 => Kind::Pass,
            3 => Kind::Over,
            _ => return None,
        };
        Some(Self {
            session: u64::from(word(4)) << 32 | u64::from(word(8)),
            number: word(12),
            kind,
            piece: word(16),
            block: u16::from_be_bytes([header[20], header[21]]),
            part: header[22],
            payload,
        })
    }

    /// Appends its bytes to `out`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(MAGIC);
        out.extend(self.session.to_be_bytes());
        out.extend(self.number.to_be_bytes());
        out.extend(self.piece.to_be_bytes());
        out.extend(self.block.to_be_bytes());
        out.push(self.part);
        out.push(match self.kind {
            Kind::Trial => 0,
            Kind::TrialEnd => 1,
            Kind::Pass => 2,
            Kind::Over => 3,
        });
        out.extend(self.payload);
    }
}

/// How many datagrams a block takes.
#[must_use]
pub fn parts(block: Block) -> u32 {
    debug_assert!(block.length <= BLOCK);
    block.length.div_ceil(PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(kind: Kind) -> Packet<'static> {
        Packet {
            session: 0x0102_0304_0506_0708,
            number: 9,
            kind,
            piece: 70_000,
            block: 1023,
            part: 11,
            payload: b"bytes",
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for kind in [Kind::Trial, Kind::TrialEnd, Kind::Pass, Kind::Over] {
            let mut bytes = Vec::new();
            packet(kind).write(&mut bytes);
            assert_eq!(bytes.len(), HEADER + 5);
            assert_eq!(Packet::parse(&bytes), Some(packet(kind)));
        }
    }

    #[test]
    fn what_is_not_ours_is_left() {
        let mut good = Vec::new();
        packet(Kind::Pass).write(&mut good);
        for length in 0..HEADER {
            assert_eq!(Packet::parse(&good[..length]), None);
        }
        let mut long = good.clone();
        long.resize(HEADER + PART as usize + 1, 0);
        assert_eq!(Packet::parse(&long), None, "no part is as long");
        for (at, byte) in [(0, b'X'), (23, 4)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert_eq!(Packet::parse(&bad), None);
        }
    }

    #[test]
    fn a_block_takes_twelve_and_the_last_one_fewer() {
        let block = |length| Block {
            piece: 0,
            begin: 0,
            length,
        };
        assert_eq!(
            [BLOCK, 1, PART, PART + 1].map(|length| parts(block(length))),
            [12, 1, 1, 2]
        );
    }
}
