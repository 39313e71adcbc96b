//! Folders that were hashed before: believed while they are the same, and hashed again when not.

#![allow(missing_docs, reason = "a test")]

mod common;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::{Files, bytes, entries, folder};
use metainfo::FileEntry;
use seeder::{Cache, Fingerprint, Hashed, hash_folder};
use tempfile::TempDir;

fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("empty", vec![]),
        ("kernel", bytes(1, 300_000)),
        ("sub/Ä ö.img", bytes(2, 700_001)),
    ]
}

/// A folder that is hashed and remembered.
struct World {
    root: TempDir,
    state: TempDir,
    cache: Cache,
    hashed: Hashed,
}

impl World {
    fn new(files: Files<'_>) -> Self {
        let (root, state) = (folder(files), TempDir::new().unwrap());
        let cache = Cache::in_state(state.path());
        assert_eq!(cache.find(root.path(), "system", &entries(files)), None);
        let hashed = cache.hash(root.path(), "system", &entries(files), 2, &|_| {});
        Self {
            hashed: hashed.unwrap(),
            root,
            state,
            cache,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn entries(&self) -> Vec<PathBuf> {
        let listed = fs::read_dir(self.state.path().join("hashes")).unwrap();
        listed.map(|entry| entry.unwrap().path()).collect()
    }
}

/// The folder as the server finds it: all its files, with the sizes they have now.
fn listed(root: &Path) -> Vec<FileEntry> {
    let (mut files, mut folders) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(root).unwrap();
            files.push(FileEntry {
                path: inside
                    .iter()
                    .map(|part| part.to_str().unwrap().to_owned())
                    .collect(),
                length: path.metadata().unwrap().len(),
            });
        }
    }
    files
}

/// Files made a moment ago are remembered too.
#[test]
fn a_folder_is_hashed_once() {
    let world = World::new(&files());
    let fresh = hash_folder(world.root.path(), "system", &entries(&files()), 1, &|_| {});
    assert_eq!(world.hashed.torrent, fresh.unwrap());
    let fingerprints = world.hashed.torrent.info().files.iter().map(|file| {
        let path = world.path(&file.path.join("/"));
        Fingerprint::of(&path.metadata().unwrap())
    });
    assert!(world.hashed.files.iter().copied().eq(fingerprints));

    let later = Cache::in_state(world.state.path());
    let found = later.find(world.root.path(), "system", &listed(world.root.path()));
    assert_eq!(found.as_ref(), Some(&world.hashed));
    // Under a link to it there is a second system.
    let other = later.find(world.root.path(), "other", &entries(&files()));
    let other = other.unwrap().torrent;
    assert_eq!(other.info().name, "other");
    assert_eq!(other.info().pieces, world.hashed.torrent.info().pieces);
    assert_eq!(later.find(world.root.path(), "..", &[]), None);
}

#[test]
fn folders_without_bytes_are_remembered_too() {
    for files in [&[][..], &[("empty", vec![])]] {
        let world = World::new(files);
        let found = world
            .cache
            .find(world.root.path(), "system", &entries(files));
        assert_eq!(found.as_ref(), Some(&world.hashed));
    }
}

#[test]
fn every_change_is_noticed() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 10] = [
        ("size", |root| {
            fs::write(root.join("kernel"), bytes(1, 300_001)).unwrap();
        }),
        ("content", |root| {
            fs::write(root.join("kernel"), bytes(9, 300_000)).unwrap();
        }),
        ("time", |root| set_modified(&root.join("kernel"), 1)),
        ("content, and the time put back", |root| {
            let kernel = root.join("kernel");
            let before = kernel.metadata().unwrap().modified().unwrap();
            fs::write(&kernel, bytes(9, 300_000)).unwrap();
            let file = File::options().write(true).open(&kernel).unwrap();
            file.set_modified(before).unwrap();
        }),
        ("inode", |root| {
            let kernel = root.join("kernel");
            let (before, copy) = (kernel.metadata().unwrap(), root.join("copy"));
            fs::write(&copy, bytes(1, 300_000)).unwrap();
            let file = File::options().write(true).open(&copy).unwrap();
            file.set_modified(before.modified().unwrap()).unwrap();
            fs::rename(copy, &kernel).unwrap();
            assert_ne!(kernel.metadata().unwrap().ino(), before.ino());
        }),
        ("one more", |root| fs::write(root.join("more"), "").unwrap()),
        ("one less", |root| {
            fs::remove_file(root.join("empty")).unwrap();
        }),
        ("another name", |root| {
            fs::rename(root.join("kernel"), root.join("vmlinuz")).unwrap();
        }),
        ("another folder", |root| {
            fs::rename(root.join("sub"), root.join("bus")).unwrap();
        }),
        ("names swapped", |root| {
            fs::write(root.join("kernel2"), bytes(3, 300_000)).unwrap();
            fs::rename(root.join("kernel"), root.join("x")).unwrap();
            fs::rename(root.join("kernel2"), root.join("kernel")).unwrap();
            fs::rename(root.join("x"), root.join("kernel2")).unwrap();
        }),
    ];
    for (what, change) in changes {
        let world = World::new(&files());
        change(world.root.path());
        let now = listed(world.root.path());
        let find = || world.cache.find(world.root.path(), "system", &now);
        assert_eq!(find(), None, "{what}");
        let again = world
            .cache
            .hash(world.root.path(), "system", &now, 2, &|_| {});
        assert_eq!(find(), Some(again.unwrap()), "{what}: remembered anew");
        assert_eq!(world.entries().len(), 1, "{what}: instead of the old one");
    }
}

