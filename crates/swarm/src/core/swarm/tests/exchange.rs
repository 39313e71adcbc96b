//! Who is told of whom, and what is believed.

use std::net::SocketAddrV4;
use std::time::Duration;

use super::{
    Action, Bitfield, ConnId, Frame, HASH, Handshake, Message, NOW, PIECES, Settings, Swarm,
    actions, address, empty, full, said, settings,
};
use crate::core::PeerExchange;
use crate::core::wire::{Added, ExtendedHandshake, OUR_PEX_ID, Pex};

/// The id under which peers want it.
const THEIRS: u8 = 7;

/// A peer that came, greeted and said where it listens; with what was said to it from then on.
fn newcomer(swarm: &mut Swarm, host: u8) -> (ConnId, Vec<Pex>) {
    let from = SocketAddrV4::new(*address(host).ip(), 40_000);
    let conn = swarm.incoming(from, NOW).expect("there is room");
    let hello = Handshake::new(HASH, [host; 20]);
    swarm.received(conn, Frame::Handshake(hello), NOW);
    let about = ExtendedHandshake {
        pex: Some(THEIRS),
        port: Some(6881),
        ..ExtendedHandshake::default()
    };
    swarm.received(conn, about.to_message().into(), NOW);
    let told = told(&actions(swarm), conn);
    (conn, told)
}

fn told(actions: &[Action], conn: ConnId) -> Vec<Pex> {
    let said = said(actions, conn).into_iter();
    said.filter_map(|message| match message {
        Message::Extended { id, payload } if id == THEIRS => Pex::parse(&payload),
        _ => None,
    })
    .collect()
}

fn names(told: &[Pex]) -> Vec<SocketAddrV4> {
    let added = told.iter().flat_map(|pex| &pex.added);
    added.map(|one| one.address).collect()
}

fn tell(swarm: &mut Swarm, conn: ConnId, named: &[SocketAddrV4], now: Duration) {
    let added = named.iter().map(|address| Added {
        address: *address,
        seed: false,
        reachable: true,
    });
    let pex = Pex {
        added: added.collect(),
        dropped: Vec::new(),
    };
    swarm.received(conn, pex.to_message(OUR_PEX_ID).into(), now);
}

fn dialed(swarm: &mut Swarm) -> Vec<SocketAddrV4> {
    let all = actions(swarm).into_iter();
    all.filter_map(|action| match action {
        Action::Connect { to, .. } => Some(to),
        _ => None,
    })
    .collect()
}

#[test]
fn a_newcomer_hears_at_once_of_everybody_else() {
    for mut swarm in [empty(), full()] {
        let (first, told_first) = newcomer(&mut swarm, 1);
        assert_eq!(told_first, [], "nobody else is there");
        let (second, told_second) = newcomer(&mut swarm, 2);
        assert_eq!(names(&told_second), [address(1)]);
        let later = NOW + Duration::from_secs(1);
        swarm.tick(later);
        let said = actions(&mut swarm);
        assert_eq!(
            names(&told(&said, first)),
            [address(2)],
            "it had no news yet"
        );
        assert_eq!(told(&said, second), []);

        swarm.disconnected(first, later);
        swarm.tick(NOW + Duration::from_secs(59));
        assert_eq!(told(&actions(&mut swarm), second), [], "once a minute");
        swarm.tick(NOW + Duration::from_secs(60));
        let told = told(&actions(&mut swarm), second);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].dropped, [address(1)]);
    }
}

#[test]
fn who_has_everything_is_told_nothing() {
    let mut swarm = Swarm::new(settings(b'm', 20), Bitfield::empty(PIECES), NOW);
    newcomer(&mut swarm, 1);
    let (seed, _) = newcomer(&mut swarm, 2);
    swarm.received(seed, Message::Bitfield(Bitfield::full(PIECES)).into(), NOW);
    let (_, told_third) = newcomer(&mut swarm, 3);
    let mut named: Vec<_> = told_third.iter().flat_map(|pex| &pex.added).collect();
    named.sort_by_key(|one| one.address);
    assert_eq!(
        named.iter().map(|one| one.seed).collect::<Vec<_>>(),
        [false, true]
    );
    swarm.tick(NOW + Duration::from_secs(61));
    assert_eq!(names(&told(&actions(&mut swarm), seed)), []);
}

#[test]
fn whom_a_peer_names_is_connected_to() {
    let mut swarm = empty();
    let (teller, _) = newcomer(&mut swarm, 1);
    tell(&mut swarm, teller, &[address(2)], NOW);
    assert_eq!(dialed(&mut swarm), [address(2)]);

    let mut swarm = full();
    let (teller, _) = newcomer(&mut swarm, 1);
    tell(&mut swarm, teller, &[address(2)], NOW);
    assert_eq!(dialed(&mut swarm), [], "who has everything needs nobody");
}

/// One attempt for each naming, and one naming in a minute.
#[test]
fn a_room_cannot_be_turned_against_somebody() {
    let mut swarm = empty();
    let (teller, _) = newcomer(&mut swarm, 1);
    let far: SocketAddrV4 = "192.0.2.1:6881".parse().expect("an address");
    let mail = SocketAddrV4::new(*address(2).ip(), 25);
    tell(&mut swarm, teller, &[far, mail], NOW);
    assert_eq!(dialed(&mut swarm), [], "far away, or another service");

    let mut attempts = 0;
    for tenth in 0..1800 {
        let now = NOW + Duration::from_millis(100 * tenth);
        tell(&mut swarm, teller, &[address(9)], now);
        swarm.tick(now);
        let all = actions(&mut swarm);
        for action in all {
            if let Action::Connect { conn, to } = action {
                assert_eq!(to, address(9));
                attempts += 1;
                swarm.disconnected(conn, now);
            }
        }
    }
    // At 50, 100 and 150 seconds; the first naming of all was of others.
    assert_eq!(attempts, 3);
}

#[test]
fn where_it_is_off_nobody_tells_and_nobody_hears() {
    let mut swarm = Swarm::new(
        Settings {
            exchange: PeerExchange::Off,
            ..settings(b'm', 5)
        },
        Bitfield::empty(PIECES),
        NOW,
    );
    let (teller, _) = newcomer(&mut swarm, 1);
    let (_, told) = newcomer(&mut swarm, 2);
    assert_eq!(told, []);
    tell(&mut swarm, teller, &[address(3)], NOW);
    assert_eq!(dialed(&mut swarm), []);
}
