//! What machines of ours tell each other about pieces that only the server has.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Message;

const LENGTH: usize = 10;

/// The payload of our extension `bs_claim`: one byte for the kind, one for the way, four for the
/// piece, four for the rank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// What it says about the piece.
    pub kind: Kind,
    /// The piece's index.
    pub piece: u32,
    /// Chosen at random by who fetches the piece. Of two that claim the same piece at the same
    /// moment the one with the lower rank fetches it.
    pub rank: u32,
    /// From whom to whom.
    pub way: Way,
}

/// What is said about a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Somebody fetches it from the server, or will next. Repeated every two seconds while that is so.
    Takes,
    /// They do not fetch it after all.
    Leaves,
}

/// How a claim comes to those it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the claimer, who is connected to everybody.
    Direct,
    /// From the claimer, whose room is larger than what it is connected to: to be told on.
    TellOn,
    /// From somebody who was told so, for others.
    ToldOn,
}

impl Claim {
    /// As a message to a peer that wants claims under this id.
    pub fn to_message(self, id: u8) -> Message {
        let mut payload = BytesMut::with_capacity(LENGTH);
        payload.put_u8(match self.kind {
            Kind::Takes => 0,
            Kind::Leaves => 1,
        });
        payload.put_u8(match self.way {
            Way::Direct => 0,
            Way::TellOn => 1,
            Way::ToldOn => 2,
        });
        payload.put_u32(self.piece);
        payload.put_u32(self.rank);
        Message::Extended {
            id,
            payload: payload.freeze(),
        }
    }

    /// From the payload of such a message; none if it is no claim that we know.
    pub fn parse(mut payload: Bytes) -> Option<Self> {
        if payload.len() != LENGTH {
            return None;
        }
        let kind = match payload.get_u8() {
            0 => Kind::Takes,
            1 => Kind::Leaves,
            _ => return None,
        };
        let way = match payload.get_u8() {
            0 => Way::Direct,
            1 => Way::TellOn,
            2 => Way::ToldOn,
            _ => return None,
        };
        Some(Self {
            kind,
            way,
            piece: payload.get_u32(),
            rank: payload.get_u32(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Claim, Kind, Message, Way};

    #[test]
    fn said_and_understood() {
        for kind in [Kind::Takes, Kind::Leaves] {
            let claim = Claim {
                kind,
                piece: 7,
                rank: u32::MAX,
                way: Way::TellOn,
            };
            let Message::Extended { id: 3, payload } = claim.to_message(3) else {
                panic!("not an extension message");
            };
            assert_eq!(Claim::parse(payload), Some(claim));
        }
        for noise in [&[][..], &[0; 9], &[0; 11], &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert_eq!(Claim::parse(Bytes::from_static(noise)), None);
        }
    }
}
