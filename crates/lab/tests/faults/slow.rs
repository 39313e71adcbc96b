//! One machine with a cable a quarter as fast as the others'.

use crate::machine::{Cable, Class, last};

const CABLE: Cable = Cable { down: 40, up: 40 };
const SLOW: Cable = Cable { down: 10, up: 10 };
/// How much longer the others may take than their cables need for the bytes alone. What the slow one has claimed
/// at the server when the end comes is a second or two late; if they had to wait for all of it, they would take
/// four times as long.
const MOST: f64 = 1.6;

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn a_slow_machine_does_not_slow_the_others() {
    let mut class = Class::open(32 << 20, CABLE.up);
    let mut others = class.machines(5, CABLE);
    let mut slow = class.machine(SLOW);
    class.start(&mut slow);
    for machine in &mut others {
        class.start(machine);
    }
    let took = last(&class.until_complete(&others));
    let wire = class.size() as f64 * 8.0 / (f64::from(CABLE.down) * 1e6);
    println!("{took:.1} s beside the slow one, {wire:.1} s of them on the wire");
    assert!(slow.complete().is_none(), "it is not slow");
    assert!(slow.have() > 0, "it took no part");
    assert!(took < MOST * wire, "{took} s, {wire} s on the wire");
}
