//! Claims: what is kept from the server because somebody else fetches it.

use std::time::Duration;

use bytes::Bytes;

use super::super::{Action, Reason, Swarm};
use super::trade::requests;
use super::{NOW, PIECES, actions, address, full, parted, said, with_places};
use crate::core::wire::{Claim, ExtendedHandshake, Frame, Handshake, Kind, Message, Way};
use crate::core::{Bitfield, ConnId};

fn lacking() -> Swarm {
    with_places(b'm', Bitfield::empty(PIECES), 50)
}

/// A machine of ours, or the server, that came and said which of these it is.
pub(super) fn of_ours(swarm: &mut Swarm, host: u8, has: Bitfield, claim: Option<u8>) -> ConnId {
    let conn = swarm.incoming(address(host), NOW).expect("there is room");
    let mut peer_id = *b"-BS0001-0123456789ab";
    peer_id[19] = host;
    let hello = Handshake::new(super::HASH, peer_id);
    swarm.received(conn, Frame::Handshake(hello), NOW);
    swarm.received(conn, Message::Bitfield(has).into(), NOW);
    let about = ExtendedHandshake {
        claim,
        ..ExtendedHandshake::default()
    };
    swarm.received(conn, about.to_message().into(), NOW);
    swarm.received(conn, Message::Unchoke.into(), NOW);
    conn
}

pub(super) fn machine(swarm: &mut Swarm, host: u8) -> ConnId {
    of_ours(swarm, host, Bitfield::empty(PIECES), Some(7))
}

pub(super) fn server(swarm: &mut Swarm) -> ConnId {
    of_ours(swarm, 200, Bitfield::full(PIECES), None)
}

pub(super) fn says(swarm: &mut Swarm, conn: ConnId, kind: Kind, piece: u32, at: Duration) {
    let claim = Claim {
        kind,
        piece,
        rank: 0,
        way: Way::Direct,
    };
    swarm.received(conn, claim.to_message(1).into(), at);
}

pub(super) fn claims(actions: &[Action], to: ConnId) -> Vec<(Kind, u32)> {
    let claims = said(actions, to)
        .into_iter()
        .filter_map(|message| match message {
            Message::Extended { id: 7, payload } => Claim::parse(payload),
            _ => None,
        });
    claims.map(|claim| (claim.kind, claim.piece)).collect()
}

pub(super) fn pieces(swarm: &mut Swarm, server: ConnId) -> Vec<u32> {
    let mut pieces: Vec<_> = requests(&actions(swarm), server)
        .into_iter()
        .map(|block| block.piece)
        .collect();
    pieces.dedup();
    pieces
}

#[test]
fn what_is_asked_of_the_server_is_claimed_and_so_is_the_next_piece() {
    let mut swarm = lacking();
    let friend = machine(&mut swarm, 1);
    let server = server(&mut swarm);
    let all = actions(&mut swarm);
    let asked = requests(&all, server);
    let told = claims(&all, friend);
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], (Kind::Takes, asked[0].piece));
    assert_ne!(told[0], told[1]);
    // A newcomer hears the same; who is gone leaves nothing behind; what is not fetched is left.
    let late = machine(&mut swarm, 2);
    let mut again = claims(&actions(&mut swarm), late);
    again.sort_by_key(|(_, piece)| *piece);
    let mut before = told.clone();
    before.sort_by_key(|(_, piece)| *piece);
    assert_eq!(again, before);
    swarm.disconnected(server, NOW);
    swarm.tick(NOW);
    let left = claims(&actions(&mut swarm), friend);
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|(kind, _)| *kind == Kind::Leaves));
}

#[test]
fn a_claimed_piece_is_not_asked_of_the_server_until_the_claim_ends() {
    for how in ["left", "gone", "never came"] {
        let mut swarm = lacking();
        let friends: Vec<_> = (1..4).map(|host| machine(&mut swarm, host)).collect();
        // All but one piece: four for each of them, the rest is there.
        let mut at = NOW;
        let free = PIECES - 1;
        for piece in 0..free {
            if piece < 12 {
                says(
                    &mut swarm,
                    friends[piece as usize / 4],
                    Kind::Takes,
                    piece,
                    at,
                );
            } else {
                swarm.received(friends[1], Message::Have(piece).into(), at);
            }
        }
        actions(&mut swarm);
        let server = server(&mut swarm);
        assert_eq!(pieces(&mut swarm, server), [free], "{how}");
        match how {
            "left" => says(&mut swarm, friends[0], Kind::Leaves, 0, at),
            "gone" => swarm.disconnected(friends[0], at),
            _ => at += Duration::from_secs(5),
        }
        // The window is open for more than the first piece as soon as something of it came.
        for number in 0..4 {
            let block = super::Layout::new(u64::from(PIECES) * 65_536, 65_536).block(free, number);
            let (piece, begin) = (block.piece, block.begin);
            let data = Bytes::from(vec![0; block.length as usize]);
            swarm.received(server, Message::Piece { piece, begin, data }.into(), at);
        }
        swarm.tick(at);
        let now = pieces(&mut swarm, server);
        let ended = if how == "never came" { 12 } else { 4 };
        assert!(now.iter().any(|piece| *piece < ended), "{how}: {now:?}");
    }
}

