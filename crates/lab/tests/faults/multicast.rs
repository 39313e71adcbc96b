//! Machines that pass on slowly what they have: the server sends to all of them at a time, and nobody depends on it.

use lab::Stop;

use crate::machine::{Cable, Class, PATIENCE};
use crate::world::SERVER;

/// A sixteenth of their cables for what they pass on.
const CABLE: Cable = Cable { down: 48, up: 3 };
const IMAGE: usize = 32 << 20;
const BEGUN: &str = "sent to all of them at a time";

/// What the server may send, as a part of the image: by asking alone four machines would need 3.2 images from it.
const MOST: f64 = 2.0;

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn where_ways_out_are_slow_the_server_sends_once_to_all() {
    let mut class = Class::open(IMAGE, CABLE.down);
    let mut machines = class.machines(4, CABLE);
    for machine in &mut machines {
        class.start(machine);
    }
    class.until_complete(&machines);
    assert!(class.world.said().contains(BEGUN), "{}", class.world.said());
    let sent = class.world.server().sent_within_limit().unwrap();
    let images = sent as f64 / class.size() as f64;
    println!("the server sent {images:.2} images to four machines");
    assert!(images < MOST, "{images}");
}

/// One machine's port lets nothing through that is sent to groups, and one comes when the half is sent.
#[test]
#[ignore = "needs root, nft and target/dist/bt-server; cargo xtask test runs it"]
fn who_hears_nothing_of_it_and_who_comes_late_get_everything() {
    let mut class = Class::open(IMAGE, CABLE.down);
    let mut machines = class.machines(6, CABLE);
    class.world.room.make_deaf(&machines[0].host).unwrap();
    let (late, early) = machines.split_last_mut().unwrap();
    for machine in early.iter_mut() {
        class.start(machine);
    }
    let half = class.size() / 2;
    class.wait("half of it", early, |early| {
        (early[1].have() > half).then_some(())
    });
    class.start(late);
    class.until_complete(&machines);
    assert!(class.world.said().contains(BEGUN), "{}", class.world.said());
    let not_heard = class.world.room.not_heard(&machines[0].host).unwrap();
    assert!(
        not_heard > 1000,
        "only {not_heard} packets were kept from it"
    );
}

/// Those that listen notice that nothing comes any more, and ask each other, and the server when it is back.
#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn a_server_that_is_killed_while_it_sends_to_all_holds_up_nobody() {
    let mut class = Class::open(IMAGE, CABLE.down);
    let mut machines = class.machines(4, CABLE);
    for machine in &mut machines {
        class.start(machine);
    }
    let begun = || Ok(class.world.said().contains(BEGUN).then_some(()));
    lab::until("something sent to all", PATIENCE, &Stop::never(), begun).unwrap();
    let before = machines[0].have();
    class.wait("some of that", &machines, |machines| {
        (machines[0].have() > before + (2 << 20)).then_some(())
    });
    class.world.kill();
    assert!(
        machines.iter().all(|one| one.complete().is_none()),
        "too late"
    );
    class.world.start();
    for complete in class.until_complete(&machines) {
        let sources: u64 = complete.sources.iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(sources, class.size());
        assert!(complete.sources.iter().any(|(from, _)| *from == SERVER));
    }
}
