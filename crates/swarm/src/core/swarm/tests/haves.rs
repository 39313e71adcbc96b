//! Who is told of which new piece, and when.

use std::time::Duration;

use super::super::{Action, Swarm};
use super::claims::{machine, of_ours, server};
use super::trade::{bring, requests};
use super::{NOW, PIECES, actions, guest, said, with_places};
use crate::core::wire::Message;
use crate::core::{BLOCK, Bitfield, Block, ConnId};

/// Asks this peer for a whole piece, brings it and finds it right. Gives the piece and what was done then.
fn fetch(swarm: &mut Swarm, from: ConnId) -> (u32, Vec<Action>) {
    let mut asked = requests(&actions(swarm), from);
    let piece = asked.first().expect("it has something for us").piece;
    for _ in 0..4 {
        let at = asked.iter().position(|block| block.piece == piece);
        let block = asked.remove(at.expect("a piece is asked for as a whole"));
        bring(swarm, from, block);
        asked.extend(requests(&actions(swarm), from));
    }
    swarm.checked(piece, true, NOW);
    (piece, actions(swarm))
}

fn haves(actions: &[Action], to: ConnId) -> Vec<u32> {
    let messages = said(actions, to).into_iter();
    let haves = messages.flat_map(|message| match message {
        Message::Have(piece) => vec![piece],
        Message::Haves(pieces) => pieces,
        _ => Vec::new(),
    });
    haves.collect()
}

#[test]
fn what_nobody_else_has_is_told_at_once() {
    let mut swarm = with_places(b'm', Bitfield::empty(PIECES), 50);
    let (ours, stranger) = (machine(&mut swarm, 1), guest(&mut swarm, 2));
    let server = server(&mut swarm);
    let (piece, done) = fetch(&mut swarm, server);
    for conn in [ours, stranger] {
        assert_eq!(haves(&done, conn), [piece]);
    }
    assert_eq!(haves(&done, server), [], "it has everything");
}

#[test]
fn what_is_in_the_room_is_told_to_ours_who_lack_it_with_the_next_word() {
    let mut swarm = with_places(b'm', Bitfield::empty(PIECES), 50);
    let (lacks, stranger) = (machine(&mut swarm, 1), guest(&mut swarm, 2));
    let mut one = Bitfield::empty(PIECES);
    one.set(7);
    let has = of_ours(&mut swarm, 3, one, Some(7));
    let (piece, done) = fetch(&mut swarm, has);
    assert_eq!(piece, 7);
    assert_eq!(haves(&done, stranger), [7]);
    assert_eq!(haves(&done, lacks), [], "it may wait for company");

    let block = Block {
        piece: 7,
        begin: 0,
        length: BLOCK,
    };
    swarm.received(lacks, Message::Request(block).into(), NOW);
    let served = actions(&mut swarm);
    let upload = Action::Upload { conn: lacks, block };
    let said = Action::Send {
        conn: lacks,
        frame: Message::Have(7).into(),
    };
    assert_eq!(served, [said, upload], "it goes before the block");

    swarm.tick(NOW + Duration::from_millis(100));
    let later = actions(&mut swarm);
    assert_eq!(haves(&later, lacks), [], "it is said once");
    assert_eq!(haves(&later, has), [], "it has the piece itself");
}

#[test]
fn nobody_waits_longer_than_a_tick() {
    let mut swarm = with_places(b'm', Bitfield::empty(PIECES), 50);
    let lacks = machine(&mut swarm, 1);
    let mut two = Bitfield::empty(PIECES);
    two.set(7);
    two.set(8);
    let has = of_ours(&mut swarm, 3, two, Some(7));
    let (first, _) = fetch(&mut swarm, has);
    swarm.tick(NOW + Duration::from_millis(100));
    assert_eq!(haves(&actions(&mut swarm), lacks), [first]);
}
