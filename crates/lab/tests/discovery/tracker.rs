//! By the tracker, at once.

use lab::{Stop, until};

use crate::common::fetch::Fetch;
use crate::common::world::{SOON, World};
use crate::{finish, folder, open};

/// What the tracker counts of announces.
fn announces(world: &World) -> u64 {
    let page = String::from_utf8(world.get("/stats?mode=everything")).unwrap();
    let count = page.split("<announce>").nth(1).unwrap();
    count.split('<').next().unwrap().parse().unwrap()
}

/// Whoever announces second hears of the first, and connects to it at once; nobody waits for a second
/// announce.
#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn two_machines_that_start_together_know_each_other_by_their_first_announce() {
    let mut world = open("boottorrent: {version: 0}\n");
    let offer = world.offer(crate::SYSTEM);
    let hosts = [2, 3].map(|number| (number, world.host(number)));
    let fetches = hosts
        .each_ref()
        .map(|(number, host)| Fetch::start(host, &offer, &folder(&world, *number)));
    // Two: the other machine, and the server's seed.
    until("both know each other", SOON, &Stop::never(), || {
        let both = fetches.iter().all(|fetch| fetch.had_peers(2).is_some());
        Ok(both.then_some(()))
    })
    .unwrap();
    assert_eq!(announces(&world), 2, "one of them announced again before");
    let after = fetches.each_ref().map(|fetch| fetch.had_peers(2).unwrap());
    println!("they knew each other after {after:.3?} s");
    for ((number, _), fetch) in hosts.iter().zip(fetches) {
        finish(fetch, &folder(&world, *number));
    }
}
