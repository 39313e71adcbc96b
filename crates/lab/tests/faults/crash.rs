//! The server is killed while machines fetch from it, and comes back.

use lab::{Stop, until};

use crate::machine::{Cable, Class, Machine, PATIENCE, total};

/// They receive faster than they send, so that a piece that is out is not with everybody at once.
const CABLE: Cable = Cable { down: 40, up: 8 };
/// Nor is anything sent to all at a time.
const SETTINGS: &str = "boottorrent:\n  version: 0\n  multicast: no\n";
/// What each gets, at least, of what is out already.
const MORE: u64 = 1 << 20;

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn a_killed_server_stops_nobody_and_is_used_again_when_it_is_back() {
    let mut class = Class::open_with(SETTINGS, 16 << 20, CABLE.down);
    let mut machines = class.machines(4, CABLE);
    for machine in &mut machines {
        class.start(machine);
    }
    let size = class.size();
    class.wait("so much of it", &machines, |machines| {
        (total(machines) > size * 9 / 10).then_some(())
    });
    class.world.kill();
    // What was on its way is in by the second news.
    let news: Vec<_> = machines.iter().map(Machine::news).collect();
    class.wait("news of everybody", &machines, |machines| {
        let mut both = machines.iter().zip(&news);
        both.all(|(machine, news)| machine.news() > news + 1)
            .then_some(())
    });
    let before: Vec<_> = machines.iter().map(Machine::have).collect();
    class.wait("more for everybody", &machines, |machines| {
        let mut both = machines.iter().zip(&before);
        both.all(|(machine, before)| machine.have() >= before + MORE)
            .then_some(())
    });
    println!("of {size}: {before:?}, and {MORE} more each without a server");
    assert!(
        machines.iter().all(|machine| machine.complete().is_none()),
        "everything was out: too late to show anything"
    );
    class.world.start();
    let told = until("no more trouble", PATIENCE, &Stop::never(), || {
        let fine = machines.iter().all(|one| one.trouble().is_none());
        Ok(fine.then_some(()))
    });
    told.unwrap();
    class.until_complete(&machines);
}
