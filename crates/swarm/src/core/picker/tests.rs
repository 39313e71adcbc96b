use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Arrival, Picker, Worker};
use crate::core::{BLOCK, Bitfield, Block, ConnId, Layout};

fn address(conn: u64) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + conn as u32)
}

fn worker(conn: u64, has: &Bitfield) -> Worker<'_> {
    Worker {
        conn: ConnId(conn),
        address: address(conn),
        has,
        current: None,
        suspect: false,
        idle: true,
        proven: true,
    }
}

fn picker(pieces: u32, blocks: u32) -> Picker {
    let length = blocks * BLOCK;
    let layout = Layout::new(u64::from(pieces) * u64::from(length), length);
    Picker::new(layout, Bitfield::empty(pieces), &Bitfield::full(pieces))
}

#[test]
fn the_rarest_piece_comes_first_and_equals_at_random() {
    let mut picker = picker(8, 1);
    for (piece, copies) in [
        (0, 2),
        (1, 1),
        (2, 3),
        (3, 1),
        (4, 2),
        (5, 2),
        (6, 2),
        (7, 2),
    ] {
        for _ in 0..copies {
            picker.more_copies(piece);
        }
    }
    picker.fewer_copies(2);
    picker.fewer_copies(2);
    let all = Bitfield::full(8);
    let mut orders = Vec::new();
    for seed in 0..5 {
        let mut rng = StdRng::seed_from_u64(seed);
        let picked: Vec<_> = (0..8)
            .map(|_| {
                picker
                    .pick(&worker(1, &all), &mut rng)
                    .expect("there is one left")
            })
            .collect();
        let mut first: Vec<_> = picked[..3].iter().map(|block| block.piece).collect();
        first.sort_unstable();
        assert_eq!(first, [1, 2, 3]);
        orders.push(picked.iter().map(|block| block.piece).collect::<Vec<_>>());
        for block in picked {
            picker.release(block, ConnId(1));
        }
    }
    orders.dedup();
    assert!(orders.len() > 1, "every seed gave the order {orders:?}");
}

#[test]
fn a_peer_finishes_its_piece_and_others_help_only_when_nothing_new_is_left() {
    let mut picker = picker(2, 4);
    let all = Bitfield::full(2);
    let mut rng = StdRng::seed_from_u64(3);
    let mut ask = |conn, current| {
        let worker = Worker {
            current,
            idle: false,
            proven: true,
            ..worker(conn, &all)
        };
        picker.pick(&worker, &mut rng).map(|block| block.piece)
    };
    let first = ask(1, None).expect("a new one");
    assert_eq!(ask(1, Some(first)), Some(first));
    assert_eq!(ask(2, None), Some(1 - first));
    assert_eq!(ask(3, None), Some(1 - first), "the one with more left");
    let rest: Vec<_> = std::iter::from_fn(|| ask(3, None)).collect();
    assert_eq!(rest.len(), 4);
    assert_eq!(ask(4, None), None, "everything is asked");
}

#[test]
fn the_end_game_asks_twice_and_names_whom_to_cancel() {
    let mut picker = picker(1, 1);
    let all = Bitfield::full(1);
    let mut rng = StdRng::seed_from_u64(3);
    let block = picker
        .pick(&worker(1, &all), &mut rng)
        .expect("the only one");
    let busy = Worker {
        idle: false,
        proven: true,
        ..worker(2, &all)
    };
    assert_eq!(picker.pick(&busy, &mut rng), None);
    assert_eq!(picker.pick(&worker(2, &all), &mut rng), Some(block));
    assert_eq!(
        picker.pick(&worker(2, &all), &mut rng),
        None,
        "not twice of the same"
    );
    assert_eq!(
        picker.pick(&worker(3, &all), &mut rng),
        None,
        "not of three"
    );
    let arrival = picker.arrived(block, ConnId(2), address(2));
    assert_eq!(
        arrival,
        Arrival::Stored {
            cancel: vec![ConnId(1)],
            full: true
        }
    );
    assert_eq!(
        picker.arrived(block, ConnId(1), address(1)),
        Arrival::Unneeded
    );
    assert_eq!(picker.verified(0), [(address(2), BLOCK)]);
    assert!(picker.have().is_full());
}