#[test]
fn a_stranger_that_claims_everything_gets_a_few_pieces_and_is_not_believed_again() {
    let mut swarm = lacking();
    let grabber = machine(&mut swarm, 1);
    for piece in 0..PIECES {
        says(&mut swarm, grabber, Kind::Takes, piece, NOW);
    }
    assert_eq!(swarm.claims.others().count(), 4);
    let later = NOW + Duration::from_secs(5);
    swarm.tick(later);
    assert_eq!(swarm.claims.others().count(), 0, "not repeated");
    for piece in 0..PIECES {
        says(&mut swarm, grabber, Kind::Takes, piece, later);
    }
    assert_eq!(swarm.claims.others().count(), 0, "once is enough");
    says(&mut swarm, grabber, Kind::Takes, PIECES, later);
    let why = parted(&actions(&mut swarm));
    assert!(matches!(why, Some(Reason::Rule(_))), "{why:?}");
}

#[test]
fn of_two_that_choose_the_same_next_piece_one_chooses_again() {
    let mut swarm = lacking();
    let friend = machine(&mut swarm, 1);
    let server = server(&mut swarm);
    let all = actions(&mut swarm);
    let told = claims(&all, friend);
    let (asked, next) = (told[0].1, told[1].1);
    assert!(
        !requests(&all, server)
            .iter()
            .any(|block| block.piece == next)
    );
    // Rank 0 goes before everybody. What is asked already comes, whoever goes first.
    says(&mut swarm, friend, Kind::Takes, asked, NOW);
    assert_eq!(claims(&actions(&mut swarm), friend), []);
    says(&mut swarm, friend, Kind::Takes, next, NOW);
    let again = claims(&actions(&mut swarm), friend);
    assert_eq!(again.len(), 1);
    assert!(again[0].0 == Kind::Takes && again[0].1 != next && again[0].1 != asked);
}

#[test]
fn in_a_room_larger_than_the_mesh_claims_are_told_on_once() {
    let mut swarm = lacking();
    let [from, to] = [1, 2].map(|host| machine(&mut swarm, host));
    actions(&mut swarm);
    for (way, on) in [(Way::Direct, 0), (Way::TellOn, 1), (Way::ToldOn, 0)] {
        let claim = Claim {
            kind: Kind::Takes,
            piece: way as u32,
            rank: 9,
            way,
        };
        swarm.received(from, claim.to_message(1).into(), NOW);
        let told = actions(&mut swarm);
        assert_eq!(claims(&told, to).len(), on, "{way:?}");
        assert_eq!(claims(&told, from), [], "not back to where it came from");
    }
}

#[test]
fn a_server_claims_nothing_and_a_machine_that_completed_is_none() {
    let mut seed = full();
    let conn = seed.incoming(address(1), NOW).expect("there is room");
    let hello = Handshake::new(super::HASH, *b"-BS0001-0123456789ab");
    seed.received(conn, Frame::Handshake(hello), NOW);
    let all = said(&actions(&mut seed), conn);
    let about = all.iter().find_map(|message| match message {
        Message::Extended { id: 0, payload } => ExtendedHandshake::parse(payload),
        _ => None,
    });
    assert_eq!(about.expect("an extended handshake").claim, None);

    // One that completed later has a copy of everything: the server is left alone but for a little.
    let mut swarm = lacking();
    let done = of_ours(&mut swarm, 1, Bitfield::full(PIECES), Some(7));
    let server = server(&mut swarm);
    let all = actions(&mut swarm);
    assert!(!requests(&all, done).is_empty());
    let asked = requests(&all, server);
    assert!(asked.iter().all(|block| block.piece == asked[0].piece));
    assert_eq!(claims(&all, done), []);
}
