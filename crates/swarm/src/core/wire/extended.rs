//! BEP 10's extended handshake: who the peer is and which extensions it understands.

use bytes::Bytes;
use metainfo::bencode::{self, Encoded};

use super::Message;

/// The id under which we want to receive claims: which piece another machine of the room is
/// fetching from the server at the moment. Sent only between clients of ours.
pub const OUR_CLAIM_ID: u8 = 1;

/// Our name for the claim extension.
const CLAIM: &str = "bs_claim";

/// BEP 11's name for peer exchange.
const PEX: &str = "ut_pex";

/// BEP 21's key.
const UPLOAD_ONLY: &str = "upload_only";

/// The parts of the extended handshake that we use. Everything in it is optional.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtendedHandshake {
    /// The id under which the sender wants to receive claims.
    pub claim: Option<u8>,
    /// The id under which the sender wants to be told of other peers ([`Pex`](super::Pex)).
    pub pex: Option<u8>,
    /// The port the sender listens on.
    pub port: Option<u16>,
    /// How many requests the sender keeps in its queue.
    pub requests: Option<u32>,
    /// Whether the sender has all it wants, though it may lack pieces (BEP 21). Not said again means
    /// unchanged.
    pub upload_only: Option<bool>,
}

impl ExtendedHandshake {
    /// As a message.
    pub fn to_message(&self) -> Message {
        let ids = [(CLAIM, self.claim), (PEX, self.pex)];
        let ids = ids
            .into_iter()
            .filter_map(|(name, id)| Some((name, Encoded::int(id?.into()))));
        let upload_only = self.upload_only.map(|only| Encoded::int(only.into()));
        let mut entries = vec![
            ("m", Encoded::dict(ids)),
            (
                "v",
                Encoded::bytes(concat!("bt-server ", env!("CARGO_PKG_VERSION"))),
            ),
        ];
        entries.extend(self.port.map(|port| ("p", Encoded::int(port.into()))));
        entries.extend(
            self.requests
                .map(|count| ("reqq", Encoded::int(count.into()))),
        );
        entries.extend(upload_only.map(|only| (UPLOAD_ONLY, only)));
        Message::Extended {
            id: 0,
            payload: Bytes::from(Encoded::dict(entries).into_bytes()),
        }
    }

    /// From the payload of an extension message with id 0. None if it is not a dictionary; a part
    /// that makes no sense counts as not said.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (value, _) = bencode::parse_prefix(payload).ok()?;
        let dict = value.as_dict()?;
        let size = |key| dict.get(key).and_then(bencode::Value::as_size);
        let ids = dict.get("m").and_then(bencode::Value::as_dict);
        let id = |name| {
            let id = ids?.get(name)?.as_size()?;
            // Id 0 switches an extension off.
            u8::try_from(id).ok().filter(|id| *id != 0)
        };
        Some(Self {
            claim: id(CLAIM),
            pex: id(PEX),
            port: size("p")
                .and_then(|port| u16::try_from(port).ok())
                .filter(|port| *port != 0),
            requests: size("reqq").and_then(|count| u32::try_from(count).ok()),
            upload_only: size(UPLOAD_ONLY).map(|only| only != 0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ExtendedHandshake, Message};

    #[test]
    fn said_and_understood() {
        for handshake in [
            ExtendedHandshake {
                claim: Some(1),
                pex: Some(2),
                port: Some(6881),
                requests: Some(512),
                upload_only: Some(true),
            },
            ExtendedHandshake {
                upload_only: Some(false),
                ..ExtendedHandshake::default()
            },
            ExtendedHandshake::default(),
        ] {
            let Message::Extended { id: 0, payload } = handshake.to_message() else {
                panic!("not an extended handshake");
            };
            assert_eq!(ExtendedHandshake::parse(&payload), Some(handshake));
        }
    }

    #[test]
    fn nonsense_counts_as_not_said() {
        for (payload, expected) in [
            (&b"de"[..], Some(ExtendedHandshake::default())),
            (
                b"d1:mi3e1:pi0e4:reqqi-1ee",
                Some(ExtendedHandshake::default()),
            ),
            (
                b"d1:md8:bs_claimi0ee1:pi70000ee",
                Some(ExtendedHandshake::default()),
            ),
            (
                b"d1:md8:bs_claimi256eee",
                Some(ExtendedHandshake::default()),
            ),
            (b"le", None),
            (b"", None),
            (b"d1:m", None),
        ] {
            assert_eq!(ExtendedHandshake::parse(payload), expected);
        }
    }
}
