//! Several systems at the same time, each with a machine of its own.

use lab::{Stop, until};

use crate::fetch::Fetch;
use crate::tree::{self, Tree, noise};
use crate::world::{Counts, SERVER, SOON, World};

const SYSTEMS: [&str; 3] = ["debian", "класс", "系統"];
const MIB: usize = 1 << 20;
/// Slow enough that all are on their way at once, in Mbit/s.
const RATE: u32 = 200;

fn system(number: u64) -> Tree {
    let files = [
        ("vmlinuz", MIB + number as usize),
        ("initrd.img", 3 * MIB),
        ("live/root.img", 16 * MIB),
    ];
    // Under the same paths, other bytes in each.
    let files = files.into_iter().zip(10 * number..);
    files
        .map(|((path, length), seed)| (path.to_owned(), noise(seed, length)))
        .collect()
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn three_machines_fetch_three_systems_at_once() {
    let trees: Vec<Tree> = (1..=3).map(system).collect();
    let mut world = World::open(|oss| {
        for (name, tree) in SYSTEMS.into_iter().zip(&trees) {
            tree::write(&oss.join(name), tree);
        }
    });
    world.limit_sending(RATE);
    let offers = SYSTEMS.map(|name| world.offer(name));
    let mut number = 1;
    let hosts = SYSTEMS.map(|_| {
        number += 1;
        world.host(number)
    });
    let to = |name: &str| world.room.scratch().join("to").join(name);
    let fetches: Vec<Fetch> = (0..3)
        .map(|at| Fetch::start(&hosts[at], &offers[at], &to(SYSTEMS[at])))
        .collect();
    until("all three at once", SOON, &Stop::never(), || {
        let mut all = offers.iter().map(|offer| world.counts(&offer.torrent));
        Ok(all.all(|counts| counts.incomplete == 1).then_some(()))
    })
    .unwrap();
    for ((fetch, name), tree) in fetches.into_iter().zip(SYSTEMS).zip(&trees) {
        let fetched = fetch.wait(SOON);
        let total: usize = tree.values().map(Vec::len).sum();
        assert_eq!(fetched.sources, [(SERVER, total as u64)], "{name}");
        tree::assert_same(&to(name).join(name), tree);
    }
    for offer in &offers {
        let counts = Counts {
            complete: 1,
            incomplete: 0,
            downloaded: 1,
        };
        world.until_counts("its own counts", &offer.torrent, counts);
    }
}
