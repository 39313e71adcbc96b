//! A fifth of the machines is gone from one moment to the next: no connection is closed.

use std::time::{Duration, Instant};

use crate::machine::{Cable, Class, total};

const CABLE: Cable = Cable { down: 20, up: 15 };
/// Of those who vanish: they send most, so that everybody has asked them for something at that moment.
const GENEROUS: Cable = Cable { down: 20, up: 100 };
/// From the moment until all others have everything: the rest takes about six seconds, and five go by until
/// what was asked of those who are gone is asked of others. The system gives their connections up after fifteen.
const SOON: Duration = Duration::from_secs(13);

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn when_a_fifth_vanishes_the_others_finish_soon() {
    let mut class = Class::open(16 << 20, CABLE.down);
    let mut machines = class.machines(2, GENEROUS);
    machines.extend(class.machines(8, CABLE));
    for machine in &mut machines {
        class.start(machine);
    }
    let quarter = machines.len() as u64 * class.size() / 4;
    class.wait("a quarter of everything", &machines, |machines| {
        (total(machines) > quarter).then_some(())
    });
    let stay = machines.split_off(2);
    for gone in &machines {
        assert!(gone.complete().is_none(), "too late to show anything");
        class.world.room.pull_out(&gone.host).unwrap();
    }
    let began = Instant::now();
    class.wait("everything for the others", &stay, |stay| {
        stay.iter()
            .all(|one| one.complete().is_some())
            .then_some(())
    });
    let took = began.elapsed();
    class.until_complete(&stay);
    println!("the others had everything {took:.1?} after");
    assert!(took < SOON, "{took:?}");
}
