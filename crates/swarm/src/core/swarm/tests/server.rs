//! How much is asked of the server at a time.

use std::time::Duration;

use bytes::Bytes;

use super::super::{Action, Swarm};
use super::claims::{machine, says, server};
use super::trade::requests;
use super::{NOW, PIECES, actions, with_places};
use crate::core::wire::{Kind, Message};
use crate::core::{Bitfield, Block, ConnId};

const MS: Duration = Duration::from_millis(1);

/// The server brings each block as soon as it is asked for it, until the machine has `pieces` pieces. Gives what is open
/// there then.
fn fetch(swarm: &mut Swarm, server: ConnId, pieces: u32, at: Duration) -> Vec<Block> {
    let mut open: Vec<Block> = Vec::new();
    let mut have = 0;
    while have < pieces {
        for action in actions(swarm) {
            if let Action::Check { piece } = action {
                swarm.checked(piece, true, at);
                have += 1;
            }
            open.extend(requests(&[action], server));
        }
        if have < pieces {
            let block = open.remove(0);
            let (piece, begin) = (block.piece, block.begin);
            let data = Bytes::from(vec![0; block.length as usize]);
            swarm.received(server, Message::Piece { piece, begin, data }.into(), at);
        }
    }
    open.extend(requests(&actions(swarm), server));
    open
}

fn lacking() -> Swarm {
    with_places(b'm', Bitfield::empty(PIECES), 50)
}

#[test]
fn who_is_ahead_lets_others_go_first_until_everything_is_out() {
    let at = NOW + Duration::from_secs(1);
    let mut swarm = lacking();
    let friend = machine(&mut swarm, 1);
    says(&mut swarm, friend, Kind::Takes, PIECES - 1, at);
    let server = server(&mut swarm);
    let open = fetch(&mut swarm, server, 12, at);
    // More than one stays open only until it has come.
    let behind = open.len() as u32;
    let mut open = open;
    for block in std::mem::take(&mut open) {
        let (piece, begin) = (block.piece, block.begin);
        let data = Bytes::from(vec![0; block.length as usize]);
        swarm.received(server, Message::Piece { piece, begin, data }.into(), at);
        open.extend(requests(&actions(&mut swarm), server));
        if open.len() > 1 {
            break;
        }
    }
    assert!(open.len() <= 1, "{behind} were open, and then {open:?}");
    // The friend has what is left, and more than one block is asked of the server again.
    for piece in 0..PIECES {
        swarm.received(friend, Message::Have(piece).into(), at);
    }
    swarm.tick(at);
    let more = requests(&actions(&mut swarm), server);
    assert!(open.len() + more.len() > 1, "{open:?} {more:?}");
}

#[test]
fn whoever_is_first_in_the_room_begins_with_little() {
    for (after, least, most) in [(100 * MS, 1, 16), (900 * MS, 17, 256)] {
        let mut swarm = lacking();
        let server = server(&mut swarm);
        let open = fetch(&mut swarm, server, 30, NOW + after).len();
        assert!((least..=most).contains(&open), "{after:?}: {open} open");
    }
}
