//! The tracker as a room uses it: announces in, answers out, time passed in.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use metainfo::InfoHash;
use metainfo::bencode;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tracker::{Announce, Answer, Event, PeerId, Refusal, Scrape, Settings, Tracker};

const HASH: InfoHash = InfoHash([7; 20]);
const SEED: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 1), 6881);

fn machine(n: u16) -> Announce {
    let mut id = *b"-BT0001-000000000000";
    id[18..].copy_from_slice(&n.to_be_bytes());
    let [high, low] = n.to_be_bytes();
    Announce {
        info_hash: HASH,
        peer_id: PeerId(id),
        address: SocketAddrV4::new(Ipv4Addr::new(10, 77, high, low), 6881),
        left: 100,
        event: Event::Started,
        numwant: 50,
        compact: true,
        no_peer_id: true,
    }
}

fn room() -> Tracker {
    let mut tracker = Tracker::new(Settings::default());
    tracker.add_permanent(HASH, SEED);
    tracker
}

fn at(tracker: &mut Tracker, seconds: u64, asker: &Announce) -> Answer {
    tracker
        .announce(
            asker,
            Duration::from_secs(seconds),
            &mut StdRng::seed_from_u64(seconds),
        )
        .unwrap()
}

fn addresses(answer: &Answer) -> HashSet<SocketAddrV4> {
    let set: HashSet<_> = answer.peers.iter().map(|peer| peer.address).collect();
    assert_eq!(set.len(), answer.peers.len(), "a peer twice");
    set
}

#[test]
fn a_newcomer_learns_the_seed_and_everybody_before_it() {
    let mut tracker = room();
    assert_eq!(
        addresses(&at(&mut tracker, 0, &machine(2))),
        HashSet::from([SEED])
    );
    let second = at(&mut tracker, 0, &machine(3));
    assert_eq!(
        addresses(&second),
        HashSet::from([SEED, machine(2).address])
    );
    assert_eq!((second.counts.complete, second.counts.incomplete), (1, 2));
}

#[test]
fn who_has_everything_is_not_told_of_seeds() {
    let mut tracker = room();
    at(&mut tracker, 0, &machine(2));
    at(
        &mut tracker,
        0,
        &Announce {
            left: 0,
            ..machine(3)
        },
    );
    let done = at(
        &mut tracker,
        1,
        &Announce {
            left: 0,
            event: Event::Completed,
            ..machine(4)
        },
    );
    assert_eq!(addresses(&done), HashSet::from([machine(2).address]));
    assert_eq!((done.counts.complete, done.counts.downloaded), (3, 1));
}

#[test]
fn a_completion_said_twice_counts_once() {
    let mut tracker = room();
    let done = Announce {
        left: 0,
        event: Event::Completed,
        ..machine(2)
    };
    at(&mut tracker, 0, &machine(2));
    for second in 1..4 {
        assert_eq!(at(&mut tracker, second, &done).counts.downloaded, 1);
    }
    at(&mut tracker, 5, &machine(2));
    assert_eq!(
        at(&mut tracker, 6, &done).counts.downloaded,
        2,
        "fetched again"
    );
}

/// Counting those would let a machine that repeats itself count for a whole room.
#[test]
fn who_still_lacks_something_has_not_completed() {
    let mut tracker = room();
    for second in 0..5 {
        let odd = Announce {
            event: Event::Completed,
            ..machine(2)
        };
        let counts = at(&mut tracker, second, &odd).counts;
        assert_eq!((counts.incomplete, counts.downloaded), (1, 0));
    }
}

