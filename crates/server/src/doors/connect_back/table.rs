//! Whom to dial, and when again. A pure table over addresses and a `now`, a duration since an epoch of the
//! caller's choice; its memory is bounded whatever strangers announce.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use metainfo::InfoHash;
use tracker::{Announce, Event};

/// How long after its announce a peer has for coming by itself. Programs that do take less than a second.
const GRACE: Duration = Duration::from_secs(2);
/// How long a peer that could not be reached is left alone.
const AGAIN: Duration = Duration::from_secs(60);
/// Peers dialed or connected at once.
const AT_ONCE: usize = 64;
/// The same for one address.
const AT_ONCE_PER_ADDRESS: usize = 2;
/// Peers remembered, and for one address: as many ports as the tracker keeps of it. Who does not fit is
/// not noted; programs announce again.
const REMEMBERED: usize = 1024;
const REMEMBERED_PER_ADDRESS: usize = 4;

/// A program that wants a torrent.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Peer {
    /// Where it listens: the address it announced from, and the port it said.
    pub address: SocketAddrV4,
    /// What it wants.
    pub torrent: InfoHash,
}

impl Peer {
    /// Who announced, if it may have to be connected to: it lacks something and wants it. This house's own
    /// programs connect by themselves.
    pub(super) fn to_dial(announce: &Announce) -> Option<Peer> {
        let wants = announce.left > 0 && !matches!(announce.event, Event::Stopped | Event::Paused);
        let of_the_house = announce.peer_id.0.starts_with(seeder::HOUSE);
        (wants && !of_the_house).then_some(Peer {
            address: announce.address,
            torrent: announce.info_hash,
        })
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// It announced, first at this time.
    Heard(Duration),
    /// It is being dialed, or connected.
    Dialed,
    /// It could not be reached at this time.
    Failed(Duration),
}

/// The peers that were heard of and have not come by themselves yet.
#[derive(Debug)]
pub(super) struct Table {
    own: Ipv4Addr,
    /// In the order of addresses, so that those of one address are found at once.
    peers: BTreeMap<Peer, State>,
}

impl Table {
    /// Nobody was heard of yet. `own` is the server's address, which is never dialed; nor is loopback.
    pub(super) fn new(own: Ipv4Addr) -> Self {
        Self {
            own,
            peers: BTreeMap::new(),
        }
    }

    /// Whether there is nobody to think of.
    pub(super) fn is_empty(&self) -> bool {
        self.peers.is_empty()
    }

    /// A peer announced. One that is known stays what it is.
    pub(super) fn heard(&mut self, peer: Peer, now: Duration) {
        let address = *peer.address.ip();
        let ours = address == self.own || address.is_loopback();
        let full =
            self.peers.len() >= REMEMBERED || self.of(address).count() >= REMEMBERED_PER_ADDRESS;
        if !ours && !full {
            self.peers.entry(peer).or_insert(State::Heard(now));
        }
    }

    /// Who is to be dialed now: those whose time for coming by themselves is over, the longest heard
    /// of first, as many as may be connected at once. Each stays dialed until [`forget`](Self::forget)
    /// or [`failed`](Self::failed) says otherwise.
    pub(super) fn due(&mut self, now: Duration) -> Vec<Peer> {
        self.peers
            .retain(|_, state| !matches!(state, State::Failed(at) if now >= *at + AGAIN));
        let mut waiting: Vec<(Duration, Peer)> = self
            .peers
            .iter()
            .filter_map(|(peer, state)| match state {
                State::Heard(at) if now >= *at + GRACE => Some((*at, *peer)),
                _ => None,
            })
            .collect();
        waiting.sort_unstable();
        let mut free = AT_ONCE - self.peers.values().filter(is_dialed).count();
        let mut due = Vec::new();
        for (_, peer) in waiting {
            let of_address = self.of(*peer.address.ip()).filter(is_dialed).count();
            if free > 0 && of_address < AT_ONCE_PER_ADDRESS {
                free -= 1;
                self.peers.insert(peer, State::Dialed);
                due.push(peer);
            }
        }
        due
    }

    /// A peer came by itself, or is gone after it was connected: its next announce is a new beginning.
    pub(super) fn forget(&mut self, peer: &Peer) {
        self.peers.remove(peer);
    }

    /// A peer could not be reached.
    pub(super) fn failed(&mut self, peer: Peer, now: Duration) {
        self.peers.insert(peer, State::Failed(now));
    }

    /// What is known of one address.
    fn of(&self, address: Ipv4Addr) -> impl Iterator<Item = &State> {
        let first = Peer {
            address: SocketAddrV4::new(address, 0),
            torrent: InfoHash([0; 20]),
        };
        let last = Peer {
            address: SocketAddrV4::new(address, u16::MAX),
            torrent: InfoHash([0xff; 20]),
        };
        self.peers.range(first..=last).map(|(_, state)| state)
    }
}

fn is_dialed(state: &&State) -> bool {
    **state == State::Dialed
}

#[cfg(test)]
mod tests;
