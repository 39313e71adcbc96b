//! Who is behind asks more of its peers.

use std::time::Duration;

use bytes::Bytes;

use super::super::Swarm;
use super::claims::of_ours;
use super::trade::requests;
use super::{NOW, actions, guest, settings};
use crate::core::wire::Message;
use crate::core::{BLOCK, Bitfield, ConnId, Layout};

const MANY: u32 = 4000;
const MS: Duration = Duration::from_millis(1);

/// A machine that lacks everything, among others of which each has that many pieces of 64 KiB.
fn among(has: u32) -> (Swarm, Vec<ConnId>) {
    let mut settings = settings(b'm', 50);
    settings.layout = Layout::new(u64::from(MANY) * 4 * u64::from(BLOCK), 4 * BLOCK);
    let mut swarm = Swarm::new(settings, Bitfield::empty(MANY), NOW);
    let mut pieces = Bitfield::empty(MANY);
    for piece in 0..has {
        pieces.set(piece);
    }
    let peers = (1..=4).map(|host| of_ours(&mut swarm, host, pieces.clone(), Some(7)));
    let peers = peers.collect();
    (swarm, peers)
}

/// Each peer brings a block every 20 ms, in order; after so many seconds these many are open at each of them.
fn open_after(seconds: u32, swarm: &mut Swarm, peers: &[ConnId]) -> Vec<usize> {
    open_at_pace(seconds, &vec![1; peers.len()], swarm, peers)
}

/// The same, but each peer brings a block every so many times 20 ms.
fn open_at_pace(seconds: u32, paces: &[u32], swarm: &mut Swarm, peers: &[ConnId]) -> Vec<usize> {
    let mut open = vec![Vec::new(); peers.len()];
    for step in 0..seconds * 50 {
        let now = NOW + MS * 20 * step;
        if step % 5 == 0 {
            swarm.tick(now);
        }
        let done = actions(swarm);
        for (open, peer) in open.iter_mut().zip(peers) {
            open.extend(requests(&done, *peer));
        }
        for ((open, peer), pace) in open.iter_mut().zip(peers).zip(paces) {
            if open.is_empty() || step % pace != 0 {
                continue;
            }
            let block = open.remove(0);
            let data = Bytes::from(vec![0; block.length as usize]);
            let (piece, begin) = (block.piece, block.begin);
            let brought = Message::Piece { piece, begin, data };
            swarm.received(*peer, brought.into(), now);
        }
    }
    open.iter().map(Vec::len).collect()
}

/// At 50 blocks a second, 0.2 s are 10 blocks.
#[test]
fn who_is_far_behind_lets_more_wait_at_each_machine() {
    for (has, least, most) in [(60, 4, 10), (MANY, 12, 20)] {
        let (mut swarm, peers) = among(has);
        let open = open_after(1, &mut swarm, &peers);
        let fits = open.iter().all(|count| (least..=most).contains(count));
        assert!(fits, "{has} pieces to fetch: {open:?}");
    }
}

/// Of four machines three bring ten blocks a second, and one fifty: that one answers at once as long as little is asked of it.
#[test]
fn who_is_behind_with_a_free_cable_asks_the_slow_for_their_share() {
    for (of_the_swift, least, most) in [(256, 2, 4), (2, 6, 8)] {
        let (mut swarm, peers) = among(MANY);
        let swift = swarm.peers.get_mut(&peers[0]).expect("it is there");
        swift.requests.set_limit(of_the_swift);
        let open = open_at_pace(3, &[1, 5, 5, 5], &mut swarm, &peers);
        let fits = open[1..].iter().all(|count| (least..=most).contains(count));
        assert!(
            fits,
            "{of_the_swift} blocks at most asked of the first: {open:?}"
        );
    }
}

/// Other people's programs serve in beats: that they answer within one shows nothing of our cable.
#[test]
fn a_foreign_program_does_not_show_that_the_cable_is_free() {
    let (mut swarm, mut peers) = among(MANY);
    let foreign = guest(&mut swarm, 5);
    let all = Message::Bitfield(Bitfield::full(MANY));
    swarm.received(foreign, all.into(), NOW);
    swarm.received(foreign, Message::Unchoke.into(), NOW);
    let stranger = swarm.peers.get_mut(&foreign).expect("it is there");
    stranger.requests.set_limit(2);
    peers.push(foreign);
    let open = open_at_pace(3, &[5, 5, 5, 5, 1], &mut swarm, &peers);
    assert!(open[..4].iter().all(|count| *count <= 4), "{open:?}");
}
