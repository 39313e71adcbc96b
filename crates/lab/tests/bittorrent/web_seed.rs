//! A machine that reaches the server's web port and nothing else fetches by HTTP, without being told.

use std::fs;

use crate::fetch::Fetch;
use crate::names::{self, SYSTEM, TOTAL, hard};
use crate::tree;
use crate::world::{HTTP, SERVER, SOON, World, forbid_the_seed};

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn a_machine_that_the_seed_is_closed_to_fetches_everything_by_http() {
    let tree = hard();
    let mut world = World::open(|oss| names::write(oss, &tree));
    let offer = world.offer(SYSTEM);
    assert!(
        offer.torrent.web_seeds().is_empty(),
        "other programs would fetch from the server whatever their peers have"
    );
    let host = world.host(2);
    forbid_the_seed(&host);
    let to = world.room.scratch().join("to");
    let url = format!("http://{HTTP}/oss/");
    let fetched = Fetch::start_with(&["--web-seed", &url], &host, &offer, &to).wait(SOON);
    assert_eq!(fetched.sources, [(SERVER, TOTAL as u64)], "{fetched:?}");
    tree::assert_same(&to.join(SYSTEM), &tree);
    // The folder of what it has and no more.
    assert_eq!(fs::read_dir(&to).unwrap().count(), 1);
    assert!(
        world.said().lines().count() < 100,
        "every range has its line:\n{}",
        world.said()
    );
}
