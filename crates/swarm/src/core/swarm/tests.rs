//! Conversations, message by message: how they begin, what ends them.

mod claims;
mod exchange;
mod haste;
mod haves;
mod listen;
mod server;
mod trade;
mod wanted;

use std::net::SocketAddrV4;
use std::time::Duration;

use bytes::Bytes;
use metainfo::InfoHash;

use super::{Action, Reason, Settings, Swarm};
use crate::core::wire::{Frame, Handshake, Message};
use crate::core::{BLOCK, Bitfield, Block, ConnId, Layout, PeerExchange};

const HASH: InfoHash = InfoHash([9; 20]);
const PIECES: u32 = 40;
/// Everything happens at once unless a test says otherwise.
const NOW: Duration = Duration::from_secs(100);

fn swarm(name: u8, have: Bitfield) -> Swarm {
    with_places(name, have, 5)
}

fn with_places(name: u8, have: Bitfield, max_peers: usize) -> Swarm {
    Swarm::new(settings(name, max_peers), have, NOW)
}

fn settings(name: u8, max_peers: usize) -> Settings {
    Settings {
        info_hash: HASH,
        layout: Layout::new(u64::from(PIECES) * 4 * u64::from(BLOCK), 4 * BLOCK),
        peer_id: [name; 20],
        port: Some(6881),
        max_peers,
        exchange: PeerExchange::On,
        seed: 1,
    }
}

fn empty() -> Swarm {
    swarm(b'm', Bitfield::empty(PIECES))
}

fn full() -> Swarm {
    swarm(b'm', Bitfield::full(PIECES))
}

fn address(host: u8) -> SocketAddrV4 {
    SocketAddrV4::new([10, 0, 0, host].into(), 6881)
}

fn hello(name: u8) -> Frame {
    Frame::Handshake(Handshake {
        reserved: [0; 8],
        info_hash: HASH,
        peer_id: [name; 20],
    })
}

fn actions(swarm: &mut Swarm) -> Vec<Action> {
    std::iter::from_fn(|| swarm.poll()).collect()
}

/// The messages of these actions to one connection.
fn said(actions: &[Action], to: ConnId) -> Vec<Message> {
    let frames = actions.iter().filter_map(|action| match action {
        Action::Send { conn, frame } if *conn == to => Some(frame),
        _ => None,
    });
    let messages = frames.filter_map(|frame| match frame {
        Frame::Message(message) => Some(message.clone()),
        Frame::Handshake(_) => None,
    });
    messages.collect()
}

fn parted(actions: &[Action]) -> Option<Reason> {
    actions.iter().find_map(|action| match action {
        Action::Disconnect { why, .. } => Some(*why),
        _ => None,
    })
}

/// A peer that came and greeted; what was said to it so far is forgotten.
fn guest(swarm: &mut Swarm, host: u8) -> ConnId {
    let conn = swarm.incoming(address(host), NOW).expect("there is room");
    swarm.received(conn, hello(host), NOW);
    actions(swarm);
    conn
}

#[test]
fn whoever_connects_greets_first_and_then_all_is_said() {
    let mut swarm = full();
    let conn = swarm.incoming(address(1), NOW).expect("there is room");
    assert_eq!(
        actions(&mut swarm),
        [],
        "the guest has not said for what it came"
    );
    swarm.received(conn, hello(1), NOW);
    let answer = actions(&mut swarm);
    let ours = Frame::Handshake(Handshake::new(HASH, [b'm'; 20]));
    assert_eq!(
        answer[0],
        Action::Send {
            conn,
            frame: ours.clone()
        }
    );
    let all = Message::Bitfield(Bitfield::full(PIECES));
    assert_eq!(said(&answer, conn), [all, Message::Unchoke]);

    let mut swarm = empty();
    swarm.learned([address(2)], NOW);
    let [Action::Connect { conn, to }] = actions(&mut swarm)[..] else {
        panic!("one peer is known")
    };
    assert_eq!(to, address(2));
    swarm.connected(conn, NOW);
    assert_eq!(actions(&mut swarm), [Action::Send { conn, frame: ours }]);
    swarm.received(conn, hello(2), NOW);
    assert_eq!(
        said(&actions(&mut swarm), conn),
        [Message::Unchoke],
        "there is nothing to show"
    );
}

