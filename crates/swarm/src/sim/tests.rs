//! Rooms in which something is wrong, and what it costs.

mod claims;
mod departures;
mod wants;

use std::time::Duration;

use super::{Conduct, Machine, Outcome, Wants, World};
use crate::core::Layout;

const MBIT: f64 = 1e6 / 8.0;
const MIB: u64 = 1 << 20;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn seed(rate: f64) -> Machine {
    Machine {
        seed: true,
        ..Machine::new(rate)
    }
}

fn run(total: u64, machines: &[Machine], chance: u64) -> Vec<Outcome> {
    let layout = Layout::new(total, 64 << 10);
    World::new(layout, machines, chance).run(seconds(600.0))
}

/// When the last of these had everything. Panics if one of them never had.
fn last(outcomes: &[Outcome]) -> f64 {
    let finished = outcomes.iter().map(|outcome| {
        let at = outcome.finished.expect("everybody finishes");
        at.as_secs_f64()
    });
    finished.fold(0.0, f64::max)
}

/// F/u is the time one copy takes; a room that did not share would need N times as long.
#[test]
fn a_room_shares_instead_of_queueing_at_the_seed() {
    let total = 32 * MIB + 12_345;
    let mut machines = vec![seed(40.0 * MBIT)];
    machines.extend([Machine::new(40.0 * MBIT); 8]);
    let outcomes = run(total, &machines, 1);
    let bound = total as f64 / (40.0 * MBIT);
    let time = last(&outcomes);
    println!(
        "last/bound {:.3}, seed sent {:.3} F",
        time / bound,
        outcomes[0].status.uploaded as f64 / total as f64
    );
    assert!(time < 1.5 * bound, "{time:.2} s, the bound is {bound:.2} s");
    for outcome in &outcomes[1..] {
        assert_eq!(outcome.status.have, total);
        let by_source: u64 = outcome.status.sources.iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(by_source, total);
        assert!(
            outcome.wasted < 100,
            "{} blocks came in vain",
            outcome.wasted
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_course() {
    let mut machines = vec![seed(10.0 * MBIT)];
    machines.extend((0..4).map(|index| Machine::new((14.0 + f64::from(index)) * MBIT)));
    let course = |chance| {
        let outcomes = run(4 * MIB, &machines, chance).into_iter();
        let course = outcomes.map(|one| (one.finished, one.status.sources));
        course.collect::<Vec<_>>()
    };
    assert_eq!(course(7), course(7));
    assert_ne!(course(7), course(8));
}

#[test]
fn the_course_is_the_same_on_any_number_of_cores() {
    let mut machines = vec![seed(10.0 * MBIT)];
    machines.extend((0..9).map(|index| Machine::new((14.0 + f64::from(index)) * MBIT)));
    machines[3].vanishes = Some(seconds(1.0));
    machines[3].returns = Some(seconds(2.0));
    let course = |cores| {
        let layout = Layout::new(4 * MIB, 64 << 10);
        let world = World::new(layout, &machines, 7).on_cores(cores);
        let outcomes = world.run(seconds(600.0));
        let course = outcomes.iter();
        let course = course.map(|one| (one.finished, one.wasted, one.status.clone()));
        course.collect::<Vec<_>>()
    };
    let alone = course(1);
    assert_eq!(course(2), alone);
    assert_eq!(course(5), alone);
}

#[test]
fn a_liar_is_banned_by_all_and_everybody_finishes() {
    for chance in 0..5 {
        let liar = Machine {
            conduct: Conduct::Liar,
            ..Machine::new(40.0 * MBIT)
        };
        let mut machines = vec![seed(10.0 * MBIT), liar];
        machines.extend([Machine::new(20.0 * MBIT); 4]);
        let outcomes = run(8 * MIB, &machines, chance);
        for outcome in &outcomes[2..] {
            assert!(outcome.finished.is_some());
            assert_eq!(outcome.banned, [1], "the liar and nobody else");
            assert_eq!(outcome.status.have, 8 * MIB);
        }
    }
}

#[test]
fn one_that_promises_and_never_sends_costs_seconds() {
    let mute = Machine {
        conduct: Conduct::Mute,
        ..Machine::new(40.0 * MBIT)
    };
    let mut machines = vec![seed(20.0 * MBIT), mute, mute];
    machines.extend([Machine::new(20.0 * MBIT); 3]);
    let outcomes = run(16 * MIB, &machines, 3);
    let bound = 16.0 * MIB as f64 / (20.0 * MBIT);
    let time = last(&outcomes[3..]);
    assert!(
        time < bound + 12.0,
        "{time:.1} s, the bound is {bound:.1} s"
    );
}

#[test]
fn vanishing_machines_do_not_stall_the_others() {
    for chance in 0..5 {
        let mut machines = vec![seed(40.0 * MBIT)];
        for index in 0..10 {
            let vanishes = (index % 5 == 0).then(|| seconds(1.0 + f64::from(index) / 4.0));
            machines.push(Machine {
                vanishes,
                ..Machine::new(40.0 * MBIT)
            });
        }
        let outcomes = run(16 * MIB, &machines, chance);
        let bound = 16.0 * MIB as f64 / (40.0 * MBIT);
        let stayed: Vec<_> = outcomes
            .into_iter()
            .skip(1)
            .filter(|outcome| outcome.status.total > 0)
            .collect();
        assert_eq!(stayed.len(), 8);
        let time = last(&stayed);
        assert!(
            time < 1.6 * bound + 7.0,
            "{time:.1} s, the bound is {bound:.1} s"
        );
    }
}

/// The seed goes as soon as one copy is out: the room has everything among itself.
#[test]
fn the_room_goes_on_without_the_seed() {
    let vanishes = seconds(16.0 * MIB as f64 / (40.0 * MBIT) * 1.6);
    let mut machines = vec![Machine {
        vanishes: Some(vanishes),
        ..seed(40.0 * MBIT)
    }];
    machines.extend(
        [Machine {
            up: 5.0 * MBIT,
            ..Machine::new(40.0 * MBIT)
        }; 6],
    );
    let outcomes = run(16 * MIB, &machines, 2);
    let time = last(&outcomes[1..]);
    assert!(time > vanishes.as_secs_f64(), "too soon to show anything");
}

#[test]
fn a_late_machine_is_served_by_those_who_are_done() {
    let late = Machine {
        starts: seconds(20.0),
        ..Machine::new(40.0 * MBIT)
    };
    let mut machines = vec![seed(5.0 * MBIT)];
    machines.extend([Machine::new(40.0 * MBIT); 3]);
    machines.push(late);
    let outcomes = run(4 * MIB, &machines, 4);
    let time = last(&outcomes[4..]) - 20.0;
    assert!(
        time < 3.0,
        "{time:.1} s, the seed alone would need {:.1} s",
        4.0 * MIB as f64 / (5.0 * MBIT)
    );
}

#[test]
fn a_small_end_and_one_piece_and_many_machines_work() {
    for (total, machines) in [(1, 1), (BLOCK_AND_ONE, 3), (64 << 10, 2), (3 * MIB, 70)] {
        let mut room = vec![seed(100.0 * MBIT)];
        room.extend(vec![Machine::new(100.0 * MBIT); machines]);
        let outcomes = run(total, &room, 5);
        last(&outcomes);
        assert!(outcomes.iter().all(|outcome| outcome.status.have == total));
    }
}

const BLOCK_AND_ONE: u64 = (16 << 10) + 1;
