//! One machine with a cable a quarter as fast as the others'.

use crate::machine::{Cable, Class, last};

const CABLE: Cable = Cable { down: 40, up: 40 };
const SLOW: Cable = Cable { down: 10, up: 10 };
/// How much longer the others may take beside it than without it. What it has claimed at the server when the
/// end comes is a second late; if they had to wait for all of it, they would take four times as long.
const MOST: f64 = 1.5;

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn a_slow_machine_does_not_slow_the_others() {
    let mut class = Class::open(24 << 20, CABLE.up);
    let mut others = class.machines(5, CABLE);
    let mut slow = class.machine(SLOW);
    for machine in &mut others {
        class.start(machine);
    }
    let alone = last(&class.until_complete(&others));
    for machine in &mut others {
        machine.begin_anew();
    }
    class.start(&mut slow);
    for machine in &mut others {
        class.start(machine);
    }
    let beside = last(&class.until_complete(&others));
    println!("{alone:.1} s alone, {beside:.1} s beside the slow one");
    assert!(slow.complete().is_none(), "it is not slow");
    assert!(slow.have() > 0, "it took no part");
    assert!(beside < MOST * alone, "{beside} s, {alone} s without it");
}
