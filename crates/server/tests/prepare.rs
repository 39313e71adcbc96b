//! A second start: nothing is read again that is as it was, and machines get the same bytes.

#![allow(missing_docs, reason = "a test")]

use std::fs::{self, File};
use std::path::Path;
use std::time::SystemTime;

use bt_server::check::{self, LoadedSystem, Sources};
use bt_server::prepare::{Prepared, Rehash, prepare};
use catalog::manifest::Manifest;
use seeder::Cache;
use tempfile::TempDir;

const NAMES: [&str; 3] = ["debian", "rescue", "школа"];
/// What is read for one system: a kernel, an initrd and a file of several pieces.
const EACH: u64 = 1000 + 2000 + 300_000;

/// Three systems and a state folder.
struct World {
    environment: TempDir,
    state: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            environment: TempDir::new().unwrap(),
            state: TempDir::new().unwrap(),
        };
        for (index, name) in NAMES.into_iter().enumerate() {
            let folder = world.system(name);
            fs::create_dir_all(folder.join("live")).unwrap();
            let fill = |length| vec![index as u8; length];
            fs::write(folder.join("vmlinuz"), fill(1000)).unwrap();
            fs::write(folder.join("initrd.img"), fill(2000)).unwrap();
            fs::write(folder.join("live/root.img"), fill(300_000)).unwrap();
        }
        world
    }

    fn system(&self, name: &str) -> std::path::PathBuf {
        self.environment.path().join("oss").join(name)
    }

    /// One start, as far as this goes.
    fn start(&self, rehash: Rehash) -> Prepared {
        start(&self.load(), self.state.path(), rehash).unwrap()
    }

    fn load(&self) -> Vec<LoadedSystem> {
        let loaded = check::load(&Sources {
            oss: Some(self.environment.path().join("oss")),
            ..Sources::default()
        });
        assert!(!loaded.has_errors(), "{:?}", loaded.problems);
        loaded.systems
    }

    fn entries(&self) -> usize {
        fs::read_dir(self.state.path().join("hashes")).map_or(0, Iterator::count)
    }
}

fn start(systems: &[LoadedSystem], state: &Path, rehash: Rehash) -> anyhow::Result<Prepared> {
    let manifest: Manifest = serde_json::from_str(
        r#"{"version": 0, "timeout": 30, "server": "http://10.77.0.1:6969"}"#,
    )?;
    let announce = Some("http://10.77.0.1:6969/announce");
    prepare(systems, manifest, announce, &Cache::in_state(state), rehash)
}

#[test]
fn a_second_start_hashes_nothing_and_gives_the_same_bytes() {
    let world = World::new();
    let first = world.start(Rehash::Changed);
    assert_eq!(first.hashed, 3 * EACH);
    let second = world.start(Rehash::Changed);
    assert_eq!(second.hashed, 0);
    assert!(second.torrents_gz == first.torrents_gz);
    assert_eq!(second.systems, first.systems);
    let mut keys: Vec<_> = second.payload.keys().cloned().collect();
    keys.sort();
    assert_eq!(keys.len(), 9);
    assert_eq!(keys[0], "debian/initrd.img");
}

#[test]
fn only_a_system_that_changed_is_hashed_again() {
    let world = World::new();
    let first = world.start(Rehash::Changed);
    let touched = File::options()
        .write(true)
        .open(world.system("rescue").join("live/root.img"));
    touched.unwrap().set_modified(SystemTime::now()).unwrap();
    let second = world.start(Rehash::Changed);
    assert_eq!(second.hashed, EACH);
    assert!(second.torrents_gz == first.torrents_gz, "the same bytes");

    fs::write(world.system("rescue").join("vmlinuz"), vec![9; 1000]).unwrap();
    let third = world.start(Rehash::Changed);
    assert_eq!(third.hashed, EACH);
    assert!(third.torrents_gz != first.torrents_gz);
    assert_eq!(world.start(Rehash::Changed).hashed, 0);

    // A command line is not payload.
    fs::write(world.system("debian").join("config.yaml"), "cmdline: quiet").unwrap();
    assert_eq!(world.start(Rehash::Changed).hashed, 0);
}

#[test]
fn rehash_hashes_everything_and_renews_what_is_remembered() {
    let world = World::new();
    let first = world.start(Rehash::Changed);
    let second = world.start(Rehash::Everything);
    assert_eq!(second.hashed, 3 * EACH);
    assert!(second.torrents_gz == first.torrents_gz);
    fs::remove_dir_all(world.state.path().join("hashes")).unwrap();
    assert_eq!(world.start(Rehash::Everything).hashed, 3 * EACH);
    assert_eq!(world.start(Rehash::Changed).hashed, 0);
}

/// As after a kill in the middle: what comes after is not done, what came before need not be again.
#[test]
fn each_system_is_remembered_as_soon_as_it_is_hashed() {
    let world = World::new();
    let systems = world.load();
    let broken = world.system("школа").join("initrd.img");
    fs::write(&broken, "shorter now").unwrap();
    let failed = start(&systems, world.state.path(), Rehash::Changed).unwrap_err();
    let text = format!("{failed:#}");
    assert!(text.contains(broken.to_str().unwrap()), "{text}");
    assert_eq!(world.entries(), 2);
    fs::write(&broken, vec![2; 2000]).unwrap();
    assert_eq!(world.start(Rehash::Changed).hashed, EACH);
}

#[test]
fn systems_that_are_gone_are_forgotten() {
    let world = World::new();
    world.start(Rehash::Changed);
    assert_eq!(world.entries(), 3);
    fs::remove_dir_all(world.system("rescue")).unwrap();
    assert_eq!(world.start(Rehash::Changed).hashed, 0);
    assert_eq!(world.entries(), 2);
}

/// Without state it starts all the same, with what it would have had anyway.
#[test]
fn without_state_everything_is_hashed_every_time() {
    let world = World::new();
    let file = world.environment.path().join("a file");
    fs::write(&file, "").unwrap();
    let systems = world.load();
    let first = world.start(Rehash::Changed);
    for _ in 0..2 {
        let prepared = start(&systems, &file, Rehash::Changed).unwrap();
        assert_eq!(prepared.hashed, 3 * EACH);
        assert!(prepared.torrents_gz == first.torrents_gz);
    }
}
