//! What is sent to everybody, and what is asked meanwhile.

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;

use super::super::{Action, Swarm};
use super::trade::{bring, generous, requests};
use super::{NOW, PIECES, actions, empty};
use crate::core::{BLOCK, Block};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 1, 2);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 200);

fn block(piece: u32, number: u32) -> Block {
    Block {
        piece,
        begin: number * BLOCK,
        length: BLOCK,
    }
}

fn overhear(swarm: &mut Swarm, block: Block) {
    let data = Bytes::from(vec![0; block.length as usize]);
    swarm.overheard((GROUP, SERVER), block, data, NOW);
}

/// All blocks of a piece, and what comes of it.
fn overhear_piece(swarm: &mut Swarm, piece: u32, right: bool) -> Vec<Action> {
    (0..4).for_each(|number| overhear(swarm, block(piece, number)));
    let mut done = actions(swarm);
    assert!(done.contains(&Action::Check { piece }), "{done:?}");
    swarm.checked(piece, right, NOW);
    done.extend(actions(swarm));
    done
}

/// Lets every piece that is to be checked be right. Gives all that is to be done.
fn verify(swarm: &mut Swarm) -> Vec<Action> {
    let mut all = Vec::new();
    loop {
        let done = actions(swarm);
        if done.is_empty() {
            return all;
        }
        for action in &done {
            if let Action::Check { piece } = action {
                swarm.checked(*piece, true, NOW);
            }
        }
        all.extend(done);
    }
}

fn stored(actions: &[Action]) -> usize {
    let stored = |action: &&Action| matches!(action, Action::Store { .. });
    actions.iter().filter(stored).count()
}

#[test]
fn a_piece_that_nobody_was_asked_for_is_stored_verified_and_counted_as_the_server_s() {
    let mut swarm = empty();
    assert_eq!(stored(&overhear_piece(&mut swarm, 3, true)), 4);
    assert_eq!(swarm.status(NOW).sources, [(SERVER, u64::from(4 * BLOCK))]);
    overhear(&mut swarm, block(3, 0));
    assert_eq!(actions(&mut swarm), [], "it is here already");
    let holdings = swarm.holdings();
    assert_eq!(holdings.lacking.ones(), PIECES - 1);
    assert_eq!(
        (holdings.fetched, holdings.of_server),
        (0, 0),
        "nobody was asked"
    );
}

#[test]
fn nobody_is_asked_meanwhile_and_everybody_afterwards() {
    let mut swarm = empty();
    let conn = generous(&mut swarm, 1);
    let first = requests(&actions(&mut swarm), conn);
    assert!(!first.is_empty());
    swarm.listen(true, NOW);
    for block in &first {
        bring(&mut swarm, conn, *block);
    }
    assert_eq!(
        swarm.holdings().fetched,
        u64::from(BLOCK) * first.len() as u64
    );
    for tick in 1..20 {
        swarm.tick(NOW + Duration::from_millis(100 * tick));
    }
    assert_eq!(requests(&verify(&mut swarm), conn), []);
    // Three quarters of a piece, which stay; only the last quarter is asked for.
    (0..3).for_each(|number| overhear(&mut swarm, block(30, number)));
    swarm.listen(false, NOW);
    let mut asked = requests(&actions(&mut swarm), conn);
    assert!(!asked.is_empty());
    while let Some(block) = asked.pop() {
        bring(&mut swarm, conn, block);
        let more = requests(&verify(&mut swarm), conn);
        let here = |more: &Block| more.piece == 30 && more.begin < 3 * BLOCK;
        assert!(!more.iter().any(here), "{more:?}");
        asked.extend(more);
    }
    assert!(swarm.complete());
}

/// Blocks that complete nothing are no reason to go on: anybody could send them.
#[test]
fn who_listens_in_vain_goes_on_asking_and_the_third_time_believes_nothing_any_more() {
    let mut swarm = empty();
    let conn = generous(&mut swarm, 1);
    let mut asked = requests(&actions(&mut swarm), conn);
    let mut now = NOW;
    for times in 1..=3 {
        assert!(!asked.is_empty(), "before the {times}. time");
        swarm.listen(true, now);
        for block in std::mem::take(&mut asked) {
            bring(&mut swarm, conn, block);
        }
        verify(&mut swarm);
        for (second, number) in (1..=5).zip([0, 1, 2, 0, 0]) {
            now += Duration::from_secs(1);
            let block = block(30 - times, number);
            swarm.overheard((GROUP, SERVER), block, vec![0; BLOCK as usize].into(), now);
            swarm.tick(now);
            assert_eq!(requests(&actions(&mut swarm), conn), [], "after {second} s");
        }
        now += Duration::from_secs(1);
        swarm.tick(now);
        asked = requests(&actions(&mut swarm), conn);
        assert_eq!(swarm.holdings().believes, times < 3);
    }
    assert!(!asked.is_empty());
    // What was overheard last, of a piece that is not complete, is fetched from the peer.
    let mut again = 0;
    while let Some(block) = asked.pop() {
        again += u32::from(block.piece == 27 && block.begin < 3 * BLOCK);
        bring(&mut swarm, conn, block);
        asked.extend(requests(&verify(&mut swarm), conn));
    }
    assert!(swarm.complete());
    assert_eq!(again, 3);
}

#[test]
fn what_was_asked_and_comes_by_itself_is_cancelled() {
    let mut swarm = empty();
    let conn = generous(&mut swarm, 1);
    let asked = requests(&actions(&mut swarm), conn);
    overhear(&mut swarm, asked[0]);
    let done = actions(&mut swarm);
    assert_eq!(stored(&done), 1);
    let cancel = crate::core::wire::Message::Cancel(asked[0]);
    assert!(super::said(&done, conn).contains(&cancel), "{done:?}");
}

/// Anybody can speak in a group.
#[test]
fn after_three_wrong_pieces_nothing_is_believed_and_no_peer_is_blamed() {
    let mut swarm = empty();
    let conn = generous(&mut swarm, 1);
    let asked = requests(&actions(&mut swarm), conn);
    // The peer brought a part of the first one.
    let shared = asked[0];
    swarm.listen(true, NOW);
    bring(&mut swarm, conn, shared);
    (0..4)
        .map(|number| block(shared.piece, number))
        .filter(|block| *block != shared)
        .for_each(|block| overhear(&mut swarm, block));
    assert!(actions(&mut swarm).contains(&Action::Check {
        piece: shared.piece
    }));
    swarm.checked(shared.piece, false, NOW);
    assert!(swarm.holdings().believes);
    let mut done = actions(&mut swarm);
    let others: Vec<u32> = (0..PIECES)
        .filter(|piece| asked.iter().all(|asked| asked.piece != *piece))
        .collect();
    done.extend(overhear_piece(&mut swarm, others[0], false));
    for block in &asked[1..] {
        bring(&mut swarm, conn, *block);
    }
    let last = overhear_piece(&mut swarm, others[1], false);
    assert!(
        last.contains(&Action::Banned { address: GROUP }),
        "{last:?}"
    );
    assert!(!requests(&last, conn).is_empty(), "the peer is asked again");
    assert!(!swarm.holdings().believes);
    let next = requests(&last, conn)[0];
    done.extend(last);
    assert_eq!(super::parted(&done), None);
    overhear(&mut swarm, block(others[2], 0));
    assert_eq!(stored(&actions(&mut swarm)), 0);
    swarm.listen(true, NOW);
    bring(&mut swarm, conn, next);
    let asked = requests(&actions(&mut swarm), conn);
    assert!(!asked.is_empty(), "it does not listen any more");
}
