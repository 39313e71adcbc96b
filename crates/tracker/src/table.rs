//! The table of who shares what.

use std::collections::{BTreeMap, HashMap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use metainfo::InfoHash;
use metainfo::bencode::Encoded;
use rand::Rng;
use rand::seq::SliceRandom;

use crate::{Announce, Answer, Event, Peer, PeerId, Refusal};

/// Ports one address may announce for a torrent. A machine needs one; a stranger who invents more
/// replaces its own entries, not those of others.
const PORTS_PER_ADDRESS: usize = 4;

/// How the tracker behaves.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How often clients are asked to announce. Machines that start together find each other through
    /// the first announces; the later ones repair what was lost.
    pub interval: Duration,
    /// How soon they may at the earliest.
    pub min_interval: Duration,
    /// A peer silent for so long is forgotten. libtorrent never announces more often than every five
    /// minutes, whatever it is asked to do.
    pub expiry: Duration,
    /// Peers remembered for one torrent; above that the one silent for longest makes room.
    pub peers_per_torrent: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(8),
            min_interval: Duration::from_secs(5),
            expiry: Duration::from_secs(6 * 60),
            peers_per_torrent: 2000,
        }
    }
}

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

/// All torrents served and the peers that announced them.
#[derive(Debug)]
pub struct Tracker {
    settings: Settings,
    torrents: BTreeMap<InfoHash, Swarm>,
}

#[derive(Debug, Default)]
struct Swarm {
    peers: HashMap<SocketAddrV4, Known>,
    /// Seeds that need not announce: the server's own.
    permanent: Vec<SocketAddrV4>,
    downloaded: u64,
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

#[derive(Clone, Copy, Debug)]
struct Known {
    id: PeerId,
    complete: bool,
    heard: Duration,
}

impl Tracker {
    /// A tracker that serves no torrent yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            torrents: BTreeMap::new(),
        }
    }

    /// Serves this torrent from now on.
    pub fn allow(&mut self, torrent: InfoHash) {
        self.torrents.entry(torrent).or_default();
    }

    /// Names a seed that is always there and never announces. Serves the torrent too.
    pub fn add_permanent(&mut self, torrent: InfoHash, seed: SocketAddrV4) {
        let swarm = self.torrents.entry(torrent).or_default();
        if !swarm.permanent.contains(&seed) {
            swarm.permanent.push(seed);
        }
    }

    /// Takes an announce in and chooses peers for it: the permanent seeds and a random choice of the
    /// others, never the asker, and for one that has everything only those that still fetch.
    ///
    /// # Errors
    /// The torrent is not one of ours.
    pub fn announce(
        &mut self,
        asker: &Announce,
        now: Duration,
        rng: &mut impl Rng,
    ) -> Result<Answer, Refusal> {
        let Settings {
            interval,
            min_interval,
            expiry,
            peers_per_torrent,
        } = self.settings;
        let swarm = self
            .torrents
            .get_mut(&asker.info_hash)
            .ok_or(Refusal::NotServed)?;
        swarm.forget_silent(now, expiry);
        let peers = if asker.event == Event::Stopped {
            swarm.leave(asker);
            Vec::new()
        } else {
            swarm.note(asker, now, peers_per_torrent);
            swarm.choose(asker, rng)
        };
        Ok(Answer {
            interval,
            min_interval,
            counts: swarm.counts(),
            peers,
            compact: asker.compact,
            ids: !asker.no_peer_id,
        })
    }

    /// The body of a scrape's answer (BEP 48); no torrent named means all.
    pub fn scrape(&mut self, torrents: &[InfoHash], now: Duration) -> Vec<u8> {
        self.expire(now);
        let named = self
            .torrents
            .iter()
            .filter(|(hash, _)| torrents.is_empty() || torrents.contains(hash));
        let files = named.map(|(hash, swarm)| {
            let counts = swarm.counts();
            let file = Encoded::dict([
                ("complete", Encoded::size(counts.complete)),
                ("downloaded", Encoded::size(counts.downloaded)),
                ("incomplete", Encoded::size(counts.incomplete)),
            ]);
            (hash.0, file)
        });
        Encoded::dict([("files", Encoded::dict(files.collect::<Vec<_>>()))]).into_bytes()
    }

    /// Forgets every peer that has been silent for too long.
    pub fn expire(&mut self, now: Duration) {
        for swarm in self.torrents.values_mut() {
            swarm.forget_silent(now, self.settings.expiry);
        }
    }

    /// The counts of one torrent; `None` for one that is not served.
    #[must_use]
    pub fn counts(&self, torrent: InfoHash) -> Option<Counts> {
        self.torrents.get(&torrent).map(Swarm::counts)
    }

    /// Everybody who shares one torrent, by address; nobody for one that is not served.
    #[must_use]
    pub fn peers_of(&self, torrent: InfoHash) -> Vec<Standing> {
        let mut all = self
            .torrents
            .get(&torrent)
            .map_or_else(Vec::new, Swarm::standings);
        all.sort_unstable_by_key(|peer| peer.address);
        all
    }
}

impl Swarm {
    fn forget_silent(&mut self, now: Duration, expiry: Duration) {
        self.peers
            .retain(|_, peer| now.saturating_sub(peer.heard) < expiry);
    }

    /// Removes the asker, if it is who it was: a port may be another program's by now.
    fn leave(&mut self, asker: &Announce) {
        if self
            .peers
            .get(&asker.address)
            .is_some_and(|peer| peer.id == asker.peer_id)
        {
            self.peers.remove(&asker.address);
        }
    }

    fn note(&mut self, asker: &Announce, now: Duration, most: usize) {
        let before = self.peers.get(&asker.address);
        let had_it = before.is_some_and(|peer| peer.id == asker.peer_id && peer.complete);
        if before.is_none() {
            self.make_room(*asker.address.ip(), most);
        }
        // An answer that got lost makes the client say it again.
        if asker.event == Event::Completed && !had_it {
            self.downloaded = self.downloaded.saturating_add(1);
        }
        let known = Known {
            id: asker.peer_id,
            complete: asker.left == 0,
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

    fn choose(&self, asker: &Announce, rng: &mut impl Rng) -> Vec<Peer> {
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

    fn standings(&self) -> Vec<Standing> {
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

    fn counts(&self) -> Counts {
        let complete = self.peers.values().filter(|peer| peer.complete).count();
        Counts {
            complete: (complete + self.permanent.len()) as u64,
            incomplete: (self.peers.len() - complete) as u64,
            downloaded: self.downloaded,
        }
    }
}
