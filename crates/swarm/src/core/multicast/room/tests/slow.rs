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

/// A seed that rests for a while has the same cable still.
#[test]
fn reports_do_not_become_rarer_where_the_seed_rests() {
    let mut world = World::of(&[Machine { gets: 5e6, ..SLOW }; 8]);
    world.pass(5000);
    for (machine, _) in &mut world.machines {
        machine.gets = 0.0;
    }
    world.pass(1100);
    for (machine, _) in &mut world.machines {
        machine.gets = 1.0;
    }
    world.pass(2000);
    assert!(world.room.seed.rate().expect("known") < 10.0);
    assert_eq!(world.room.shortest_interval(), 250 * MS);
}

#[test]
fn machines_that_report_rarely_are_sent_to_as_well() {
    let mut world = World::of(&[SLOW; 32]);
    for _ in 0..600 {
        world.pass(100);
        if world.trials > 0 {
            break;
        }
    }
    world.pass(10_000);
    assert_eq!((world.trials, world.overs), (1, 0));
    assert!(world.room.rate().is_some(), "everybody has heard the trial");
}

/// Told to report after seconds, they are not given up when the seed turns out to be fast.
#[test]
fn who_was_to_report_rarely_is_waited_for() {
    let machine = Machine {
        gets: 13_000.0,
        ..SLOW
    };
    let mut world = World::of(&vec![machine; 512]);
    world.pass(5000);
    let told = world.room.longest_interval();
    assert!(told > 10_000 * MS, "{told:?}");
    world.to_others = 1 << 30;
    for _ in 0..100 {
        world.pass(100);
        assert_eq!(world.room.machines(), 512);
    }
}
