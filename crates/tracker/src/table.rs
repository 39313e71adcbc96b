//! All torrents, and what was asked of the tracker.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use metainfo::InfoHash;
use metainfo::bencode::Encoded;
use rand::Rng;

use crate::swarm::{Counts, Standing, Swarm};
use crate::{Announce, Answer, Event, Refusal, Scrape};

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
    /// What tells this run of the tracker from others on its statistics page. The caller draws it.
    pub id: u32,
    /// A key of every answer beside those of BEP 3, and its value: see [`Answer::extra`].
    pub extra: Option<(&'static str, &'static str)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(8),
            min_interval: Duration::from_secs(5),
            expiry: Duration::from_secs(6 * 60),
            peers_per_torrent: 2000,
            id: 0,
            extra: None,
        }
    }
}

/// What was asked of the tracker since it began. Every counter stops at its largest value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Totals {
    /// Announces that were answered, goodbyes among them.
    pub announces: u64,
    /// Scrapes that were answered.
    pub scrapes: u64,
    /// Announces and scrapes that were refused, by reason.
    pub refused: BTreeMap<Refusal, u64>,
}

/// All torrents served and the peers that announced them.
#[derive(Debug)]
pub struct Tracker {
    pub(crate) settings: Settings,
    pub(crate) torrents: BTreeMap<InfoHash, Swarm>,
    totals: Totals,
}

impl Tracker {
    /// A tracker that serves no torrent yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            torrents: BTreeMap::new(),
            totals: Totals::default(),
        }
    }

    /// Serves this torrent from now on.
    pub fn allow(&mut self, torrent: InfoHash) {
        self.torrents.entry(torrent).or_default();
    }

    /// Names a seed that is always there and never announces. Serves the torrent too.
    pub fn add_permanent(&mut self, torrent: InfoHash, seed: SocketAddrV4) {
        let swarm = self.torrents.entry(torrent).or_default();
        swarm.add_permanent(seed);
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
            id: _,
            extra,
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
        self.totals.announces = self.totals.announces.saturating_add(1);
        Ok(Answer {
            interval,
            min_interval,
            counts: swarm.counts(),
            peers,
            extra,
            compact: asker.compact,
            ids: !asker.no_peer_id,
        })
    }

    /// The body of a scrape's answer (BEP 48).
    pub fn scrape(&mut self, asked: &Scrape, now: Duration) -> Vec<u8> {
        self.expire(now);
        self.totals.scrapes = self.totals.scrapes.saturating_add(1);
        let named = self
            .torrents
            .iter()
            .filter(|(hash, _)| asked.asks_for(hash));
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

    /// Counts a request that was refused, here or before it got here.
    pub fn refused(&mut self, refusal: Refusal) {
        let count = self.totals.refused.entry(refusal).or_default();
        *count = count.saturating_add(1);
    }

    /// What was asked so far.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
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

    /// The addresses of those who are still fetching one torrent, each once and in order: those who
    /// said within the last `within` that they lack something and want it. A machine that was switched
    /// off stays in the table for much longer, so who waits for others asks for less.
    #[must_use]
    pub fn fetching(&self, torrent: InfoHash, now: Duration, within: Duration) -> Vec<Ipv4Addr> {
        self.torrents
            .get(&torrent)
            .map_or_else(Vec::new, |swarm| swarm.fetching(now, within))
    }

    /// The addresses of those who have one torrent and said so within the last `within`, each once and in
    /// order. Permanent seeds are not among them.
    #[must_use]
    pub fn sharing(&self, torrent: InfoHash, now: Duration, within: Duration) -> Vec<Ipv4Addr> {
        self.torrents
            .get(&torrent)
            .map_or_else(Vec::new, |swarm| swarm.sharing(now, within))
    }
}
