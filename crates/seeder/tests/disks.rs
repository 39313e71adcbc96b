//! Real file systems: what is on a disk is hashed once, whatever is mounted anew; what is in an image is not remembered,
//! for the next image may look the same.

#![allow(missing_docs, reason = "a test")]

mod common;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use common::{bytes, entries};
use metainfo::FileEntry;
use nix::mount::{MsFlags, mount, umount};
use nix::sched::{CloneFlags, unshare};
use seeder::{Cache, Hashed};
use tempfile::TempDir;

/// Bytes of the one file: more pieces than are compared when an entry is found.
const SIZE: usize = 20 << 20;
/// A byte that is in none of the pieces that are compared.
const UNSEEN: usize = SIZE / 32;

/// A place to mount things at, in a mount namespace that ends with the thread.
struct World {
    base: TempDir,
    cache: Cache,
}

impl World {
    fn enter(work: fn(&World)) {
        let inside = move || {
            let none = None::<&str>;
            unshare(CloneFlags::CLONE_NEWNS).expect("root");
            mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
            let base = TempDir::new().unwrap();
            for name in ["at", "state", "lower", "upper", "work"] {
                fs::create_dir(base.path().join(name)).unwrap();
            }
            let cache = Cache::in_state(&base.path().join("state"));
            work(&World { base, cache });
        };
        thread::spawn(inside).join().unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    /// Where things are mounted.
    fn at(&self) -> PathBuf {
        self.path("at")
    }

    /// Mounts a file that holds a file system.
    fn mount(&self, image: &Path) {
        let at = self.at();
        run(Command::new("mount").arg("-oloop").arg(image).arg(at));
    }

    fn mount_overlay(&self) {
        let folder = |name| self.path(name).display().to_string();
        let (lower, upper, work) = (folder("lower"), folder("upper"), folder("work"));
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        let (overlay, flags) = (Some("overlay"), MsFlags::empty());
        mount(overlay, &self.at(), overlay, flags, Some(&options[..])).unwrap();
    }

    fn find(&self) -> Option<Hashed> {
        self.cache.find(&self.at(), "system", &list())
    }

    fn hash(&self) -> Hashed {
        let hashed = self.cache.hash(&self.at(), "system", &list(), 2, &|_| {});
        hashed.unwrap()
    }

    /// What is mounted now is hashed and remembered, and still is after it was mounted anew.
    fn is_hashed_once(&self, what: &str, mount_it: impl Fn()) {
        mount_it();
        let hashed = self.hash();
        assert!(self.find() == Some(hashed.clone()), "{what}");
        umount(&self.at()).unwrap();
        mount_it();
        let found = self
            .find()
            .unwrap_or_else(|| panic!("{what}: mounted anew"));
        assert!(found.torrent == hashed.torrent, "{what}");
        umount(&self.at()).unwrap();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// The system's one file.
fn list() -> Vec<FileEntry> {
    entries(&[("kernel", bytes(1, SIZE))])
}

fn write(folder: &Path, content: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("kernel"), content).unwrap();
}

/// The system, and the same with one other byte.
fn two_systems() -> [Vec<u8>; 2] {
    let one = bytes(1, SIZE);
    let mut two = one.clone();
    two[UNSEEN] ^= 1;
    [one, two]
}

/// An image as reproducible builds make it.
fn squashfs(folder: &Path, image: &Path) {
    let mut make = Command::new("mksquashfs");
    make.arg(folder).arg(image).arg("-noI").arg("-noD");
    let told = "-quiet -no-progress -all-root -mkfs-time 0 -all-time 1800000000";
    run(make.args(told.split(' ')));
}

#[test]
#[ignore = "needs root, loop devices and packages; cargo xtask test runs it"]
fn what_is_on_a_disk_is_hashed_once() {
    World::enter(|world| {
        for (kind, size) in [("ext4", 64), ("btrfs", 256), ("xfs", 320)] {
            let image = world.path(kind);
            fs::File::create(&image)
                .unwrap()
                .set_len(size << 20)
                .unwrap();
            run(Command::new(format!("mkfs.{kind}")).arg("-q").arg(&image));
            world.mount(&image);
            write(&world.at(), &bytes(1, SIZE));
            umount(&world.at()).unwrap();
            world.is_hashed_once(kind, || world.mount(&image));
        }
        write(&world.path("lower"), &bytes(1, SIZE));
        world.is_hashed_once("overlay", || world.mount_overlay());
        world.mount_overlay();
        write(&world.at(), &bytes(2, SIZE));
        umount(&world.at()).unwrap();
        assert!(world.find().is_none());
        world.is_hashed_once("upper layer", || world.mount_overlay());

        let (tmpfs, flags) = (Some("tmpfs"), MsFlags::empty());
        mount(tmpfs, &world.at(), tmpfs, flags, None::<&str>).unwrap();
        write(&world.at(), &bytes(1, SIZE));
        let hashed = world.hash();
        assert!(world.find() == Some(hashed), "tmpfs");
        umount(&world.at()).unwrap();
    });
}

#[test]
#[ignore = "needs root, loop devices and packages; cargo xtask test runs it"]
fn images_that_look_the_same_are_told_apart() {
    World::enter(|world| {
        let mut seen = Vec::new();
        for (number, content) in two_systems().iter().enumerate() {
            let folder = world.path("folder");
            write(&folder, content);
            let image = world.path(&format!("squashfs{number}"));
            squashfs(&folder, &image);
            world.mount(&image);
            seen.push(fs::metadata(world.at().join("kernel")).unwrap());
            assert!(world.find().is_none(), "squashfs {number}");
            world.hash();
            umount(&world.at()).unwrap();
        }
        let looks = |at: usize| (seen[at].ino(), seen[at].mtime(), seen[at].ctime());
        assert_eq!(looks(0), looks(1), "or this test shows nothing");

        // The same images, under an overlay as live systems have it.
        for number in 0..2 {
            let image = world.path(&format!("squashfs{number}"));
            let lower = world.path("lower");
            run(Command::new("mount").arg("-oloop").arg(image).arg(&lower));
            world.mount_overlay();
            assert!(world.find().is_none(), "overlay {number}");
            world.hash();
            umount(&world.at()).unwrap();
            umount(&lower).unwrap();
        }
    });
}

/// `mkfs.ext4 -d` numbers inodes in order, and copies times without what is less than a second.
#[test]
#[ignore = "needs root, loop devices and packages; cargo xtask test runs it"]
fn a_disk_that_was_made_as_an_image_is_not_believed() {
    World::enter(|world| {
        let (folder, image) = (world.path("folder"), world.path("image"));
        write(&folder, &bytes(1, SIZE));
        fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        let mut make = Command::new("mkfs.ext4");
        run(make.arg("-q").arg("-d").arg(&folder).arg(&image));
        world.mount(&image);
        world.hash();
        assert!(world.find().is_none(), "it would believe it");
        umount(&world.at()).unwrap();
    });
}
