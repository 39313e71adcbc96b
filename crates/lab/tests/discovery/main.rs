//! How machines of a room find each other: by the tracker at once, by multicast where there is no
//! tracker, and by what they tell each other.

#[path = "../common/mod.rs"]
mod common;
mod exchange;
mod multicast;
mod tracker;

use std::fs;
use std::path::{Path, PathBuf};

use common::fetch::{Complete, Fetch};
use common::tree::{self, Tree, noise};
use common::world::{SERVER, World};

const SYSTEM: &str = "debian";
/// Slow enough that nobody has everything before the others are there, in Mbit/s.
const RATE: u32 = 20;
/// Bytes: more than three seconds of the server's cable.
const IMAGE: usize = 8 << 20;

fn system() -> Tree {
    let files = [("vmlinuz", 300_000), ("initrd.img", IMAGE)];
    let files = files.into_iter().zip(1..);
    files
        .map(|((path, length), seed)| (path.to_owned(), noise(seed, length)))
        .collect()
}

/// A room whose `Boottorrent.yaml` says this, with one system and a slow server.
fn open(settings: &str) -> World {
    let world = World::open(|oss| {
        tree::write(&oss.join(SYSTEM), &system());
        let beside = oss.parent().unwrap().join("Boottorrent.yaml");
        fs::write(beside, settings).unwrap();
    });
    world.limit_sending(RATE);
    world
}

fn folder(world: &World, number: u8) -> PathBuf {
    world.room.scratch().join(format!("to-{number}"))
}

/// Waits until it is done, and looks at every byte.
fn finish(fetch: Fetch, to: &Path) -> Complete {
    let complete = fetch.wait(common::world::SOON);
    tree::assert_same(&to.join(SYSTEM), &system());
    complete
}

/// Bytes of all that came from the server.
fn of_server(all: &[Complete]) -> u64 {
    let sources = all.iter().flat_map(|one| &one.sources);
    let theirs = sources.filter(|(from, _)| *from == SERVER);
    theirs.map(|(_, bytes)| bytes).sum()
}
