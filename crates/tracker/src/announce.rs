//! An announce as a client sends it, read from the query of `GET /announce`.

use std::net::{Ipv4Addr, SocketAddrV4};

use metainfo::InfoHash;
use metainfo::bencode::Encoded;

use crate::query::{number, pairs};

/// Peers handed out where the client does not say how many it wants.
const WANTED: usize = 50;
/// The most handed out at once: more than a client connects to.
const MOST: usize = 200;

/// The 20 bytes a client calls itself by (BEP 20).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PeerId(pub [u8; 20]);

/// Why the client announces (BEP 3).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Event {
    /// The regular word that it is still there.
    #[default]
    Regular,
    /// It begins.
    Started,
    /// It has everything now.
    Completed,
    /// It leaves.
    Stopped,
}

/// A client's announce.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Announce {
    /// Which torrent.
    pub info_hash: InfoHash,
    /// What it calls itself.
    pub peer_id: PeerId,
    /// Where it can be reached: the address it asked from, and the port it says.
    pub address: SocketAddrV4,
    /// Bytes it still lacks; a client that does not say is taken to lack some.
    pub left: u64,
    /// Why it announces.
    pub event: Event,
    /// How many peers it wants, at most 200.
    pub numwant: usize,
    /// Whether it takes the compact form (BEP 23). Every client of the last fifteen years does, so
    /// only an explicit `compact=0` gets the long one.
    pub compact: bool,
    /// Whether the long form may leave the peer ids out.
    pub no_peer_id: bool,
}

/// Why an announce is not answered with peers.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// `info_hash` is missing or not 20 bytes.
    #[error("info_hash is missing or not 20 bytes long")]
    InfoHash,
    /// `peer_id` is missing or not 20 bytes.
    #[error("peer_id is missing or not 20 bytes long")]
    PeerId,
    /// `port` is missing or no port.
    #[error("port is missing or not between 1 and 65535")]
    Port,
    /// The tracker serves its own torrents only.
    #[error("this tracker does not serve that torrent")]
    NotServed,
}

impl Refusal {
    /// The refusal as a counter's name.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::InfoHash => "no usable info_hash",
            Self::PeerId => "no usable peer_id",
            Self::Port => "no usable port",
            Self::NotServed => "a torrent that is not ours",
        }
    }

    /// The body that tells the client (BEP 3, `failure reason`).
    #[must_use]
    pub fn to_bencode(self) -> Vec<u8> {
        Encoded::dict([("failure reason", Encoded::bytes(self.to_string()))]).into_bytes()
    }
}

impl Announce {
    /// Reads the raw query of an announce that came from `from`. A key `ip=` is not believed: in one
    /// room the address the connection came from is the right one, and it cannot be forged.
    ///
    /// # Errors
    /// A key without which there is no answer is missing or malformed. Malformed optional keys
    /// count as absent.
    pub fn parse(query: &str, from: Ipv4Addr) -> Result<Self, Refusal> {
        let (mut info_hash, mut peer_id, mut port) = (None, None, None);
        let (mut left, mut event, mut numwant) = (u64::MAX, Event::Regular, WANTED);
        let (mut compact, mut no_peer_id) = (true, false);
        for (key, value) in pairs(query) {
            match key {
                "info_hash" => info_hash = <[u8; 20]>::try_from(&*value).ok(),
                "peer_id" => peer_id = <[u8; 20]>::try_from(&*value).ok(),
                "port" => port = number::<u16>(&value),
                "left" => left = number(&value).unwrap_or(left),
                "event" => event = event_named(&value),
                // Some clients send -1 for "as many as you like".
                "numwant" => numwant = number(&value).unwrap_or(WANTED),
                "compact" => compact = *value != *b"0",
                "no_peer_id" => no_peer_id = *value == *b"1",
                _ => {}
            }
        }
        let port = port.filter(|port| *port != 0).ok_or(Refusal::Port)?;
        Ok(Self {
            info_hash: InfoHash(info_hash.ok_or(Refusal::InfoHash)?),
            peer_id: PeerId(peer_id.ok_or(Refusal::PeerId)?),
            address: SocketAddrV4::new(from, port),
            left,
            event,
            numwant: numwant.min(MOST),
            compact,
            no_peer_id,
        })
    }
}

fn event_named(value: &[u8]) -> Event {
    match value {
        b"started" => Event::Started,
        b"completed" => Event::Completed,
        b"stopped" => Event::Stopped,
        // "empty", and what newer clients may say ("paused", BEP 21), are the regular word.
        _ => Event::Regular,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);

    /// As aria2 sends it: binary bytes escaped, unreserved ones plain.
    const ARIA2: &str = "info_hash=%12%34Vx%9a%bc%de%f1%23Eg%89%ab%cd%ef%124Vx%9a&peer_id=A2-1-36-0-%00%ff~._-%2b%26\
        12&uploaded=0&downloaded=0&left=17&compact=1&key=ab&numwant=30&no_peer_id=1&port=6901&event=started";

    #[test]
    fn binary_values_arrive_whole() {
        let announce = Announce::parse(ARIA2, FROM).unwrap();
        assert_eq!(
            announce.info_hash.to_string(),
            "123456789abcdef123456789abcdef123456789a"
        );
        assert_eq!(
            &announce.peer_id.0,
            b"A2-1-36-0-\x00\xff~._-+&12".as_slice()
        );
        assert_eq!(announce.address, SocketAddrV4::new(FROM, 6901));
        assert_eq!(
            (announce.left, announce.event, announce.numwant),
            (17, Event::Started, 30)
        );
        assert!(announce.compact && announce.no_peer_id);
    }

    #[test]
    fn what_is_missing_is_named() {
        let without = |key: &str| {
            let kept: Vec<&str> = ARIA2
                .split('&')
                .filter(|pair| !pair.starts_with(key))
                .collect();
            Announce::parse(&kept.join("&"), FROM)
        };
        assert_eq!(without("info_hash="), Err(Refusal::InfoHash));
        assert_eq!(without("peer_id="), Err(Refusal::PeerId));
        assert_eq!(without("port="), Err(Refusal::Port));
        assert_eq!(without("left=").unwrap().left, u64::MAX);
        for (was, is, refusal) in [
            ("info_hash=%12", "info_hash=", Refusal::InfoHash),
            ("peer_id=A", "peer_id=AA", Refusal::PeerId),
            ("port=6901", "port=0", Refusal::Port),
            ("port=6901", "port=65536", Refusal::Port),
        ] {
            assert_eq!(
                Announce::parse(&ARIA2.replace(was, is), FROM),
                Err(refusal),
                "{is}"
            );
        }
    }

    #[test]
    fn odd_options_are_harmless() {
        let odd = ARIA2
            .replace("numwant=30", "numwant=-1")
            .replace("event=started", "event=paused");
        let announce = Announce::parse(&odd, FROM).unwrap();
        assert_eq!((announce.numwant, announce.event), (WANTED, Event::Regular));
        let many = Announce::parse(&ARIA2.replace("numwant=30", "numwant=99999"), FROM).unwrap();
        assert_eq!(many.numwant, MOST);
        assert!(
            Announce::parse(&format!("{ARIA2}&x={}", "y".repeat(5000)), FROM).is_err(),
            "too long"
        );
    }
}
