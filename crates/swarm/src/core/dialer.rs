//! Whom to connect to, and when to try again.
//!
//! Who is named by the tracker, by a person or by itself is tried again and again. What a peer tells of others
//! is hearsay until somebody of ours answers there: it is tried once, after everybody else, and takes no
//! room of theirs.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ops::RangeInclusive;
use std::time::Duration;

use rand::{Rng, RngExt};

use super::ConnId;

/// Most addresses to remember.
const MAX_CANDIDATES: usize = 2048;

/// Most of them at one IP address. A machine listens on one port, and on another one after each
/// restart; a few machines may share an address. One host must not fill the memory.
const MAX_PORTS: usize = 4;

/// Most of them that are hearsay, and that one peer told.
const MAX_HEARSAY: usize = MAX_CANDIDATES / 2;
const MAX_OF_ONE: usize = 50;

/// Most hearsay tried at a time: half of what is tried at all.
const MAX_DOUBTFUL: usize = 8;

/// The first pause after a connection failed or ended; it doubles with every failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How a connection to a candidate ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It worked for a while.
    Lost,
    /// It never came to a handshake, or the peer is of no use.
    Failed,
    /// It is ourselves.
    Never,
}

#[derive(Default)]
struct Candidate {
    conn: Option<ConnId>,
    /// Who told it, as long as that is all we know of it.
    hearsay: Option<ConnId>,
    failures: u32,
    not_before: Duration,
}

impl Candidate {
    fn due(&self, now: Duration) -> bool {
        self.conn.is_none() && self.not_before <= now
    }
}

#[derive(Default)]
pub(crate) struct Dialer(BTreeMap<SocketAddrV4, Candidate>);

impl Dialer {
    /// A peer is there: the tracker says so, or it does itself. For a new one the candidate that failed
    /// most often is forgotten when there is no room; one that has not failed yet stays.
    pub(crate) fn learn(&mut self, address: SocketAddrV4) {
        if !usable(address) {
            return;
        }
        if let Some(known) = self.0.get_mut(&address) {
            known.hearsay = None;
            return;
        }
        let neighbours = at(*address.ip());
        let room = if self.0.range(neighbours.clone()).count() >= MAX_PORTS {
            self.forget_worst(neighbours)
        } else {
            self.0.len() < MAX_CANDIDATES || self.forget_worst(anywhere())
        };
        if room {
            self.0.insert(address, Candidate::default());
        }
    }

    /// A peer says that another one is there. Nobody is forgotten for it.
    pub(crate) fn hear(&mut self, address: SocketAddrV4, teller: ConnId) {
        let of = |teller: Option<ConnId>| {
            let hearsay = self.0.values().filter_map(|one| one.hearsay);
            hearsay
                .filter(|told| teller.is_none_or(|teller| teller == *told))
                .count()
        };
        let room = usable(address)
            && !self.0.contains_key(&address)
            && self.0.len() < MAX_CANDIDATES
            && self.0.range(at(*address.ip())).count() < MAX_PORTS
            && of(None) < MAX_HEARSAY
            && of(Some(teller)) < MAX_OF_ONE;
        if room {
            let candidate = Candidate {
                hearsay: Some(teller),
                ..Candidate::default()
            };
            self.0.insert(address, candidate);
        }
    }

    /// Somebody of ours answers there.
    pub(crate) fn proven(&mut self, address: SocketAddrV4) {
        if let Some(candidate) = self.0.get_mut(&address) {
            candidate.hearsay = None;
        }
    }

    /// The teller is gone, and with it what it told that nobody tried yet.
    pub(crate) fn unhear(&mut self, teller: ConnId) {
        self.0
            .retain(|_, one| one.hearsay != Some(teller) || one.conn.is_some());
    }

    /// How many addresses are known.
    pub(crate) fn known(&self) -> usize {
        self.0.len()
    }

