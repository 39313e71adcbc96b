//! One torrent's peers: who shares it, who is forgotten, who is told of whom.

use std::collections::{BTreeSet, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use rand::Rng;
use rand::seq::SliceRandom;

use crate::{Announce, Event, Peer, PeerId};

/// Ports one address may announce for a torrent. A machine needs one; a stranger who invents more
/// replaces its own entries, not those of others.
const PORTS_PER_ADDRESS: usize = 4;

/// How many have a torrent, how many are fetching it, and how many completed it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// Peers that have everything, the server's own seed among them.
    pub complete: u64,
    /// Peers that don't.
    pub incomplete: u64,
    /// How often a download was reported complete.
    pub downloaded: u64,
}

/// A peer as the table knows it, for those who watch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Standing {
    /// Where it listens.
    pub address: SocketAddrV4,
    /// Whether it has everything.
    pub complete: bool,
    /// When it last announced; `None` for a permanent seed.
    pub heard: Option<Duration>,
}

#[derive(Debug, Default)]
pub(crate) struct Swarm {
    peers: HashMap<SocketAddrV4, Known>,
    /// Seeds that need not announce: the server's own.
    permanent: Vec<SocketAddrV4>,
    downloaded: u64,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    id: PeerId,
    complete: bool,
    /// It lacks something and does not want it.
    paused: bool,
    heard: Duration,
}

impl Swarm {
    pub(crate) fn add_permanent(&mut self, seed: SocketAddrV4) {
        if !self.permanent.contains(&seed) {
            self.permanent.push(seed);
        }
    }

    pub(crate) fn forget_silent(&mut self, now: Duration, expiry: Duration) {
        self.peers
            .retain(|_, peer| now.saturating_sub(peer.heard) < expiry);
    }

    /// Removes the asker, if it is who it was: a port may be another program's by now.
    pub(crate) fn leave(&mut self, asker: &Announce) {
        if self
            .peers
            .get(&asker.address)
            .is_some_and(|peer| peer.id == asker.peer_id)
        {
            self.peers.remove(&asker.address);
        }
    }

    pub(crate) fn note(&mut self, asker: &Announce, now: Duration, most: usize) {
        let before = self.peers.get(&asker.address);
        let had_it = before.is_some_and(|peer| peer.id == asker.peer_id && peer.complete);
        if before.is_none() {
            self.make_room(*asker.address.ip(), most);
        }
        let complete = asker.left == 0;
        // An answer that got lost makes the client say it again; and who still lacks something has not
        // completed, whatever it calls itself.
        if asker.event == Event::Completed && complete && !had_it {
            self.downloaded = self.downloaded.saturating_add(1);
        }
        let known = Known {
            id: asker.peer_id,
            complete,
            paused: asker.event == Event::Paused,
            heard: now,
        };
        self.peers.insert(asker.address, known);
    }

    /// Before a newcomer: the longest silent of its own address goes if that has its share already,
    /// else the longest silent of all if the table is full.
    fn make_room(&mut self, newcomer: Ipv4Addr, most: usize) {
        let own = self
            .peers
            .keys()
            .filter(|address| *address.ip() == newcomer)
            .count();
        let silent = |of_own: bool| {
            let among = self
                .peers
                .iter()
                .filter(|(address, _)| !of_own || *address.ip() == newcomer);
            among
                .min_by_key(|(address, peer)| (peer.heard, **address))
                .map(|(address, _)| *address)
        };
        let goes = match own >= PORTS_PER_ADDRESS {
            true => silent(true),
            false if self.peers.len() >= most => silent(false),
            false => None,
        };
        if let Some(address) = goes {
            self.peers.remove(&address);
        }
    }

    pub(crate) fn choose(&self, asker: &Announce, rng: &mut impl Rng) -> Vec<Peer> {
        let seeds_too = asker.left > 0;
        let others = self.peers.iter().filter(|(address, peer)| {
            **address != asker.address && peer.id != asker.peer_id && (seeds_too || !peer.complete)
        });
        let mut others: Vec<Peer> = others
            .map(|(address, peer)| Peer {
                address: *address,
                id: Some(peer.id),
            })
            .collect();
        // A hash table's order is arbitrary but not random: sorted, the choice is the caller's alone.
        others.sort_unstable_by_key(|peer| peer.address);
        let permanent = self
            .permanent
            .iter()
            .filter(|address| seeds_too && **address != asker.address)
            .map(|address| Peer {
                address: *address,
                id: None,
            });
        let mut chosen: Vec<Peer> = permanent.take(asker.numwant).collect();
        let (random, _) = others.partial_shuffle(rng, asker.numwant - chosen.len());
        chosen.extend_from_slice(random);
        chosen
    }

    pub(crate) fn standings(&self) -> Vec<Standing> {
        let permanent = self.permanent.iter().map(|address| Standing {
            address: *address,
            complete: true,
            heard: None,
        });
        let announced = self.peers.iter().map(|(address, peer)| Standing {
            address: *address,
            complete: peer.complete,
            heard: Some(peer.heard),
        });
        permanent.chain(announced).collect()
    }

    pub(crate) fn counts(&self) -> Counts {
        let complete = self.peers.values().filter(|peer| peer.complete).count();
        Counts {
            complete: (complete + self.permanent.len()) as u64,
            incomplete: (self.peers.len() - complete) as u64,
            downloaded: self.downloaded,
        }
    }

    pub(crate) fn fetching(&self, now: Duration, within: Duration) -> Vec<Ipv4Addr> {
        self.heard_lately(now, within, |peer| !peer.complete && !peer.paused)
    }

    pub(crate) fn sharing(&self, now: Duration, within: Duration) -> Vec<Ipv4Addr> {
        self.heard_lately(now, within, |peer| peer.complete)
    }

    fn heard_lately(
        &self,
        now: Duration,
        within: Duration,
        which: impl Fn(&Known) -> bool,
    ) -> Vec<Ipv4Addr> {
        let lately = self
            .peers
            .iter()
            .filter(|(_, peer)| which(peer) && now.saturating_sub(peer.heard) <= within);
        let addresses: BTreeSet<Ipv4Addr> = lately.map(|(address, _)| *address.ip()).collect();
        addresses.into_iter().collect()
    }
}