#[test]
fn who_does_not_belong_here_is_parted_from() {
    let other = Frame::Handshake(Handshake::new(InfoHash([8; 20]), [1; 20]));
    for (frame, why) in [
        (other, Reason::OtherTorrent),
        (hello(b'm'), Reason::Ourselves),
        (
            Message::Unchoke.into(),
            Reason::Rule("a message before its greeting"),
        ),
    ] {
        let mut swarm = empty();
        let conn = swarm.incoming(address(1), NOW).expect("there is room");
        swarm.received(conn, frame, NOW);
        assert_eq!(actions(&mut swarm), [Action::Disconnect { conn, why }]);
    }
}

#[test]
fn what_no_correct_peer_says_ends_the_connection() {
    let block = |piece, begin, length| {
        Message::Request(Block {
            piece,
            begin,
            length,
        })
    };
    let field = || Message::Bitfield(Bitfield::empty(PIECES));
    for messages in [
        vec![Message::Have(PIECES)],
        vec![field(), field()],
        vec![Message::Have(3), field()],
        vec![block(PIECES, 0, BLOCK)],
        vec![block(0, 4 * BLOCK, 1)],
        vec![block(0, u32::MAX, BLOCK)],
        vec![block(0, 0, 0)],
        vec![
            Message::Piece {
                piece: 0,
                begin: 0,
                data: Bytes::from_static(b"x")
            };
            65
        ],
        (0..)
            .map(|begin| block(0, begin % (3 * BLOCK), BLOCK))
            .take(6000)
            .collect(),
    ] {
        let mut swarm = full();
        let conn = guest(&mut swarm, 1);
        let (last, before) = messages.split_last().expect("there is one");
        for message in before {
            swarm.received(conn, message.clone().into(), NOW);
        }
        let flood = before.len() > 65;
        if !flood {
            assert_eq!(parted(&actions(&mut swarm)), None, "before {last:?}");
        }
        swarm.received(conn, last.clone().into(), NOW);
        let why = parted(&actions(&mut swarm));
        assert!(matches!(why, Some(Reason::Rule(_))), "{last:?}: {why:?}");
    }
    let mut swarm = empty();
    let conn = guest(&mut swarm, 1);
    swarm.received(conn, block(0, 0, BLOCK).into(), NOW);
    assert!(
        parted(&actions(&mut swarm)).is_some(),
        "it was never told that we have this"
    );
}

/// Both connect to each other at the same moment: one connection is left, on both sides the same.
#[test]
fn two_that_meet_halfway_keep_one_connection() {
    for (a, b) in [(b'a', b'z'), (b'z', b'a')] {
        let mut sides = [(a, 1), (b, 2)].map(|(name, host)| {
            let mut swarm = swarm(name, Bitfield::empty(PIECES));
            let other = 3 - host;
            swarm.learned([address(other)], NOW);
            let Some(Action::Connect { conn: mine, .. }) = swarm.poll() else {
                panic!("the other one is known")
            };
            swarm.connected(mine, NOW);
            let theirs = swarm.incoming(address(other), NOW).expect("there is room");
            actions(&mut swarm);
            (swarm, mine, theirs)
        });
        let kept = [(0, b), (1, a)].map(|(side, other)| {
            let (swarm, mine, theirs) = &mut sides[side];
            swarm.received(*theirs, hello(other), NOW);
            swarm.received(*mine, hello(other), NOW);
            let gone: Vec<_> = actions(swarm)
                .into_iter()
                .filter_map(|action| match action {
                    Action::Disconnect {
                        conn,
                        why: Reason::Duplicate,
                    } => Some(conn),
                    _ => None,
                })
                .collect();
            assert_eq!(gone.len(), 1);
            assert_eq!(swarm.status(NOW).peers, 1);
            // Nor is the other one connected to again as long as this one stands.
            swarm.tick(NOW + Duration::from_secs(3));
            assert!(
                !actions(swarm)
                    .iter()
                    .any(|action| matches!(action, Action::Connect { .. }))
            );
            // Who made the connection that is left?
            if gone[0] == *theirs { side } else { 1 - side }
        });
        assert_eq!(kept[0], kept[1], "{a} and {b} keep different connections");
    }
}

