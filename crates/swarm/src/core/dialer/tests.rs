//! Whom it names when, and what it forgets for whom.

use super::{
    ConnId, Dialer, MAX_CANDIDATES, MAX_DOUBTFUL, MAX_HEARSAY, MAX_OF_ONE, MAX_PORTS, Outcome,
};
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

const TELLER: ConnId = ConnId(70);

fn occupied(dialer: &mut Dialer, address: SocketAddrV4) -> bool {
    dialer.occupy(address, ConnId(1))
}

fn tried(dialer: &mut Dialer, address: SocketAddrV4, outcome: Outcome) {
    let mut rng = StdRng::seed_from_u64(1);
    assert!(dialer.occupy(address, ConnId(1)));
    dialer.free(address, ConnId(1), outcome, Duration::ZERO, &mut rng);
}

#[test]
fn hearsay_is_tried_after_all_others_few_at_a_time_and_once() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut dialer = Dialer::default();
    (1..=20).for_each(|n| dialer.hear(host(n), TELLER));
    dialer.learn(host(100));
    assert_eq!(dialer.due(Duration::ZERO, &mut rng), Some(host(100)));
    assert!(dialer.occupy(host(100), ConnId(1)));
    for trying in 0..MAX_DOUBTFUL {
        let due = dialer.due(Duration::ZERO, &mut rng);
        assert!(occupied(&mut dialer, due.expect("hearsay")), "{trying}");
    }
    assert_eq!(dialer.due(Duration::ZERO, &mut rng), None, "enough");
    dialer.learn(host(101));
    assert_eq!(dialer.due(Duration::ZERO, &mut rng), Some(host(101)));
}

#[test]
fn hearsay_that_fails_is_forgotten_and_what_is_proven_or_named_is_not() {
    for (makes_sure, outcome, stays) in [
        (None, Outcome::Failed, false),
        (None, Outcome::Lost, true),
        (None, Outcome::Never, true),
        (
            Some(Dialer::learn as fn(&mut Dialer, SocketAddrV4)),
            Outcome::Failed,
            true,
        ),
        (Some(Dialer::proven), Outcome::Failed, true),
    ] {
        let mut dialer = Dialer::default();
        dialer.hear(host(1), TELLER);
        if let Some(make_sure) = makes_sure {
            make_sure(&mut dialer, host(1));
        }
        tried(&mut dialer, host(1), outcome);
        assert_eq!(dialer.known() == 1, stays, "{outcome:?}");
    }
}

#[test]
fn tellers_fill_no_room_of_others_and_take_theirs_with_them() {
    let mut dialer = Dialer::default();
    (0..5000).for_each(|n| dialer.hear(host(n), TELLER));
    assert_eq!(dialer.known(), MAX_OF_ONE);
    dialer.unhear(TELLER);
    assert_eq!(dialer.known(), 0);
    for teller in 0..100 {
        (0..50).for_each(|n| dialer.hear(host(100 * teller + n), ConnId(teller as u64)));
    }
    assert_eq!(dialer.known(), MAX_HEARSAY);
    (10_000..20_000).for_each(|n| dialer.learn(host(n)));
    assert_eq!(dialer.known(), MAX_CANDIDATES);
    let named = (10_000..20_000).filter(|n| dialer.0.contains_key(&host(*n)));
    assert_eq!(named.count(), MAX_CANDIDATES, "hearsay made room");

    let mut dialer = Dialer::default();
    let port = |port| SocketAddrV4::new([10, 0, 0, 1].into(), port);
    (2000..3000).for_each(|n| dialer.hear(port(n), TELLER));
    assert_eq!(dialer.known(), MAX_PORTS);
    dialer.learn(port(6881));
    assert!(dialer.0.contains_key(&port(6881)));
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