/// Who is waited for, as (second, what it says, whether it is fetching at second 30).
#[test]
fn only_who_fetches_now_is_waited_for() {
    let within = Duration::from_secs(30);
    let table = [
        ("a moment ago", 30, machine(2), true),
        ("just so", 0, machine(2), true),
        (
            "everything",
            29,
            Announce {
                left: 0,
                ..machine(2)
            },
            false,
        ),
        (
            "goodbye",
            29,
            Announce {
                event: Event::Stopped,
                ..machine(2)
            },
            false,
        ),
        (
            "wants no more",
            29,
            Announce {
                event: Event::Paused,
                ..machine(2)
            },
            false,
        ),
    ];
    for (name, second, says, fetching) in table {
        let mut tracker = room();
        at(&mut tracker, second, &says);
        let expected: Vec<Ipv4Addr> = fetching.then_some(*says.address.ip()).into_iter().collect();
        assert_eq!(
            tracker.fetching(HASH, Duration::from_secs(30), within),
            expected,
            "{name}"
        );
        let sharing = tracker.sharing(HASH, Duration::from_secs(30), within);
        assert_eq!(!sharing.is_empty(), name == "everything", "{name}");
    }
    // A machine that was switched off is in the table for minutes, but not waited for.
    let mut tracker = room();
    at(&mut tracker, 0, &machine(2));
    assert!(
        tracker
            .fetching(HASH, Duration::from_millis(30_001), within)
            .is_empty()
    );
    assert_eq!(
        tracker.counts(HASH).map(|counts| counts.incomplete),
        Some(1)
    );
    assert!(
        tracker
            .fetching(InfoHash([8; 20]), Duration::ZERO, within)
            .is_empty()
    );
}

#[test]
fn one_machine_with_several_clients_is_waited_for_once() {
    let mut tracker = room();
    for (n, port) in [(9, 1), (2, 1), (9, 2)] {
        let mut says = machine(n);
        says.address.set_port(port);
        at(&mut tracker, 0, &says);
    }
    assert_eq!(
        tracker.fetching(HASH, Duration::ZERO, Duration::from_secs(30)),
        [2, 9].map(|n| *machine(n).address.ip())
    );
}

#[test]
fn who_watches_sees_everybody() {
    let mut tracker = room();
    at(&mut tracker, 7, &machine(2));
    let standings = tracker.peers_of(HASH);
    let seen: Vec<_> = standings
        .iter()
        .map(|peer| (peer.address, peer.complete, peer.heard))
        .collect();
    let heard = Some(Duration::from_secs(7));
    assert_eq!(
        seen,
        [(SEED, true, None), (machine(2).address, false, heard)]
    );
    assert!(tracker.peers_of(InfoHash([8; 20])).is_empty());
}

#[test]
fn who_stops_is_gone_and_who_falls_silent_expires() {
    let mut tracker = room();
    at(&mut tracker, 0, &machine(2));
    at(&mut tracker, 100, &machine(3));
    let stopped = at(
        &mut tracker,
        100,
        &Announce {
            event: Event::Stopped,
            ..machine(3)
        },
    );
    assert!(stopped.peers.is_empty());
    let expiry = Settings::default().expiry.as_secs();
    assert!(addresses(&at(&mut tracker, expiry - 1, &machine(4))).contains(&machine(2).address));
    assert_eq!(
        addresses(&at(&mut tracker, expiry, &machine(5))),
        HashSet::from([SEED, machine(4).address])
    );
}

/// A rebooted machine has the same address and port, and another peer id.
#[test]
fn a_reboot_replaces_the_old_entry_and_the_old_one_cannot_remove_the_new() {
    let mut tracker = room();
    at(&mut tracker, 0, &machine(2));
    let reborn = Announce {
        peer_id: PeerId([9; 20]),
        ..machine(2)
    };
    assert_eq!(
        addresses(&at(&mut tracker, 1, &reborn)),
        HashSet::from([SEED]),
        "not itself"
    );
    at(
        &mut tracker,
        2,
        &Announce {
            event: Event::Stopped,
            ..machine(2)
        },
    );
    assert!(addresses(&at(&mut tracker, 3, &machine(3))).contains(&reborn.address));
}

#[test]
fn more_than_wanted_is_a_random_choice_with_the_seed_in_it() {
    let mut tracker = room();
    for n in 2..300 {
        at(&mut tracker, 0, &machine(n));
    }
    let asker = machine(1000);
    let first = addresses(&at(&mut tracker, 1, &asker));
    let second = addresses(&at(&mut tracker, 2, &asker));
    assert_eq!((first.len(), second.len()), (50, 50));
    assert!(first.contains(&SEED) && second.contains(&SEED));
    assert_ne!(first, second);
    assert!(
        at(
            &mut tracker,
            3,
            &Announce {
                numwant: 0,
                ..asker
            }
        )
        .peers
        .is_empty()
    );
}

