//! Machines that want a part of what there is.

use super::super::{Action, Reason, Swarm};
use super::claims::{claims, machine, of_ours, pieces, says, server};
use super::trade::{bring, generous, requests};
use super::{NOW, PIECES, actions, address, guest, parted, said, settings};
use crate::core::wire::{ExtendedHandshake, Kind, Message};
use crate::core::{BLOCK, Bitfield, Block, ConnId};

const PIECE: u64 = 4 * BLOCK as u64;

fn of(pieces: impl IntoIterator<Item = u32>) -> Bitfield {
    let mut field = Bitfield::empty(PIECES);
    for piece in pieces {
        field.set(piece);
    }
    field
}

fn wanting(wanted: &Bitfield, have: Bitfield) -> Swarm {
    Swarm::wanting(wanted, settings(b'm', 50), have, NOW)
}

fn about(upload_only: bool) -> Message {
    let about = ExtendedHandshake {
        upload_only: Some(upload_only),
        ..ExtendedHandshake::default()
    };
    about.to_message()
}

/// What the last extended handshake of these actions says.
fn tells(actions: &[Action], to: ConnId) -> Option<bool> {
    let messages = said(actions, to).into_iter();
    let told = messages.filter_map(|message| match message {
        Message::Extended { id: 0, payload } => ExtendedHandshake::parse(&payload),
        _ => None,
    });
    told.last()?.upload_only
}

/// Brings whatever is asked of this peer, until it is asked for nothing more. Gives the pieces.
fn serve_all(swarm: &mut Swarm, conn: ConnId) -> (Vec<u32>, Vec<Action>) {
    let (mut brought, mut all) = (Vec::new(), actions(swarm));
    let mut asked = requests(&all, conn);
    while let Some(block) = asked.pop() {
        brought.push(block.piece);
        bring(swarm, conn, block);
        let mut now = actions(swarm);
        for action in &now {
            if let Action::Check { piece } = action {
                swarm.checked(*piece, true, NOW);
            }
        }
        now.extend(actions(swarm));
        asked.extend(requests(&now, conn));
        all.extend(now);
    }
    brought.sort_unstable();
    (brought, all)
}

/// A stranger with everything and no extension, as many programs are.
#[test]
fn what_is_wanted_is_fetched_once_and_nothing_else() {
    let mut swarm = wanting(&of(10..13), of([]));
    assert_eq!(swarm.status(NOW).total, 3 * PIECE);
    let mut poor = guest(&mut swarm, 2);
    swarm.received(poor, Message::Bitfield(of([0, 39])).into(), NOW);
    swarm.received(poor, Message::Unchoke.into(), NOW);
    assert_eq!(
        said(&actions(&mut swarm), poor),
        [],
        "it has nothing for us: no interest, no request"
    );
    swarm.received(poor, Message::Have(11).into(), NOW);
    assert!(said(&actions(&mut swarm), poor).contains(&Message::Interested));
    swarm.disconnected(poor, NOW);
    let seed = generous(&mut swarm, 1);
    let (brought, all) = serve_all(&mut swarm, seed);
    let each_once: Vec<u32> = (10..13).flat_map(|piece| [piece; 4]).collect();
    assert_eq!(brought, each_once);
    assert!(all.contains(&Action::Complete) && swarm.complete());
    assert_eq!(parted(&all), Some(Reason::BothComplete));
    let now = swarm.status(NOW);
    assert_eq!((now.have, now.total), (3 * PIECE, 3 * PIECE));
    // It serves what it has, and is closed to nobody; it connects to nobody.
    swarm.learned([address(9)], NOW);
    assert_eq!(actions(&mut swarm), []);
    poor = guest(&mut swarm, 3);
    let block = Block {
        piece: 12,
        begin: 0,
        length: BLOCK,
    };
    swarm.received(poor, Message::Request(block).into(), NOW);
    assert_eq!(actions(&mut swarm), [Action::Upload { conn: poor, block }]);
    let missing = Block { piece: 5, ..block };
    swarm.received(poor, Message::Request(missing).into(), NOW);
    assert!(parted(&actions(&mut swarm)).is_some());
}

/// Of two that have what is wanted, the rarer piece is asked first, however rare others are.
#[test]
fn rarity_is_that_of_wanted_pieces() {
    let mut swarm = wanting(&of([20, 21]), of([]));
    for (host, has) in [(1, of([20])), (2, of([20, 21, 30])), (3, of([20]))] {
        let conn = guest(&mut swarm, host);
        swarm.received(conn, Message::Bitfield(has).into(), NOW);
    }
    actions(&mut swarm);
    let second = swarm.peers.keys().nth(1).copied().expect("it is there");
    swarm.received(second, Message::Unchoke.into(), NOW);
    let asked = requests(&actions(&mut swarm), second);
    assert_eq!(asked[0].piece, 21, "{asked:?}");
    assert!(asked.iter().all(|block| block.piece != 30));
}