/// Also the same files, moved with everything that is known about them.
#[test]
fn another_root_is_another_folder() {
    let world = World::new(&files());
    let moved = TempDir::new().unwrap();
    let root = moved.path().join("moved");
    fs::rename(world.root.path(), &root).unwrap();
    assert_eq!(world.cache.find(&root, "system", &entries(&files())), None);
    fs::rename(&root, world.root.path()).unwrap();
    let back = world
        .cache
        .find(world.root.path(), "system", &entries(&files()));
    assert_eq!(back, Some(world.hashed));
}

/// What happens to files every day and changes no byte.
#[test]
fn reading_and_strange_times_are_no_changes() {
    let files = files();
    let root = folder(&files);
    let ahead = SystemTime::now() + Duration::from_secs(86_400);
    let file = File::options()
        .write(true)
        .open(root.path().join("kernel"))
        .unwrap();
    file.set_modified(ahead).unwrap();
    set_modified(&root.path().join("empty"), 0);
    let state = TempDir::new().unwrap();
    let cache = Cache::in_state(state.path());
    let hashed = cache.hash(root.path(), "system", &entries(&files), 2, &|_| {});
    fs::read(root.path().join("kernel")).unwrap();
    fs::write(root.path().join("config.yaml"), "dispname: other").unwrap();
    let found = cache.find(root.path(), "system", &entries(&files));
    assert_eq!(found, Some(hashed.unwrap()));
}

#[test]
fn damaged_entries_are_none() {
    let world = World::new(&files());
    let [place] = &world.entries()[..] else {
        panic!("one folder is one entry")
    };
    let (good, files) = (fs::read(place).unwrap(), entries(&files()));
    let found = |bytes: &[u8]| {
        fs::write(place, bytes).unwrap();
        world.cache.find(world.root.path(), "system", &files)
    };
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        assert_eq!(found(&bad), None, "byte {at} changed");
        assert_eq!(found(&good[..at]), None, "cut at {at}");
    }
    assert_eq!(found(&[&good[..], b"\n"].concat()), None, "longer");
    let other = good.strip_prefix(b"bt-server hashes 3\n").unwrap();
    // Before version 3 they had no SHA-256.
    for version in [b"bt-server hashes 2\n", b"bt-server hashes 4\n"] {
        assert_eq!(found(&[version, other].concat()), None, "another version");
    }
    assert_eq!(found(&good), Some(world.hashed));
}

/// A full disk or a read-only one: hashed all the same, and no half entry is left.
#[test]
fn state_that_cannot_be_written_is_no_failure() {
    let (root, state) = (folder(&files()), TempDir::new().unwrap());
    fs::write(state.path().join("hashes"), "a file in the way").unwrap();
    let cache = Cache::in_state(state.path());
    for _ in 0..2 {
        let hashed = cache.hash(root.path(), "system", &entries(&files()), 2, &|_| {});
        assert_eq!(hashed.unwrap().torrent.info().files.len(), 3);
        cache.tidy();
        let found = cache.find(root.path(), "system", &entries(&files()));
        assert_eq!(found, None);
    }
    let gone = Cache::in_state(&state.path().join("never made"));
    let hashed = gone.hash(root.path(), "system", &entries(&files()), 2, &|_| {});
    assert!(hashed.is_ok());
}

/// Left by a server that was killed while it wrote.
#[test]
fn an_unfinished_entry_is_in_nobodys_way() {
    let world = World::new(&files());
    let place = world.entries().remove(0);
    fs::rename(&place, place.with_extension("new")).unwrap();
    let (root, all) = (world.root.path(), entries(&files()));
    assert_eq!(world.cache.find(root, "system", &all), None);
    world.cache.hash(root, "system", &all, 2, &|_| {}).unwrap();
    assert_eq!(world.cache.find(root, "system", &all), Some(world.hashed));
}

#[test]
fn only_what_is_ours_and_of_no_use_is_removed() {
    let world = World::new(&files());
    let gone = folder(&files());
    let hash = |root| {
        let hashed = world
            .cache
            .hash(root, "system", &entries(&files()), 2, &|_| {});
        hashed.unwrap();
    };
    hash(gone.path());
    let hashes = world.state.path().join("hashes");
    let digits = "0123456789abcdef0123456789abcdef01234567";
    let (kept, removed) = (
        ["notes.hashes", "notes", digits, "x.new"],
        [format!("{digits}.hashes"), format!("{digits}.new")],
    );
    for name in kept.into_iter().chain(removed.iter().map(String::as_str)) {
        fs::write(hashes.join(name), "no entry").unwrap();
    }
    drop(gone);
    world.cache.tidy();
    let mut left = world.entries();
    left.retain(|path| path.file_stem().and_then(OsStr::to_str) != Some("notes"));
    left.sort();
    let found = world
        .cache
        .find(world.root.path(), "system", &entries(&files()));
    assert_eq!(found.as_ref(), Some(&world.hashed));
    for name in kept {
        assert!(hashes.join(name).exists(), "{name} is somebody else's");
    }
    assert_eq!(left.len(), 3, "{left:?}: x.new, the digits and one entry");
}

fn set_modified(file: &Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let file = File::options().write(true).open(file).unwrap();
    file.set_modified(time).unwrap();
}
