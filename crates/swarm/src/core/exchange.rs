//! Peer exchange (BEP 11) with one peer: what it was told, and what it may tell us.
//!
//! What a peer tells is hearsay. It is believed as little as helps: an address near the teller, not a
//! port where other services are, one message a minute, fifty addresses of one teller at a time. Programs
//! of our house have a few messages more, soon after they met: who starts with the room meets the others
//! one by one, and nobody is to wait a minute for what a peer learnt a moment after it spoke. The
//! [`Dialer`](super::dialer::Dialer) tries each once and forgets it when nobody of ours answers there. So
//! a stranger can neither fill the memory nor turn a room against somebody else: it is one connection
//! attempt of each machine in a minute, to somebody whom the stranger could reach itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddrV4;
use std::time::Duration;

use rand::Rng;
use rand::seq::IteratorRandom;

use super::wire::{Added, MOST_NAMED, Pex};

/// Whether peers tell each other whom they know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PeerExchange {
    /// They do, unless the torrent is private (BEP 27).
    #[default]
    On,
    /// Nothing is told, and what is told is not heard.
    Off,
}

/// Not more often than this is anybody told anything (BEP 11).
const EVERY: Duration = Duration::from_secs(60);
/// Not more often than this is anybody listened to: a minute, of a clock or a network that is not exact.
const LISTEN: Duration = Duration::from_secs(50);
/// But one of our house so many times so soon.
const EARLY: u32 = 5;
const SOON: Duration = Duration::from_secs(1);
/// When nothing is new it is looked again so soon.
const LOOK: Duration = Duration::from_secs(1);
/// Below are ports of other services. No machine listens for peers there.
const FIRST_PORT: u16 = 1024;

/// Everybody who may be named, and how.
pub(crate) type Present = BTreeMap<SocketAddrV4, Added>;

/// What was said between a peer and us.
#[derive(Default)]
pub(crate) struct Exchange {
    /// The id under which it wants to be told; none if it does not.
    pub(crate) wants: Option<u8>,
    told: BTreeSet<SocketAddrV4>,
    next: Duration,
    heard: Option<Duration>,
    /// How many messages may still come early, to it and from it.
    early_to: u32,
    early_from: u32,
}

impl Exchange {
    /// It is of our house.
    pub(crate) fn is_ours(&mut self) {
        (self.early_to, self.early_from) = (EARLY, EARLY);
    }

    /// Whether it may be time to tell it something.
    pub(crate) fn due(&self, now: Duration) -> bool {
        self.wants.is_some() && self.next <= now
    }

    /// What it is to be told, if it is not `itself` alone who is new or gone. Of too many some are chosen at
    /// random, so that not everybody names the same.
    pub(crate) fn news(
        &mut self,
        present: &Present,
        itself: Option<SocketAddrV4>,
        now: Duration,
        rng: &mut impl Rng,
    ) -> Option<Pex> {
        let told = &self.told;
        let new = present
            .values()
            .filter(|one| Some(one.address) != itself && !told.contains(&one.address));
        let gone = told.iter().filter(|one| !present.contains_key(one));
        let news = Pex {
            added: new.copied().sample(rng, MOST_NAMED),
            dropped: gone.copied().take(MOST_NAMED).collect(),
        };
        if news.added.is_empty() && news.dropped.is_empty() {
            self.next = now + LOOK;
            return None;
        }
        let soon = self.early_to > 0;
        self.early_to = self.early_to.saturating_sub(1);
        self.next = now + if soon { SOON } else { EVERY };
        self.told.extend(news.added.iter().map(|one| one.address));
        for gone in &news.dropped {
            self.told.remove(gone);
        }
        Some(news)
    }

    /// It tells something: whether to listen.
    pub(crate) fn hears(&mut self, now: Duration) -> bool {
        let listens = self
            .heard
            .is_none_or(|heard| now.saturating_sub(heard) >= LISTEN);
        if listens {
            self.heard = Some(now);
        } else if self.early_from > 0 {
            self.early_from -= 1;
            return true;
        }
        listens
    }
}

