//! What claims are for: the server sends everything once before it sends anything twice, and nobody
//! waits for a claim that is not kept.

use super::{Conduct, MBIT, MIB, Machine, World, last, run, seconds, seed};
use crate::core::{BLOCK, Layout};

/// Of all blocks, so many may leave the server again before everything has left it once: requests
/// of two machines that crossed, and what vanished with a machine.
const SLACK: f64 = 0.02;

#[test]
fn the_server_sends_nothing_twice_before_everything_is_out() {
    for (machines, server, up) in [
        (8, 40.0, 40.0),
        (8, 4.0, 40.0),
        (8, 400.0, 40.0),
        (8, 40.0, 5.0),
        (24, 40.0, 40.0),
    ] {
        let total = 16 * MIB;
        let mut room = vec![seed(server * MBIT)];
        room.extend(vec![
            Machine {
                up: up * MBIT,
                ..Machine::new(40.0 * MBIT)
            };
            machines
        ]);
        let outcomes = run(total, &room, 3);
        let n = machines as f64;
        let size = total as f64 / MBIT;
        let bound = (size / server)
            .max(size / 40.0)
            .max(n * size / (server + n * up));
        let time = last(&outcomes);
        let filling = 2.0 * n * 65_536.0 / (server * MBIT);
        assert!(
            time < 1.05 * bound + filling,
            "{machines} at {server} and {up}: {:.3} of the bound",
            time / bound
        );
        let repeated = outcomes[0].repeated as f64 * f64::from(BLOCK) / total as f64;
        assert!(
            repeated < SLACK,
            "{machines} at {server} and {up}: {repeated:.3}"
        );
    }
}

/// Where each machine hears a third of the others, it hears late that claims came true. Did that keep it from the server,
/// the server's cable would rest, and half of the machines would have everything after 1.55 of the bound and later.
#[test]
fn in_a_room_larger_than_what_anybody_hears_the_server_does_not_rest() {
    let total = 64 * MIB;
    let mut room = vec![seed(400.0 * MBIT)];
    room.extend([Machine::new(400.0 * MBIT); 64]);
    let world = World::new(Layout::new(total, 64 << 10), &room, 1).with_max_peers(24);
    let outcomes = world.run(seconds(60.0));
    let mut times: Vec<_> = outcomes[1..].iter().map(|one| one.finished).collect();
    times.sort();
    assert!(times[0].is_some(), "everybody finishes");
    let median = times[32].expect("none comes first").as_secs_f64();
    let bound = total as f64 / (400.0 * MBIT);
    assert!(median < 1.45 * bound, "{:.3} of the bound", median / bound);
}

#[test]
fn who_claims_everything_and_fetches_nothing_costs_seconds() {
    let grabber = Machine {
        conduct: Conduct::Grabber,
        ..Machine::new(40.0 * MBIT)
    };
    let mut room = vec![seed(40.0 * MBIT), grabber, grabber];
    room.extend([Machine::new(40.0 * MBIT); 5]);
    let outcomes = run(16 * MIB, &room, 5);
    let bound = 16.0 * MIB as f64 / (40.0 * MBIT);
    let time = last(&outcomes[3..]);
    assert!(time < bound + 9.0, "{time:.1} s, the bound is {bound:.1} s");
}

#[test]
fn a_slow_machine_does_not_slow_the_others() {
    let mut room = vec![seed(40.0 * MBIT), Machine::new(10.0 * MBIT)];
    room.extend([Machine::new(40.0 * MBIT); 7]);
    let outcomes = run(32 * MIB, &room, 6);
    let bound = 32.0 * MIB as f64 / (40.0 * MBIT);
    let time = last(&outcomes[2..]);
    assert!(time < 1.1 * bound, "{:.3} of the bound", time / bound);
}

/// A fifth vanishes mid-way, among them some that claimed what they never fetched.
#[test]
fn a_fifth_that_vanishes_costs_little() {
    for chance in 0..2 {
        let mut room = vec![seed(40.0 * MBIT)];
        let bound = 32.0 * MIB as f64 / (40.0 * MBIT);
        for index in 0..20 {
            let when = bound * (0.3 + 0.1 * f64::from(index));
            room.push(Machine {
                vanishes: (index < 4).then(|| seconds(when)),
                ..Machine::new(40.0 * MBIT)
            });
        }
        let outcomes = run(32 * MIB, &room, chance);
        let stayed: Vec<_> = outcomes[5..].to_vec();
        let time = last(&stayed);
        // Silence shows after seconds that a machine is gone; no TCP tells it here.
        assert!(time < 1.15 * bound + 5.0, "{time:.2} s of {bound:.2} s");
    }
}
