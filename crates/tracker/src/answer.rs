//! What goes back to a client.

use std::net::SocketAddrV4;
use std::time::Duration;

use metainfo::bencode::Encoded;

use crate::PeerId;
use crate::swarm::Counts;

/// One peer handed out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Peer {
    /// Where it listens.
    pub address: SocketAddrV4,
    /// What it calls itself; the server's own seed does not say.
    pub id: Option<PeerId>,
}

/// The answer to an announce.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// When the client should announce again.
    pub interval: Duration,
    /// When it may do so at the earliest.
    pub min_interval: Duration,
    /// How many have the torrent and how many are fetching it.
    pub counts: Counts,
    /// Whom to talk to; never the asker itself.
    pub peers: Vec<Peer>,
    /// Another key for programs that know it, and its value; others pass over it (BEP 3).
    pub extra: Option<(&'static str, &'static str)>,
    pub(crate) compact: bool,
    pub(crate) ids: bool,
}

impl Answer {
    /// The response's body (BEP 3), compact (BEP 23) or long as the client asked.
    #[must_use]
    pub fn to_bencode(&self) -> Vec<u8> {
        let extra = self.extra.map(|(key, value)| (key, Encoded::bytes(value)));
        let entries = [
            ("complete", Encoded::size(self.counts.complete)),
            ("incomplete", Encoded::size(self.counts.incomplete)),
            ("interval", Encoded::size(self.interval.as_secs())),
            ("min interval", Encoded::size(self.min_interval.as_secs())),
            (
                "peers",
                if self.compact {
                    self.compact()
                } else {
                    self.long()
                },
            ),
        ];
        Encoded::dict(entries.into_iter().chain(extra)).into_bytes()
    }

    fn compact(&self) -> Encoded {
        let mut bytes = Vec::with_capacity(6 * self.peers.len());
        for peer in &self.peers {
            bytes.extend(peer.address.ip().octets());
            bytes.extend(peer.address.port().to_be_bytes());
        }
        Encoded::bytes(bytes)
    }

    fn long(&self) -> Encoded {
        Encoded::list(self.peers.iter().map(|peer| {
            let mut keys = vec![
                ("ip", Encoded::bytes(peer.address.ip().to_string())),
                ("port", Encoded::size(u64::from(peer.address.port()))),
            ];
            if let (true, Some(id)) = (self.ids, peer.id) {
                keys.push(("peer id", Encoded::bytes(id.0)));
            }
            Encoded::dict(keys)
        }))
    }
}