    /// Forgets hearsay, or else whoever failed most often, without a connection; false if there is none.
    fn forget_worst(&mut self, among: RangeInclusive<SocketAddrV4>) -> bool {
        let worst = self
            .0
            .range(among)
            .filter(|(_, c)| c.conn.is_none() && (c.failures > 0 || c.hearsay.is_some()))
            .max_by_key(|(_, c)| (c.hearsay.is_some(), c.failures))
            .map(|(address, _)| *address);
        worst.is_some_and(|address| self.0.remove(&address).is_some())
    }

    /// A random one of those that may be tried now; hearsay when nobody else is left.
    pub(crate) fn due(&self, now: Duration, rng: &mut impl Rng) -> Option<SocketAddrV4> {
        let (mut named, mut hearsay, mut doubtful) = (0, 0, 0);
        for one in self.0.values() {
            match one.hearsay {
                None => named += usize::from(one.due(now)),
                Some(_) if one.conn.is_some() => doubtful += 1,
                Some(_) => hearsay += usize::from(one.due(now)),
            }
        }
        let (count, of_hearsay) = match (named, hearsay) {
            (0, 0) => return None,
            (0, _) if doubtful >= MAX_DOUBTFUL => return None,
            (0, hearsay) => (hearsay, true),
            (named, _) => (named, false),
        };
        let candidates = self.0.iter();
        candidates
            .filter(|(_, c)| c.due(now) && c.hearsay.is_some() == of_hearsay)
            .nth(rng.random_range(..count))
            .map(|(address, _)| *address)
    }

    /// This connection leads to that candidate, whoever made it. False if another one does already.
    pub(crate) fn occupy(&mut self, address: SocketAddrV4, conn: ConnId) -> bool {
        if !self.0.contains_key(&address) {
            self.learn(address);
        }
        match self.0.get_mut(&address) {
            Some(candidate) if candidate.conn.is_none() => {
                candidate.conn = Some(conn);
                true
            }
            _ => false,
        }
    }

    /// Of two connections that lead to a candidate, another one stays.
    pub(crate) fn hand_over(&mut self, address: SocketAddrV4, from: ConnId, to: ConnId) {
        if let Some(candidate) = self.0.get_mut(&address).filter(|c| c.conn == Some(from)) {
            candidate.conn = Some(to);
        }
    }

    /// The connection that led to a candidate is gone.
    pub(crate) fn free(
        &mut self,
        address: SocketAddrV4,
        conn: ConnId,
        outcome: Outcome,
        now: Duration,
        rng: &mut impl Rng,
    ) {
        let Some(candidate) = self.0.get_mut(&address).filter(|c| c.conn == Some(conn)) else {
            return;
        };
        if candidate.hearsay.is_some() && outcome == Outcome::Failed {
            self.0.remove(&address);
            return;
        }
        (candidate.conn, candidate.hearsay) = (None, None);
        let pause = match outcome {
            Outcome::Lost => {
                candidate.failures = 0;
                FIRST_PAUSE
            }
            Outcome::Failed => {
                candidate.failures += 1;
                LONGEST_PAUSE.min(FIRST_PAUSE * (1 << candidate.failures.min(5)) / 2)
            }
            Outcome::Never => Duration::MAX / 2,
        };
        // A room that lost its switch for a moment should not come back in one beat.
        let spread = rng.random_range(0.75..1.25);
        candidate.not_before = now.saturating_add(pause.mul_f64(spread));
    }
}

/// Whether anybody can be at this address.
fn usable(address: SocketAddrV4) -> bool {
    let ip = address.ip();
    address.port() != 0 && !ip.is_unspecified() && !ip.is_broadcast() && !ip.is_multicast()
}

/// All ports of an address; the map has them side by side.
fn at(ip: Ipv4Addr) -> RangeInclusive<SocketAddrV4> {
    SocketAddrV4::new(ip, 0)..=SocketAddrV4::new(ip, u16::MAX)
}

fn anywhere() -> RangeInclusive<SocketAddrV4> {
    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)..=SocketAddrV4::new(Ipv4Addr::BROADCAST, u16::MAX)
}

#[cfg(test)]
mod tests;
