//! Machines that come and go: whoever stays finishes, with right bytes only, and hardly later.

use std::time::Duration;

use proptest::prelude::*;

use super::{Conduct, MBIT, MIB, Machine, Outcome, last, run, seconds, seed};

/// How a machine's part in the room ends.
#[derive(Clone, Copy, Debug)]
enum Part {
    Stays,
    Vanishes(f64),
    Leaves(f64),
    /// Vanishes, and is back so many seconds later.
    IsBack(f64, f64),
}

impl Part {
    fn of(self, machine: Machine) -> Machine {
        match self {
            Self::Stays => machine,
            Self::Vanishes(at) => Machine {
                vanishes: Some(seconds(at)),
                ..machine
            },
            Self::Leaves(at) => Machine {
                leaves: Some(seconds(at)),
                ..machine
            },
            Self::IsBack(at, after) => Machine {
                vanishes: Some(seconds(at)),
                returns: Some(seconds(at + after)),
                ..machine
            },
        }
    }
}

fn rate() -> impl Strategy<Value = f64> {
    (4.0..40.0).prop_map(|rate| rate * MBIT)
}

fn part() -> impl Strategy<Value = Part> {
    prop_oneof![
        6 => Just(Part::Stays),
        2 => (0.0..6.0).prop_map(Part::Vanishes),
        1 => (0.0..6.0).prop_map(Part::Leaves),
        1 => (0.0..6.0, 0.0..3.0).prop_map(|(at, after)| Part::IsBack(at, after)),
    ]
}

fn machine() -> impl Strategy<Value = Machine> {
    let conduct = prop_oneof![30 => Just(Conduct::Honest), 1 => Just(Conduct::Liar)];
    (rate(), rate(), 0.0..2.0, 100u64..20_000, part(), conduct).prop_map(
        |(up, down, starts, latency, part, conduct)| {
            part.of(Machine {
                up,
                starts: seconds(starts),
                latency: Duration::from_micros(latency),
                conduct,
                ..Machine::new(down)
            })
        },
    )
}

/// The server may be gone for a while; for ever only where everything is out.
fn server() -> impl Strategy<Value = Machine> {
    let part = prop_oneof![
        2 => Just(Part::Stays),
        1 => (0.0..4.0, 0.0..4.0).prop_map(|(at, after)| Part::IsBack(at, after)),
    ];
    (rate(), part).prop_map(|(rate, part)| part.of(seed(rate)))
}

fn room() -> impl Strategy<Value = Vec<Machine>> {
    let many = prop_oneof![6 => 2..=16usize, 1 => 17..=64usize];
    let machines = many.prop_flat_map(|many| prop::collection::vec(machine(), many));
    (server(), machines).prop_map(|(server, mut machines)| {
        machines.insert(0, server);
        machines
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, max_shrink_iters: 64, ..Default::default() })]

    /// Rooms of any size and rates where machines come late and go at any moment, with a word or
    /// without, the server too: there is no order of departures in which the others wait for ever.
    #[test]
    fn whoever_goes_whenever_the_others_finish_with_right_bytes(
        room in room(), total in 1..=3 * MIB, chance in any::<u64>(),
    ) {
        let outcomes = run(total, &room, chance);
        let honest = |index: &usize| room[*index].conduct == Conduct::Honest;
        for index in (1..room.len()).filter(honest).filter(|index| room[*index].stays()) {
            let outcome = &outcomes[index];
            prop_assert!(outcome.finished.is_some(), "{index}: {:?}", room[index]);
            if outcome.status.total > 0 && room[index].returns.is_none() {
                prop_assert_eq!(outcome.status.have, total);
                prop_assert_eq!(outcome.right, total, "held without having been verified");
            }
            prop_assert!(!outcome.banned.iter().any(&honest), "{:?} are banned", outcome.banned);
        }
    }
}

const RATE: f64 = 20.0 * MBIT;
const SIZE: u64 = 48 * MIB;
const BOUND: f64 = SIZE as f64 / RATE;

/// The last of the first machines that stay.
fn last_of_those_who_stay(room: &[Machine], outcomes: &[Outcome]) -> f64 {
    let stay = room.iter().zip(outcomes).skip(1);
    let stay = stay.filter(|(machine, _)| machine.stays() && machine.starts.is_zero());
    last(&stay.map(|(_, outcome)| outcome.clone()).collect::<Vec<_>>())
}

#[test]
fn a_fifth_that_goes_and_as_many_that_come_cost_the_others_a_tenth_at_most() {
    let mut still = vec![seed(RATE)];
    still.extend([Machine::new(RATE); 20]);
    let undisturbed = last(&run(SIZE, &still, 1)[1..]);
    // They vanish with what they claimed and never fetched, one after the other.
    let mut lively = still;
    for index in 0..4 {
        let at = Some(seconds(BOUND * (0.3 + 0.1 * index as f64)));
        lively[1 + index].vanishes = at.filter(|_| index % 2 == 0);
        lively[1 + index].leaves = at.filter(|_| index % 2 == 1);
        lively.push(Machine {
            starts: seconds(BOUND * (0.35 + 0.1 * index as f64)),
            ..Machine::new(RATE)
        });
    }
    let outcomes = run(SIZE, &lively, 1);
    let time = last_of_those_who_stay(&lively, &outcomes);
    assert!(
        time < 1.1 * undisturbed,
        "{time:.2} s, undisturbed {undisturbed:.2} s"
    );
    let late = last(&outcomes[21..]);
    assert!(late < 2.0 * BOUND, "who came late: {late:.2} s");
}

#[test]
fn the_server_is_gone_for_a_while_and_costs_no_more_than_that() {
    const GONE: f64 = 3.0;
    let mut room = vec![Part::IsBack(BOUND / 2.0, GONE).of(seed(RATE))];
    room.extend([Machine::new(RATE); 8]);
    let outcomes = run(SIZE, &room, 2);
    let time = last(&outcomes[1..]);
    assert!(
        time < 1.05 * BOUND + GONE + 2.0,
        "{time:.2} s, the bound is {BOUND:.2} s"
    );
    assert!(outcomes[1..].iter().all(|one| one.right == SIZE));
}
