//! A cable that loses one packet of twenty, in either direction.

use crate::machine::{Cable, Class, last};

const CABLE: Cable = Cable { down: 40, up: 40 };
const LOSS: u8 = 5;
/// How much longer the others may take for it than without it.
const MOST: f64 = 1.5;

#[test]
#[ignore = "needs root, nft and target/dist/bt-server; cargo xtask test runs it"]
fn a_lossy_cable_costs_nobody_a_byte_and_the_others_little_time() {
    let mut class = Class::open(16 << 20, CABLE.up);
    let mut others = class.machines(4, CABLE);
    let mut lossy = [class.machine(CABLE)];
    class.world.server().send_single_packets().unwrap();
    for machine in others.iter().chain(&lossy) {
        machine.host.send_single_packets().unwrap();
    }
    let mut times = Vec::new();
    for loss in [0, LOSS] {
        if loss > 0 {
            class.world.room.lose(&lossy[0].host, loss).unwrap();
        }
        for machine in others.iter_mut().chain(&mut lossy) {
            class.start(machine);
        }
        times.push(last(&class.until_complete(&others)));
        let its = last(&class.until_complete(&lossy));
        println!(
            "{loss} % lost: the others {:.1} s, it {its:.1} s",
            times[times.len() - 1]
        );
        for machine in others.iter_mut().chain(&mut lossy) {
            machine.begin_anew();
        }
    }
    let lost = class.world.room.lost(&lossy[0].host).unwrap();
    println!("{lost} packets were lost");
    // 16 MiB are more than 11,000 packets.
    assert!(lost > 300, "{lost} packets were lost");
    assert!(times[1] < MOST * times[0], "{times:?}");
}