/// All that is wanted is asked of one, while 37 pieces that nobody wants are open: a second one helps
/// with the last blocks nevertheless.
#[test]
fn the_end_comes_when_nothing_wanted_is_left() {
    let mut swarm = wanting(&of([0]), of([]));
    let slow = generous(&mut swarm, 1);
    let asked = requests(&actions(&mut swarm), slow);
    let second = generous(&mut swarm, 2);
    let again = requests(&actions(&mut swarm), second);
    assert!(!again.is_empty() && again.iter().any(|block| asked.contains(block)));
    assert!(again.iter().all(|block| block.piece == 0));
}

#[test]
fn the_server_is_asked_for_what_is_wanted_and_other_claims_do_not_count() {
    let mut swarm = wanting(&of([7]), of([]));
    let friend = machine(&mut swarm, 1);
    // One who fetches the whole folder claims as it goes, and never what we want.
    for piece in 20..24 {
        says(&mut swarm, friend, Kind::Takes, piece, NOW);
    }
    let server = server(&mut swarm);
    let all = actions(&mut swarm);
    assert_eq!(claims(&all, friend), [(Kind::Takes, 7)]);
    assert!(requests(&all, server).iter().all(|block| block.piece == 7));
    // Somebody has it now, but does not answer: the server is not ours to spare for claims of others.
    let mut swarm = wanting(&of([7]), of([]));
    let friend = machine(&mut swarm, 1);
    says(&mut swarm, friend, Kind::Takes, 20, NOW);
    swarm.received(friend, Message::Have(7).into(), NOW);
    swarm.received(friend, Message::Choke.into(), NOW);
    let server = super::claims::server(&mut swarm);
    assert_eq!(pieces(&mut swarm, server), [7]);
}

#[test]
fn who_has_all_it_wants_says_so_when_it_becomes_true_and_to_who_comes_later() {
    let mut swarm = wanting(&of([3]), of([]));
    let friend = machine(&mut swarm, 1);
    let seed = generous(&mut swarm, 2);
    let greeting = actions(&mut swarm);
    assert_eq!(tells(&greeting, friend), None);
    let asked = requests(&greeting, seed);
    for block in asked {
        bring(&mut swarm, seed, block);
    }
    let (_, mut all) = serve_all(&mut swarm, seed);
    swarm.checked(3, true, NOW);
    all.extend(actions(&mut swarm));
    assert!(swarm.complete());
    assert_eq!(tells(&all, friend), Some(true));
    let late = machine(&mut swarm, 4);
    assert_eq!(tells(&actions(&mut swarm), late), Some(true));
    assert!(swarm.peers.get(&friend).is_some(), "it lacks pieces still");
}

#[test]
fn two_that_want_nothing_more_part_in_any_order() {
    // It has all it wants, and then so do we; or the other way round; or one has simply everything.
    for (theirs, full, first) in [
        (true, false, true),
        (true, false, false),
        (false, true, false),
    ] {
        let mut swarm = wanting(&of([3]), of([3]));
        let has = if full {
            Bitfield::full(PIECES)
        } else {
            of([8])
        };
        let conn = if first {
            let conn = guest(&mut swarm, 1);
            swarm.received(conn, about(theirs).into(), NOW);
            conn
        } else {
            of_ours(&mut swarm, 1, has, Some(7))
        };
        if theirs && !first {
            assert_eq!(parted(&actions(&mut swarm)), None);
            swarm.received(conn, about(false).into(), NOW);
            assert_eq!(parted(&actions(&mut swarm)), None);
            swarm.received(conn, about(true).into(), NOW);
        }
        assert_eq!(parted(&actions(&mut swarm)), Some(Reason::BothComplete));
    }
    // Who still wants something of us stays, and who says so again and again changes nothing.
    let mut swarm = wanting(&of([3]), of([3]));
    let conn = machine(&mut swarm, 1);
    for _ in 0..100 {
        swarm.received(conn, about(false).into(), NOW);
    }
    assert_eq!(parted(&actions(&mut swarm)), None);
}

/// A run that was stopped had fetched more than is wanted now.
#[test]
fn what_is_there_and_not_wanted_is_served_and_not_counted() {
    let mut swarm = wanting(&of([3, 4]), of([3, 9]));
    let now = swarm.status(NOW);
    assert_eq!((now.have, now.total), (PIECE, 2 * PIECE));
    let conn = guest(&mut swarm, 1);
    let block = Block {
        piece: 9,
        begin: 0,
        length: BLOCK,
    };
    swarm.received(conn, Message::Request(block).into(), NOW);
    assert_eq!(actions(&mut swarm), [Action::Upload { conn, block }]);
}
