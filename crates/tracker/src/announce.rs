//! An announce as a client sends it, read from the query of `GET /announce`.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::num::IntErrorKind;

use metainfo::InfoHash;

use crate::Refusal;
use crate::query::{number, pairs};

/// Peers handed out where the client does not say how many it wants.
const WANTED: usize = 50;
/// The most handed out at once: more than a client connects to.
const MOST: usize = 200;

/// The 20 bytes a client calls itself by (BEP 20).
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct PeerId(pub [u8; 20]);

/// Why the client announces (BEP 3 and 21).
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
    /// It shares what it has and wants no more, although it does not have everything (BEP 21).
    Paused,
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

impl Announce {
    /// Reads the raw query of an announce that came from `from`. Where a key is repeated, the last
    /// one counts.
    ///
    /// What is not read, and why: `ip`, `ipv4` and `ipv6`, because the address the connection came from
    /// is the right one in a room and cannot be forged, while a stranger who may name any address
    /// could aim all machines at somebody; `key` and `trackerid`, which recognise a client that
    /// changed its address, and here that is another machine; `uploaded`, `downloaded`, `corrupt`
    /// and `redundant`, because nobody keeps accounts.
    ///
    /// # Errors
    /// A key without which there is no answer is missing or malformed, or the query is too long.
    /// Malformed optional keys count as absent.
    pub fn parse(query: &str, from: Ipv4Addr) -> Result<Self, Refusal> {
        let (mut info_hash, mut peer_id, mut port) = (None, None, None);
        let (mut left, mut event, mut numwant) = (None, Event::Regular, WANTED);
        let (mut compact, mut no_peer_id) = (true, false);
        for (key, value) in pairs(query)? {
            match key {
                "info_hash" => info_hash = <[u8; 20]>::try_from(&*value).ok(),
                "peer_id" => peer_id = <[u8; 20]>::try_from(&*value).ok(),
                "port" => port = number::<u16>(&value),
                "left" => left = number(&value),
                "event" => event = event_named(&value),
                "numwant" => numwant = wanted(&value),
                "compact" => compact = *value != *b"0",
                "no_peer_id" => no_peer_id = *value == *b"1",
                _ => {}
            }
        }
        // Who says that it has just completed, and not what it lacks, lacks nothing.
        let unsaid = match event {
            Event::Completed => 0,
            _ => u64::MAX,
        };
        Ok(Self {
            info_hash: InfoHash(info_hash.ok_or(Refusal::InfoHash)?),
            peer_id: PeerId(peer_id.ok_or(Refusal::PeerId)?),
            address: SocketAddrV4::new(from, port.filter(|port| *port != 0).ok_or(Refusal::Port)?),
            left: left.unwrap_or(unsaid),
            event,
            numwant,
            compact,
            no_peer_id,
        })
    }
}

/// How many peers a value asks for. Some clients send -1 for "as many as you like".
fn wanted(value: &[u8]) -> usize {
    let digits = std::str::from_utf8(value).unwrap_or_default();
    match digits.parse::<usize>() {
        Ok(count) => count.min(MOST),
        Err(e) if *e.kind() == IntErrorKind::PosOverflow => MOST,
        Err(_) => WANTED,
    }
}

fn event_named(value: &[u8]) -> Event {
    match value {
        b"started" => Event::Started,
        b"completed" => Event::Completed,
        b"stopped" => Event::Stopped,
        b"paused" => Event::Paused,
        // "empty", nothing at all, and whatever else a client may say are the regular word.
        _ => Event::Regular,
    }
}
