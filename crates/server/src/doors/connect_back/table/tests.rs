use super::*;
use tracker::PeerId;

const OWN: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const SECOND: Duration = Duration::from_secs(1);

fn peer(address: [u8; 4], port: u16) -> Peer {
    Peer {
        address: SocketAddrV4::new(address.into(), port),
        torrent: InfoHash([7; 20]),
    }
}

fn other_torrent(peer: Peer) -> Peer {
    let torrent = InfoHash([8; 20]);
    Peer { torrent, ..peer }
}

fn announce(id: &[u8; 20], left: u64, event: Event) -> Announce {
    let query =
        "info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=6902&ip=10.77.0.9";
    Announce {
        peer_id: PeerId(*id),
        left,
        event,
        ..Announce::parse(query, [10, 77, 0, 2].into()).expect("an announce")
    }
}

#[test]
fn only_programs_of_others_that_want_something_are_dialed() {
    let theirs = b"-TR3000-abcdefghijkl";
    // Where it said it is does not count: where it is does.
    let address = SocketAddrV4::new([10, 77, 0, 2].into(), 6902);
    for event in [Event::Started, Event::Regular] {
        for left in [1, u64::MAX] {
            let peer = Peer::to_dial(&announce(theirs, left, event)).expect("to be dialed");
            assert_eq!(peer.address, address);
            assert_eq!(peer.torrent, InfoHash(*b"aaaaaaaaaaaaaaaaaaaa"));
        }
    }
    for needless in [
        announce(b"-BS0001-abcdefghijkl", 1, Event::Started),
        announce(theirs, 0, Event::Regular),
        announce(theirs, 0, Event::Completed),
        announce(theirs, 1, Event::Stopped),
        announce(theirs, 1, Event::Paused),
    ] {
        assert_eq!(Peer::to_dial(&needless), None, "{needless:?}");
    }
}

#[test]
fn a_peer_has_two_seconds_to_come_by_itself() {
    let mut table = Table::new(OWN);
    let one = peer([10, 77, 0, 2], 6902);
    table.heard(one, SECOND);
    assert_eq!(table.due(SECOND * 5 / 2), []);
    // Saying it again does not put it off.
    table.heard(one, SECOND * 5 / 2);
    assert_eq!(table.due(SECOND * 3), [one]);
    table.heard(one, SECOND * 3);
    assert_eq!(table.due(SECOND * 100), [], "one attempt at a time");
    table.forget(&one);
    assert!(table.is_empty());
}

#[test]
fn who_could_not_be_reached_is_left_alone_for_a_minute() {
    let mut table = Table::new(OWN);
    let one = peer([10, 77, 0, 2], 6902);
    table.heard(one, SECOND);
    assert_eq!(table.due(SECOND * 3), [one]);
    table.failed(one, SECOND * 4);
    for second in 4..64 {
        table.heard(one, SECOND * second);
        assert_eq!(table.due(SECOND * second), [], "after {second} s");
    }
    assert_eq!(table.due(SECOND * 64), []);
    assert!(
        table.is_empty(),
        "a minute later nothing is held against it"
    );
    table.heard(one, SECOND * 64);
    assert_eq!(table.due(SECOND * 66), [one]);
}

/// Its connection broke: it need not wait a minute.
#[test]
fn who_was_connected_is_dialed_again_when_it_announces() {
    let mut table = Table::new(OWN);
    let one = peer([10, 77, 0, 2], 6902);
    table.heard(one, SECOND);
    assert_eq!(table.due(SECOND * 3), [one]);
    table.forget(&one);
    assert_eq!(table.due(SECOND * 30), [], "it did not announce");
    table.heard(one, SECOND * 30);
    assert_eq!(table.due(SECOND * 32), [one]);
}

#[test]
fn the_server_never_dials_itself() {
    let mut table = Table::new(OWN);
    for own in [OWN.octets(), [127, 0, 0, 1], [127, 9, 9, 9]] {
        table.heard(peer(own, 6881), SECOND);
    }
    assert!(table.is_empty());
}

#[test]
fn two_of_one_address_at_once_whatever_their_ports_and_torrents() {
    let mut table = Table::new(OWN);
    let one = peer([10, 77, 0, 2], 6902);
    let all = [one, other_torrent(one), peer([10, 77, 0, 2], 65_535)];
    for peer in all {
        table.heard(peer, SECOND);
    }
    table.heard(peer([10, 77, 0, 3], 1), SECOND);
    let due = table.due(SECOND * 3);
    assert_eq!(due, [all[0], all[1], peer([10, 77, 0, 3], 1)]);
    table.forget(&all[1]);
    assert_eq!(table.due(SECOND * 3), [all[2]]);
}

#[test]
fn sixty_four_at_once_and_the_others_in_turn() {
    let mut table = Table::new(OWN);
    let all: Vec<Peer> = (0..100).map(|host| peer([10, 77, 1, host], 6902)).collect();
    for (second, peer) in (1..).zip(&all) {
        // The last address was heard of first.
        table.heard(*peer, SECOND * (200 - second));
    }
    let due = table.due(SECOND * 300);
    let expected: Vec<Peer> = all.iter().rev().copied().collect();
    assert_eq!(due, expected[..AT_ONCE]);
    assert_eq!(table.due(SECOND * 300), []);
    table.failed(due[0], SECOND * 300);
    table.forget(&due[1]);
    assert_eq!(table.due(SECOND * 301), expected[AT_ONCE..AT_ONCE + 2]);
}

#[test]
fn memory_is_bounded_whoever_announces() {
    let mut table = Table::new(OWN);
    for port in 1..=u16::MAX {
        table.heard(peer([10, 77, 0, 2], port), SECOND);
    }
    assert_eq!(table.peers.len(), REMEMBERED_PER_ADDRESS);
    for number in 0..10_000_u16 {
        let [high, low] = number.to_be_bytes();
        table.heard(peer([10, 78, high, low], 1), SECOND);
    }
    assert_eq!(table.peers.len(), REMEMBERED);
    // Once they are dialed and could not be reached, there is room again.
    let mut now = SECOND;
    while !table.is_empty() {
        now += SECOND;
        for peer in table.due(now) {
            table.failed(peer, now);
        }
    }
    assert!(now < SECOND * 120, "{now:?}");
}