#[test]
fn strangers_fill_their_own_share_only() {
    let mut tracker = Tracker::new(Settings {
        peers_per_torrent: 10,
        ..Settings::default()
    });
    tracker.allow(HASH);
    at(&mut tracker, 0, &machine(2));
    for port in 1..=1000 {
        let mut forged = machine(3);
        forged.address.set_port(port);
        forged.peer_id = PeerId([u8::try_from(port % 250).unwrap(); 20]);
        at(&mut tracker, 1, &forged);
    }
    assert!(tracker.counts(HASH).unwrap().incomplete < 10);
    assert!(addresses(&at(&mut tracker, 2, &machine(4))).contains(&machine(2).address));
    for n in 100..200 {
        at(&mut tracker, 3, &machine(n));
    }
    assert_eq!(tracker.counts(HASH).unwrap().incomplete, 10);
}

#[test]
fn only_our_torrents() {
    let mut tracker = room();
    let foreign = Announce {
        info_hash: InfoHash([8; 20]),
        ..machine(2)
    };
    let refused = tracker.announce(&foreign, Duration::ZERO, &mut StdRng::seed_from_u64(0));
    assert_eq!(refused, Err(Refusal::NotServed));
    assert_eq!(
        Refusal::NotServed.to_bencode(),
        b"d14:failure reason40:this tracker does not serve that torrente"
    );
}

#[test]
fn answers_to_the_byte() {
    let mut tracker = room();
    at(&mut tracker, 0, &machine(2));
    let compact = at(&mut tracker, 0, &machine(3)).to_bencode();
    assert_eq!(
        compact,
        b"d8:completei1e10:incompletei2e8:intervali8e12:min intervali5e5:peers12:\x0a\x4d\x00\x01\x1a\xe1\x0a\x4d\x00\x02\x1a\xe1e"
    );
    let long = Announce {
        compact: false,
        no_peer_id: false,
        numwant: 2,
        ..machine(3)
    };
    assert_eq!(
        String::from_utf8_lossy(&at(&mut tracker, 0, &long).to_bencode()),
        "d8:completei1e10:incompletei2e8:intervali8e12:min intervali5e5:peersl\
         d2:ip9:10.77.0.14:porti6881ee\
         d2:ip9:10.77.0.27:peer id20:-BT0001-0000000000\0\u{2}4:porti6881eeee"
    );
    let all = tracker.scrape(&Scrape::All, Duration::ZERO);
    let mut expected = b"d5:filesd20:".to_vec();
    expected.extend([7; 20]);
    expected.extend(b"d8:completei1e10:downloadedi0e10:incompletei2eeee");
    assert_eq!(all, expected);
    assert_eq!(
        tracker.scrape(&Scrape::Named(vec![InfoHash([8; 20])]), Duration::ZERO),
        b"d5:filesdee"
    );
}

proptest! {
    #[test]
    fn any_query_is_read_without_panic(query in "\\PC{0,300}", junk in "[%a-f0-9&=]{0,300}") {
        let _ = Announce::parse(&query, Ipv4Addr::LOCALHOST);
        let _ = Announce::parse(&junk, Ipv4Addr::LOCALHOST);
        let _ = Scrape::parse(&junk);
        let _ = tracker::Mode::parse(&query);
    }

    #[test]
    fn binary_survives_the_query(hash in any::<[u8; 20]>(), id in any::<[u8; 20]>(), port in 1u16..) {
        let escape = |bytes: [u8; 20]| bytes.iter().map(|b| format!("%{b:02X}")).collect::<String>();
        let query = format!("info_hash={}&peer_id={}&port={port}", escape(hash), escape(id));
        let announce = Announce::parse(&query, Ipv4Addr::LOCALHOST).unwrap();
        prop_assert_eq!(announce.info_hash, InfoHash(hash));
        prop_assert_eq!(announce.peer_id, PeerId(id));
        prop_assert_eq!(Scrape::parse(&query), Ok(Scrape::Named(vec![InfoHash(hash)])));
    }

    #[test]
    fn every_answer_is_sound_bencode(machines in proptest::collection::vec((0u16..40, 0u64..2, any::<bool>()), 0..60)) {
        let mut tracker = room();
        for (second, (n, left, compact)) in machines.into_iter().enumerate() {
            let answer = at(&mut tracker, second as u64, &Announce { left, compact, no_peer_id: compact, ..machine(n) });
            prop_assert!(answer.peers.iter().all(|peer| peer.address != machine(n).address));
            prop_assert!(bencode::parse(&answer.to_bencode()).is_ok());
        }
    }
}