#[test]
fn silence_is_broken_in_time_and_noticed_in_time() {
    let mut swarm = empty();
    let conn = guest(&mut swarm, 1);
    let mut spoken = NOW;
    let mut at = NOW;
    let why = loop {
        at += Duration::from_millis(100);
        swarm.tick(at);
        let actions = actions(&mut swarm);
        if let Some(why) = parted(&actions) {
            break why;
        }
        if said(&actions, conn) == [Message::KeepAlive] {
            spoken = at;
        }
        assert!(
            at - spoken < Duration::from_secs(5),
            "nothing said for too long"
        );
        assert!(at - NOW < Duration::from_secs(200), "it is long gone");
    };
    assert_eq!(why, Reason::Silent);
}

#[test]
fn in_a_full_house_the_one_that_does_not_greet_gives_way() {
    let mut swarm = full();
    let _greeted = guest(&mut swarm, 1);
    let silent = swarm.incoming(address(2), NOW).expect("there is room");
    for host in 3..6 {
        guest(&mut swarm, host);
    }
    let last = swarm.incoming(address(6), NOW).expect("one gives way");
    let why = Reason::Silent;
    assert_eq!(
        actions(&mut swarm),
        [Action::Disconnect { conn: silent, why }]
    );
    swarm.received(last, hello(6), NOW);
    assert_eq!(
        swarm.incoming(address(7), NOW),
        None,
        "all have greeted now"
    );
}

#[test]
fn one_stranger_neither_fills_the_places_nor_keeps_us_from_connecting() {
    let mut swarm = with_places(b'm', Bitfield::empty(PIECES), 50);
    let ports = (0..50).map(|n| SocketAddrV4::new([10, 0, 0, 99].into(), 40_000 + n));
    let mut came = 0;
    for (name, from) in ports.enumerate() {
        if let Some(conn) = swarm.incoming(from, NOW) {
            swarm.received(conn, hello(name as u8), NOW);
            came += 1;
        }
    }
    assert_eq!(came, 4, "from one address");
    for host in 110..200 {
        if let Some(conn) = swarm.incoming(address(host), NOW) {
            swarm.received(conn, hello(host), NOW);
            came += 1;
        }
    }
    assert_eq!(came, 20, "two fifths are for those who come");
    actions(&mut swarm);
    let mut connected = 0;
    swarm.learned((1..80).map(address), NOW);
    while let Some(action) = swarm.poll() {
        if let Action::Connect { conn, .. } = action {
            connected += 1;
            swarm.connected(conn, NOW);
            swarm.tick(NOW);
        }
    }
    assert_eq!(connected, 30, "three fifths are for those we choose");
}

#[test]
fn of_one_address_too_the_one_that_does_not_greet_gives_way() {
    let mut swarm = with_places(b'm', Bitfield::empty(PIECES), 50);
    let other = swarm.incoming(address(1), NOW).expect("there is room");
    let from = |port| SocketAddrV4::new([10, 0, 0, 2].into(), port);
    let first = swarm.incoming(from(1), NOW).expect("there is room");
    for port in 2..5 {
        swarm.incoming(from(port), NOW).expect("there is room");
    }
    assert!(swarm.incoming(from(5), NOW).is_some());
    let (conn, why) = (first, Reason::Silent);
    let gone = actions(&mut swarm);
    assert_eq!(gone, [Action::Disconnect { conn, why }], "not {other:?}");
}

#[test]
fn who_copies_an_id_keeps_nobody_out() {
    let mut swarm = full();
    let copy = guest(&mut swarm, 66);
    let owner = swarm.incoming(address(1), NOW).expect("there is room");
    swarm.received(owner, hello(66), NOW);
    assert_eq!(parted(&actions(&mut swarm)), None);
    assert_eq!(swarm.status(NOW).peers, 2);
    // The owner again: of its two connections the new one is alive, and the other machine stays.
    let again = swarm.incoming(address(1), NOW).expect("there is room");
    swarm.received(again, hello(66), NOW);
    let (conn, why) = (owner, Reason::Duplicate);
    let gone = Action::Disconnect { conn, why };
    assert!(actions(&mut swarm).contains(&gone), "not {copy:?}");
    assert_eq!(swarm.status(NOW).peers, 2);
}
