//! Whom to connect to, and when to try again.

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
    failures: u32,
    not_before: Duration,
}

#[derive(Default)]
pub(crate) struct Dialer(BTreeMap<SocketAddrV4, Candidate>);

impl Dialer {
    /// Somebody says that a peer is there. For a new one the candidate that failed most often is
    /// forgotten when there is no room; one that has not failed yet stays.
    pub(crate) fn learn(&mut self, address: SocketAddrV4) {
        let usable = address.port() != 0
            && !address.ip().is_unspecified()
            && !address.ip().is_broadcast()
            && !address.ip().is_multicast();
        if !usable || self.0.contains_key(&address) {
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

    /// How many addresses are known.
    pub(crate) fn known(&self) -> usize {
        self.0.len()
    }

    /// Forgets whoever failed most often and has no connection; false if nobody did.
    fn forget_worst(&mut self, among: RangeInclusive<SocketAddrV4>) -> bool {
        let worst = self
            .0
            .range(among)
            .filter(|(_, c)| c.conn.is_none() && c.failures > 0)
            .max_by_key(|(_, c)| c.failures)
            .map(|(address, _)| *address);
        worst.is_some_and(|address| self.0.remove(&address).is_some())
    }

    /// A random one of those that may be tried now.
    pub(crate) fn due(&self, now: Duration, rng: &mut impl Rng) -> Option<SocketAddrV4> {
        let mut due = self
            .0
            .iter()
            .filter(|(_, c)| c.conn.is_none() && c.not_before <= now);
        let count = due.clone().count();
        if count == 0 {
            return None;
        }
        due.nth(rng.random_range(..count))
            .map(|(address, _)| *address)
    }

    /// This connection leads to that candidate, whoever made it. False if another one does already.
    pub(crate) fn occupy(&mut self, address: SocketAddrV4, conn: ConnId) -> bool {
        self.learn(address);
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
        candidate.conn = None;
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

/// All ports of an address; the map has them side by side.
fn at(ip: Ipv4Addr) -> RangeInclusive<SocketAddrV4> {
    SocketAddrV4::new(ip, 0)..=SocketAddrV4::new(ip, u16::MAX)
}

fn anywhere() -> RangeInclusive<SocketAddrV4> {
    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)..=SocketAddrV4::new(Ipv4Addr::BROADCAST, u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::{ConnId, Dialer, MAX_CANDIDATES, MAX_PORTS, Outcome};
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use std::net::{Ipv4Addr, SocketAddrV4};
    use std::time::Duration;

    const A: &str = "10.0.0.1:6881";

    #[test]
    fn a_failing_candidate_is_tried_ever_more_rarely_and_ourselves_never() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut dialer = Dialer::default();
        let address = A.parse().expect("an address");
        dialer.learn(address);
        let mut now = Duration::ZERO;
        for (outcome, least, most) in [
            (Outcome::Failed, 0.7, 1.3),
            (Outcome::Failed, 1.4, 2.6),
            (Outcome::Failed, 2.9, 5.1),
            (Outcome::Lost, 0.7, 1.3),
            (Outcome::Failed, 0.7, 1.3),
            (Outcome::Never, f64::INFINITY, 0.0),
        ] {
            assert_eq!(dialer.due(now, &mut rng), Some(address));
            assert!(dialer.occupy(address, ConnId(1)));
            assert!(!dialer.occupy(address, ConnId(2)));
            assert_eq!(dialer.due(now, &mut rng), None);
            dialer.free(address, ConnId(2), Outcome::Lost, now, &mut rng);
            assert_eq!(
                dialer.due(now, &mut rng),
                None,
                "the wrong connection ended"
            );
            dialer.free(address, ConnId(1), outcome, now, &mut rng);
            let after = |seconds: f64| now + Duration::from_secs_f64(seconds.min(1e6));
            assert_eq!(dialer.due(after(least), &mut rng), None, "{outcome:?}");
            if least.is_finite() {
                now = after(most);
            }
        }
    }

    fn host(number: usize) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::from_bits(0x0a00_0000 + number as u32), 6881)
    }

    fn fails(dialer: &mut Dialer, address: SocketAddrV4, times: usize) {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..times {
            assert!(dialer.occupy(address, ConnId(1)));
            let (conn, now) = (ConnId(1), Duration::ZERO);
            dialer.free(address, conn, Outcome::Failed, now, &mut rng);
        }
    }

    #[test]
    fn one_host_has_few_ports_and_the_worst_makes_room_for_a_new_one() {
        let mut dialer = Dialer::default();
        let port = |port| SocketAddrV4::new([10, 0, 0, 1].into(), port);
        (1..=5000).for_each(|n| dialer.learn(port(n)));
        assert_eq!(dialer.0.len(), MAX_PORTS);
        dialer.learn(host(2));
        assert!(dialer.0.contains_key(&host(2)), "others have their room");
        fails(&mut dialer, port(2), 1);
        fails(&mut dialer, port(3), 2);
        dialer.learn(port(9));
        assert!(dialer.0.contains_key(&port(9)), "it restarted");
        assert!(!dialer.0.contains_key(&port(3)) && dialer.0.contains_key(&port(2)));
    }

    #[test]
    fn when_full_the_worst_without_a_connection_is_forgotten() {
        let mut dialer = Dialer::default();
        (1..=MAX_CANDIDATES).for_each(|n| dialer.learn(host(n)));
        let new = host(MAX_CANDIDATES + 1);
        dialer.learn(new);
        assert!(!dialer.0.contains_key(&new), "nobody has failed");
        fails(&mut dialer, host(5), 1);
        fails(&mut dialer, host(6), 2);
        fails(&mut dialer, host(7), 3);
        assert!(dialer.occupy(host(7), ConnId(2)));
        dialer.learn(new);
        assert!(dialer.0.contains_key(&new));
        assert!(!dialer.0.contains_key(&host(6)), "it failed most often");
        assert!(dialer.0.contains_key(&host(7)), "it is connected");
        assert_eq!(dialer.0.len(), MAX_CANDIDATES);
    }

    #[test]
    fn addresses_nobody_can_have_are_ignored() {
        let mut dialer = Dialer::default();
        for bad in [
            "10.0.0.1:0",
            "0.0.0.0:1",
            "255.255.255.255:1",
            "224.0.0.1:1",
        ] {
            dialer.learn(bad.parse().expect("an address"));
        }
        assert_eq!(
            dialer.due(Duration::MAX, &mut StdRng::seed_from_u64(1)),
            None
        );
    }
}