/// Whether an address is believed of a peer that is at `teller`: within the same 65,536 addresses. A room
/// has its addresses from one pool; who is further away is found through the tracker. Private addresses
/// alone would be too many (a campus) and too few (a campus with public ones).
pub(crate) fn believable(address: SocketAddrV4, teller: SocketAddrV4) -> bool {
    let network = |address: SocketAddrV4| address.ip().to_bits() >> 16;
    network(address) == network(teller) && address.port() >= FIRST_PORT
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn address(number: u32) -> SocketAddrV4 {
        SocketAddrV4::new((0x0a4d_0000 + number).into(), 6881)
    }

    fn present(numbers: impl IntoIterator<Item = u32>) -> Present {
        let added = |address| Added {
            address,
            seed: false,
            reachable: false,
        };
        let all = numbers.into_iter().map(address);
        all.map(|address| (address, added(address))).collect()
    }

    fn second(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    fn listener() -> Exchange {
        Exchange {
            wants: Some(1),
            ..Exchange::default()
        }
    }

    #[test]
    fn news_are_told_at_once_and_then_once_a_minute() {
        let (mut rng, mut peer) = (StdRng::seed_from_u64(1), listener());
        let mut told = |present: &Present, at: u64| {
            let due = peer.due(second(at));
            due.then(|| peer.news(present, Some(address(1)), second(at), &mut rng))
                .flatten()
                .map(|news| (news.added.len(), news.dropped))
        };
        assert_eq!(told(&present([1]), 0), None, "it knows itself");
        assert_eq!(told(&present([1, 2]), 1), Some((1, vec![])));
        assert_eq!(told(&present([1, 3]), 60), None, "a minute is not over");
        assert_eq!(told(&present([1, 3]), 61), Some((1, vec![address(2)])));
        assert_eq!(told(&present([1, 3]), 200), None, "nothing is new");
        assert_eq!(told(&present([]), 201), Some((0, vec![address(3)])));
        assert!(!Exchange::default().due(second(1000)), "it wants nothing");
    }

    #[test]
    fn of_many_all_are_named_by_and_by_and_not_the_same_first() {
        let all = present(10..90);
        let mut first: Vec<BTreeSet<SocketAddrV4>> = Vec::new();
        for seed in 0..2 {
            let (mut rng, mut peer) = (StdRng::seed_from_u64(seed), listener());
            let counts = [0, 60, 120].map(|at| {
                let news = peer.news(&all, None, second(at), &mut rng);
                news.map(|news| news.added.len())
            });
            assert_eq!(counts, [Some(50), Some(30), None]);
            let (mut rng, mut peer) = (StdRng::seed_from_u64(seed), listener());
            let news = peer.news(&all, None, second(0), &mut rng).expect("news");
            first.push(news.added.iter().map(|one| one.address).collect());
        }
        assert_ne!(first[0], first[1]);
    }

    #[test]
    fn who_tells_more_than_once_a_minute_is_not_heard() {
        let mut peer = Exchange::default();
        let heard = (0..120).filter(|at| peer.hears(second(*at))).count();
        assert_eq!(heard, 3);
    }

    #[test]
    fn our_house_hears_soon_of_who_comes_soon_and_then_once_a_minute() {
        let (mut rng, mut teller, mut hearer) =
            (StdRng::seed_from_u64(1), listener(), Exchange::default());
        teller.is_ours();
        hearer.is_ours();
        // Somebody new every second, and those who tell it anew.
        let told = (0..180).filter(|at| {
            let everybody = present(0..=*at);
            let at = second(u64::from(*at));
            let news = teller
                .due(at)
                .then(|| teller.news(&everybody, None, at, &mut rng));
            let told = news.flatten().is_some();
            assert!(!told || hearer.hears(at), "what we tell is heard: {at:?}");
            told
        });
        let told: Vec<u32> = told.collect();
        assert_eq!(told, [0, 1, 2, 3, 4, 5, 65, 125]);
        let flood = (200..260).filter(|at| hearer.hears(second(*at))).count();
        assert_eq!(flood, 2, "nothing is left over");
    }

    #[test]
    fn what_is_far_away_or_another_service_is_not_believed() {
        let teller = "10.77.0.9:40000".parse().expect("an address");
        for (address, expected) in [
            ("10.77.0.8:6881", true),
            ("10.77.255.8:1024", true),
            ("10.77.0.8:1023", false),
            ("10.77.0.8:0", false),
            ("10.78.0.8:6881", false),
            ("192.0.2.8:6881", false),
        ] {
            let named = address.parse().expect("an address");
            assert_eq!(believable(named, teller), expected, "{address}");
        }
    }
}
