//! Blocks asked, brought, judged and served.

use std::time::Duration;

use bytes::Bytes;

use super::super::{Action, Reason, Swarm};
use super::{NOW, PIECES, actions, address, empty, full, guest, parted, said};
use crate::core::wire::Message;
use crate::core::{BLOCK, Bitfield, Block, ConnId};

pub(super) fn requests(actions: &[Action], to: ConnId) -> Vec<Block> {
    let messages = said(actions, to).into_iter();
    let blocks = messages.filter_map(|message| match message {
        Message::Request(block) => Some(block),
        _ => None,
    });
    blocks.collect()
}

/// A guest that has everything and answers.
pub(super) fn generous(swarm: &mut Swarm, host: u8) -> ConnId {
    let conn = guest(swarm, host);
    let all = Message::Bitfield(Bitfield::full(PIECES));
    swarm.received(conn, all.into(), NOW);
    swarm.received(conn, Message::Unchoke.into(), NOW);
    conn
}

pub(super) fn bring(swarm: &mut Swarm, conn: ConnId, block: Block) {
    bring_at(swarm, conn, block, NOW);
}

fn bring_at(swarm: &mut Swarm, conn: ConnId, block: Block, now: Duration) {
    let piece = Message::Piece {
        piece: block.piece,
        begin: block.begin,
        data: Bytes::from(vec![0; block.length as usize]),
    };
    swarm.received(conn, piece.into(), now);
}

/// Each beat it brings all that it was asked before; 160 blocks, at two a beat, would be 80 beats.
#[test]
fn a_foreign_program_that_serves_in_beats_is_asked_for_ever_more() {
    let (mut swarm, mut now) = (empty(), NOW);
    let conn = generous(&mut swarm, 1);
    let mut asked = requests(&actions(&mut swarm), conn);
    let (mut brought, mut beats) = (0, 0);
    while !asked.is_empty() {
        now += Duration::from_millis(500);
        beats += 1;
        for block in std::mem::take(&mut asked) {
            brought += 1;
            bring_at(&mut swarm, conn, block, now);
            asked.extend(requests(&actions(&mut swarm), conn));
        }
    }
    assert_eq!(brought, 4 * PIECES);
    assert!(beats <= 8, "{beats} beats");
}

#[test]
fn what_a_choking_silent_or_lost_peer_was_asked_is_asked_of_another() {
    for how in ["choking", "silent", "lost"] {
        let mut swarm = empty();
        let first = generous(&mut swarm, 1);
        let asked = requests(&actions(&mut swarm), first);
        assert!(!asked.is_empty());
        let later = NOW + Duration::from_secs(6);
        match how {
            "silent" => {
                swarm.tick(later);
                let all = said(&actions(&mut swarm), first);
                let cancels = asked.iter().map(|block| Message::Cancel(*block));
                assert!(cancels.into_iter().all(|cancel| all.contains(&cancel)));
            }
            "lost" => swarm.disconnected(first, NOW),
            _ => swarm.received(first, Message::Choke.into(), NOW),
        }
        // At once, and not only in the end game.
        assert!(swarm.picker.wants(asked[0].piece), "{how}");
        // It answers so fast that it gets everything that is left.
        let second = generous(&mut swarm, 2);
        let mut open = requests(&actions(&mut swarm), second);
        let mut all = Vec::new();
        while let Some(block) = open.pop() {
            all.push(block);
            bring(&mut swarm, second, block);
            open.extend(requests(&actions(&mut swarm), second));
        }
        assert!(asked.iter().all(|block| all.contains(block)));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4 * PIECES as usize);
    }
}

#[test]
fn a_verified_piece_is_told_at_once_to_those_who_lack_it() {
    let mut swarm = empty();
    let (poor, seed) = (guest(&mut swarm, 2), generous(&mut swarm, 1));
    let mut asked = requests(&actions(&mut swarm), seed);
    let piece = asked[0].piece;
    let full = loop {
        let block = asked.remove(0);
        bring(&mut swarm, seed, block);
        let actions = actions(&mut swarm);
        asked.extend(requests(&actions, seed));
        assert_eq!(said(&actions, poor), [], "told before it is verified");
        if actions.contains(&Action::Check { piece }) {
            break actions;
        }
    };
    assert!(
        full.iter()
            .any(|action| matches!(action, Action::Store { .. }))
    );
    swarm.checked(piece, true, NOW);
    let told = actions(&mut swarm);
    assert_eq!(said(&told, poor), [Message::Have(piece)]);
    assert_eq!(said(&told, seed), []);
    let status = swarm.status(NOW);
    assert_eq!(status.sources, [(*address(1).ip(), u64::from(4 * BLOCK))]);
    assert_eq!(status.have, u64::from(4 * BLOCK));
}

#[test]
fn a_wrong_piece_bans_who_brought_it_alone() {
    let mut swarm = empty();
    let liar = generous(&mut swarm, 1);
    let mut asked = requests(&actions(&mut swarm), liar);
    let piece = asked[0].piece;
    let mut checked = false;
    while !checked {
        let block = asked.remove(0);
        bring(&mut swarm, liar, block);
        let actions = actions(&mut swarm);
        asked.extend(requests(&actions, liar));
        checked = actions.contains(&Action::Check { piece });
    }
    swarm.checked(piece, false, NOW);
    let banned = Action::Banned {
        address: *address(1).ip(),
    };
    let told = actions(&mut swarm);
    assert!(told.contains(&banned) && parted(&told) == Some(Reason::Banned));
    assert_eq!(swarm.incoming(address(1), NOW), None);
    assert_eq!(swarm.status(NOW).have, 0);
}

#[test]
fn requests_are_served_in_order_and_cancelled_ones_are_not() {
    let mut swarm = full();
    let conn = guest(&mut swarm, 1);
    let block = |number: u32| Block {
        piece: number / 4,
        begin: number % 4 * BLOCK,
        length: BLOCK,
    };
    for number in 0..20 {
        swarm.received(conn, Message::Request(block(number)).into(), NOW);
    }
    let flying = actions(&mut swarm).len() as u32;
    assert!((2..20).contains(&flying), "{flying} on their way at once");
    swarm.received(conn, Message::Cancel(block(flying)).into(), NOW);
    swarm.uploaded(conn, block(0));
    let upload = |number| {
        let block = block(number);
        Action::Upload { conn, block }
    };
    assert_eq!(actions(&mut swarm), [upload(flying + 1)]);
    assert_eq!(swarm.status(NOW).uploaded, u64::from(BLOCK));

    // One that is on its way may still be dropped, and makes room for another then.
    swarm.received(conn, Message::Cancel(block(1)).into(), NOW);
    let recall = Action::Recall {
        conn,
        block: block(1),
    };
    assert_eq!(actions(&mut swarm), [recall]);
    swarm.dropped(conn, block(1));
    assert_eq!(actions(&mut swarm), [upload(flying + 2)]);
    assert_eq!(swarm.status(NOW).uploaded, u64::from(BLOCK));
}
