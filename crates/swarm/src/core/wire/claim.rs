//! What machines of ours tell each other about pieces that only the server has.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::Message;

/// The payload of our extension `bs_claim`: one byte for the kind, four for the piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The sender fetches this piece from the server, or will next. Repeated every second while that
    /// is so.
    Takes(u32),
    /// The sender does not fetch it after all.
    Leaves(u32),
}

impl Claim {
    /// As a message to a peer that wants claims under this id.
    pub fn to_message(self, id: u8) -> Message {
        let (kind, piece) = match self {
            Self::Takes(piece) => (0, piece),
            Self::Leaves(piece) => (1, piece),
        };
        let mut payload = BytesMut::with_capacity(5);
        payload.put_u8(kind);
        payload.put_u32(piece);
        Message::Extended {
            id,
            payload: payload.freeze(),
        }
    }

    /// From the payload of such a message; none if it is no claim that we know.
    pub fn parse(mut payload: Bytes) -> Option<Self> {
        if payload.len() != 5 {
            return None;
        }
        match (payload.get_u8(), payload.get_u32()) {
            (0, piece) => Some(Self::Takes(piece)),
            (1, piece) => Some(Self::Leaves(piece)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bytes, Claim, Message};

    #[test]
    fn said_and_understood() {
        for claim in [Claim::Takes(7), Claim::Leaves(u32::MAX)] {
            let Message::Extended { id: 3, payload } = claim.to_message(3) else {
                panic!("not an extension message");
            };
            assert_eq!(Claim::parse(payload), Some(claim));
        }
        for noise in [&b""[..], b"\0\0\0\0", b"\0\0\0\0\0\0", b"\x02\0\0\0\0"] {
            assert_eq!(Claim::parse(Bytes::from_static(noise)), None);
        }
    }
}
