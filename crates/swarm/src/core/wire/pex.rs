//! Peer exchange (BEP 11, `ut_pex`): whom a peer is connected to, and whom no more. IPv4 alone.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;
use metainfo::bencode::{self, Encoded, Value};

use super::Message;

/// The id under which we want to receive it.
pub const OUR_PEX_ID: u8 = 2;

/// Most addresses that are added in one message, and most that are dropped (BEP 11).
pub const MOST_NAMED: usize = 50;

/// Bytes of an address in the compact form (BEP 23).
const COMPACT: usize = 6;

/// Flags of an added address (BEP 11).
const SEED: u8 = 0x02;
const REACHABLE: u8 = 0x10;

/// One message. At most [`MOST_NAMED`] of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pex {
    /// Whom the sender is connected to since its last message.
    pub added: Vec<Added>,
    /// Whom it was connected to at its last message and is no more.
    pub dropped: Vec<SocketAddrV4>,
}

/// Somebody whom the sender is connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// Where it listens.
    pub address: SocketAddrV4,
    /// It has everything.
    pub seed: bool,
    /// The sender connected to it, so it can be connected to.
    pub reachable: bool,
}

impl Pex {
    /// As a message to a peer that wants it under this id. What is too much is left out.
    pub fn to_message(&self, id: u8) -> Message {
        let added = || self.added.iter().take(MOST_NAMED);
        let flags = added().map(|one| {
            let seed = if one.seed { SEED } else { 0 };
            seed | if one.reachable { REACHABLE } else { 0 }
        });
        let dropped = self.dropped.iter().take(MOST_NAMED).copied();
        let dict = Encoded::dict([
            ("added", to_compact(added().map(|one| one.address))),
            ("added.f", Encoded::bytes(flags.collect::<Vec<u8>>())),
            ("dropped", to_compact(dropped)),
        ]);
        Message::Extended {
            id,
            payload: Bytes::from(dict.into_bytes()),
        }
    }

    /// From the payload of such a message; none if it is no dictionary. A part that makes no sense counts
    /// as not said, and of more than [`MOST_NAMED`] the first ones count.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (value, _) = bencode::parse_prefix(payload).ok()?;
        let dict = value.as_dict()?;
        let bytes = |key| dict.get(key).and_then(Value::as_bytes).unwrap_or_default();
        let flags = bytes("added.f").iter().copied().chain(std::iter::repeat(0));
        let added = from_compact(bytes("added")).zip(flags);
        let added = added.map(|(address, flags)| Added {
            address,
            seed: flags & SEED != 0,
            reachable: flags & REACHABLE != 0,
        });
        Some(Self {
            added: added.take(MOST_NAMED).collect(),
            dropped: from_compact(bytes("dropped")).take(MOST_NAMED).collect(),
        })
    }
}

fn to_compact(addresses: impl Iterator<Item = SocketAddrV4>) -> Encoded {
    let mut bytes = Vec::new();
    for address in addresses {
        bytes.extend(address.ip().octets());
        bytes.extend(address.port().to_be_bytes());
    }
    Encoded::bytes(bytes)
}

/// Addresses in the compact form (BEP 23): four bytes and a port each. One that is cut off is left out.
pub fn from_compact(bytes: &[u8]) -> impl Iterator<Item = SocketAddrV4> {
    let (whole, _) = bytes.as_chunks::<COMPACT>();
    whole.iter().map(|&[a, b, c, d, high, low]| {
        SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(number: u32) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::from_bits(0x0a4d_0000 + number), 6881)
    }

    fn added(number: u32) -> Added {
        Added {
            address: address(number),
            seed: number.is_multiple_of(2),
            reachable: number.is_multiple_of(3),
        }
    }

    #[test]
    fn said_and_understood_and_no_more_than_fifty() {
        for (count, expected) in [(0, 0), (1, 1), (50, 50), (51, 50), (4000, 50)] {
            let said = Pex {
                added: (0..count).map(added).collect(),
                dropped: (5000..5000 + count).map(address).collect(),
            };
            let Message::Extended { id: 9, payload } = said.to_message(9) else {
                panic!("not an extension message");
            };
            let heard = Pex::parse(&payload).expect("a dictionary");
            assert_eq!(heard.added, said.added[..expected]);
            assert_eq!(heard.dropped, said.dropped[..expected]);
        }
    }

    /// As other programs say it: without flags, with IPv6 beside, and too many at once.
    #[test]
    fn what_is_missing_or_makes_no_sense_counts_as_not_said() {
        let one = Added {
            seed: false,
            reachable: false,
            ..added(1)
        };
        let dict = |inner: &[u8]| [b"d", inner, b"e"].concat();
        let alone = b"5:added6:\x0a\x4d\x00\x01\x1a\xe1";
        for (payload, expected) in [
            (dict(alone), Some(vec![one])),
            (
                dict(&[alone, &b"6:added618:0123456789abcdef01"[..]].concat()),
                Some(vec![one]),
            ),
            (dict(b"5:added7:\x0a\x4d\x00\x01\x1a\xe1x"), Some(vec![one])),
            (dict(b"5:added5:01234"), Some(vec![])),
            (dict(b"5:addedi7e"), Some(vec![])),
            (dict(b""), Some(vec![])),
            (b"le".to_vec(), None),
            (b"".to_vec(), None),
        ] {
            let heard = Pex::parse(&payload).map(|pex| pex.added);
            assert_eq!(heard, expected, "{payload:?}");
        }
        let many = [b"5:added6000:", &[7; 6000][..]].concat();
        assert_eq!(
            Pex::parse(&dict(&many)).map(|pex| pex.added.len()),
            Some(50)
        );
    }

    proptest! {
        #[test]
        fn no_noise_does_harm(noise: Vec<u8>) {
            let _ = Pex::parse(&noise);
        }
    }
}
