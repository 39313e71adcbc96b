//! Slow servers: their cables carry the answers to reports too.

use super::*;

/// Thirty-two machines behind a slow server, of which each byte goes out twelve times.
const SLOW: Machine = Machine {
    gets: 26_000.0,
    of_server: 12.0 / 32.0,
    carries: 5e6,
};

#[test]
fn reports_are_the_rarer_the_less_the_server_sends() {
    for (machines, gets, expected) in [
        (8, 5e6, 250 * MS),
        (8, 26_000.0, 4000 * MS),
        (32, 1e5, 1600 * MS),
        (200, 5e4, 1024 * MS),
        (8, 0.0, 250 * MS),
    ] {
        let machine = Machine { gets, ..SLOW };
        let mut world = World::of(&vec![machine; machines]);
        world.pass(5000);
        let often = world.room.shortest_interval();
        let difference = often.abs_diff(expected);
        assert!(difference < expected / 20, "{machines}, {gets}: {often:?}");
        let last = world.room.interval(&[255; 20]);
        let rare = expected.mul_f64(f64::max(machines as f64 / 64.0, 1.0));
        assert!(
            last.abs_diff(rare) < rare / 20,
            "{machines}, {gets}: {last:?}"
        );
    }
}

#[test]
fn a_trial_waits_for_those_who_report_rarely() {
    let mut world = World::of(&[SLOW; 32]);
    while world.trials == 0 {
        world.pass(100);
    }
    world.pass(10_000);
    assert_eq!((world.trials, world.overs), (1, 0));
    assert!(world.room.rate().is_some(), "everybody has heard the trial");
}