#[test]
fn a_wrong_piece_is_fetched_again_from_one_machine_alone() {
    let mut picker = picker(1, 3);
    let all = Bitfield::full(1);
    let mut rng = StdRng::seed_from_u64(3);
    for conn in 1..=3 {
        let block = picker
            .pick(&worker(conn, &all), &mut rng)
            .expect("one each");
        picker.arrived(block, ConnId(conn), address(conn));
    }
    assert_eq!(
        picker.refuted(0),
        [1, 2, 3].map(|conn| (address(conn), BLOCK))
    );

    let first = picker
        .pick(&worker(2, &all), &mut rng)
        .expect("wanted again");
    assert_eq!(picker.pick(&worker(1, &all), &mut rng), None);
    picker.arrived(first, ConnId(2), address(2));
    let second = picker.pick(&worker(2, &all), &mut rng).expect("goes on");
    picker.release(second, ConnId(2));
    // The second one begins anew: what 2 brought is not mixed with what 3 brings.
    for _ in 0..3 {
        let block = picker.pick(&worker(3, &all), &mut rng).expect("all of it");
        picker.arrived(block, ConnId(3), address(3));
    }
    assert_eq!(picker.refuted(0), [(address(3), 3 * BLOCK)]);
}

#[test]
fn a_suspect_works_alone_and_a_piece_that_nobody_may_finish_starts_over() {
    let mut picker = picker(2, 2);
    let all = Bitfield::full(2);
    let mut rng = StdRng::seed_from_u64(3);
    let suspect = Worker {
        suspect: true,
        ..worker(9, &all)
    };
    let honest = picker.pick(&worker(1, &all), &mut rng).expect("a piece");
    picker.arrived(honest, ConnId(1), address(1));
    let alone = picker.pick(&suspect, &mut rng).expect("the other piece");
    assert_ne!(alone.piece, honest.piece);
    let rest = picker
        .pick(&worker(1, &all), &mut rng)
        .expect("the rest of the first");
    assert_eq!(rest.piece, honest.piece);
    picker.release(rest, ConnId(1));
    let _ = picker
        .pick(&suspect, &mut rng)
        .expect("the rest of its own");
    assert_eq!(
        picker.pick(&suspect, &mut rng),
        None,
        "not a part of the first"
    );
    picker.start_over();
    assert!(
        picker
            .pick(&suspect, &mut rng)
            .is_some_and(|block| block.piece == honest.piece)
    );
}

/// Random peers ask, bring, and give back: outside the end game no block is asked of two, and all
/// pieces are there in the end.
#[test]
fn random_work_never_asks_twice_and_always_ends() {
    for seed in 0..30 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut picker = picker(60, 3);
        let mut fields = vec![Bitfield::full(60)];
        for _ in 0..4 {
            let mut field = Bitfield::empty(60);
            for piece in (0..60).filter(|_| rng.random_bool(0.4)) {
                field.set(piece);
                picker.more_copies(piece);
            }
            fields.push(field);
        }
        let mut asked: BTreeMap<Block, Vec<u64>> = BTreeMap::new();
        let mut turns = 0;
        while !picker.have().is_full() {
            turns += 1;
            assert!(turns < 100_000, "seed {seed} does not end");
            let conn = rng.random_range(0..5_u64);
            let worker = Worker {
                idle: true,
                proven: true,
                ..worker(conn, &fields[conn as usize])
            };
            if rng.random_bool(0.6) {
                if let Some(block) = picker.pick(&worker, &mut rng) {
                    let of = asked.entry(block).or_default();
                    assert!(!of.contains(&conn));
                    of.push(conn);
                    if of.len() > 1 {
                        assert!(picker.order.is_empty() && picker.partial.len() <= 24);
                    }
                }
            } else if let Some((block, of)) = asked.iter().find(|(_, of)| of.contains(&conn)) {
                let (block, mut of) = (*block, of.clone());
                of.retain(|other| *other != conn);
                if rng.random_bool(0.3) {
                    picker.release(block, ConnId(conn));
                    asked.insert(block, of);
                    continue;
                }
                let arrival = picker.arrived(block, ConnId(conn), worker.address);
                let Arrival::Stored { cancel, full } = arrival else {
                    panic!("an asked block is needed");
                };
                assert_eq!(cancel, of.into_iter().map(ConnId).collect::<Vec<_>>());
                asked.remove(&block);
                if full && rng.random_bool(0.9) {
                    assert!(!picker.verified(block.piece).is_empty());
                } else if full {
                    assert!(!picker.refuted(block.piece).is_empty());
                }
            }
        }
    }
}
