//! Files that are not, or no longer, what their torrent was made of.

#![allow(missing_docs, reason = "a test")]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::peer::Peer;
use common::world::{World, many, run, several};
use common::{bytes, entries, folder, joined, torrent};
use metainfo::Torrent;
use seeder::{Cache, Error, Hashed};
use tempfile::TempDir;

/// A seed of something else, and a folder with files that it does not have yet.
struct Beside {
    world: World,
    files: Vec<(&'static str, Vec<u8>)>,
    root: TempDir,
    cache: Cache,
    _state: TempDir,
}

impl Beside {
    async fn new() -> Self {
        let files = several();
        let state = TempDir::new().unwrap();
        Self {
            world: World::new(&[("other", vec![1])]).await,
            root: folder(&files),
            files,
            cache: Cache::in_state(state.path()),
            _state: state,
        }
    }

    fn kernel(&self) -> PathBuf {
        self.root.path().join("kernel")
    }

    /// The folder's files as they are now.
    fn hash(&self) -> Hashed {
        let (root, entries) = (self.root.path(), entries(&self.files));
        let hashed = self.cache.hash(root, "system", &entries, 2, &|_| {});
        hashed.unwrap()
    }
}

#[test]
fn what_is_not_the_torrents_content_is_not_added() {
    run(async {
        let beside = Beside::new().await;
        let (world, root, files) = (&beside.world, &beside.root, &beside.files);
        let torrent = torrent(root.path(), files);
        let kernel = beside.kernel();

        fs::write(&kernel, bytes(1, 300_001)).unwrap();
        let longer = world.seeder.add(&torrent, root.path()).await;
        assert!(matches!(longer, Err(Error::Changed { file, .. }) if file == kernel));
        fs::remove_file(&kernel).unwrap();
        let gone = world.seeder.add(&torrent, root.path()).await;
        assert!(matches!(gone, Err(Error::Read { file, .. }) if file == kernel));
        fs::write(&kernel, bytes(99, 300_000)).unwrap();
        let different = world.seeder.add(&torrent, root.path()).await;
        assert!(matches!(different, Err(Error::Content(_))), "{different:?}");
        assert_eq!(world.seeder.stats(&torrent.info_hash()), None);
        assert_eq!(
            fs::read(&kernel).unwrap(),
            bytes(99, 300_000),
            "not repaired"
        );

        fs::write(&kernel, bytes(1, 300_000)).unwrap();
        world.seeder.add(&torrent, root.path()).await.unwrap();
        let mut peer = Peer::connect(world.at, torrent.info_hash()).unwrap();
        assert!(peer.download(&torrent).unwrap() == joined(&torrent, files));
        beside.world.seeder.stop().await;
    });
}

/// Between hashing and seeding there are seconds in which people go on copying.
#[test]
fn what_was_hashed_is_added_only_as_it_was() {
    run(async {
        let beside = Beside::new().await;
        let (world, kernel) = (&beside.world, beside.kernel());

        let hashed = beside.hash();
        let content = fs::read(&kernel).unwrap();
        fs::write(&kernel, content).unwrap();
        let written = world.seeder.add_hashed(&hashed).await;
        assert!(matches!(written, Err(Error::Changed { file, .. }) if file == kernel));
        assert_eq!(world.seeder.stats(&hashed.torrent.info_hash()), None);

        let hashed = beside.hash();
        world.seeder.add_hashed(&hashed).await.unwrap();
        let twice = world.seeder.add_hashed(&hashed).await;
        assert!(matches!(twice, Err(Error::Twice(_))), "{twice:?}");
        let mut peer = Peer::connect(world.at, hashed.torrent.info_hash()).unwrap();
        let fetched = peer.download(&hashed.torrent).unwrap();
        assert!(fetched == joined(&hashed.torrent, &beside.files));

        // The same files under the name of other bytes.
        let mut info = hashed.torrent.info().clone();
        info.pieces[0][0] ^= 1;
        let wrong = Hashed {
            torrent: Torrent::new(info),
            ..hashed
        };
        let refused = world.seeder.add_hashed(&wrong).await;
        assert!(matches!(refused, Err(Error::Content(_))), "{refused:?}");
        beside.world.seeder.stop().await;
    });
}

/// A folder that was copied anew: a machine in the middle of its download goes on with the new files' same bytes.
#[test]
fn the_same_bytes_in_new_files_are_served_on_the_same_connection() {
    run(async {
        let beside = Beside::new().await;
        let (world, kernel) = (&beside.world, beside.kernel());
        let hashed = beside.hash();
        world.seeder.put_hashed(&hashed).await.unwrap();
        let torrent = hashed.torrent.info_hash();
        let mut peer = Peer::connect(world.at, torrent).unwrap();
        let good = peer.piece(hashed.torrent.info(), 0).unwrap();

        let new = kernel.with_extension("new");
        fs::copy(&kernel, &new).unwrap();
        fs::rename(new, &kernel).unwrap();
        world.seeder.check(&torrent).unwrap_err();
        let stale = world.seeder.put_hashed(&hashed).await;
        assert!(matches!(stale, Err(Error::Changed { .. })), "{stale:?}");

        world.seeder.put_hashed(&beside.hash()).await.unwrap();
        world.seeder.check(&torrent).unwrap();
        let again = peer.piece(hashed.torrent.info(), 0).unwrap();
        assert!(again == good);
        let fetched = peer.download(&hashed.torrent).unwrap();
        assert!(fetched == joined(&hashed.torrent, &beside.files));
        beside.world.seeder.stop().await;
    });
}

/// A backup makes hard links, an administrator sets rights: the bytes are the same, and machines boot on.
#[test]
fn rights_and_links_may_change_while_a_file_is_served() {
    run(async {
        let world = World::new(&several()).await;
        let kernel = world.root.path().join("kernel");
        fs::hard_link(&kernel, world.root.path().join("backup")).unwrap();
        fs::set_permissions(&kernel, fs::Permissions::from_mode(0o600)).unwrap();
        world.seeder.check(&world.torrent.info_hash()).unwrap();
        world.peer().piece(world.torrent.info(), 0).unwrap();
        world.seeder.stop().await;
    });
}

/// What may happen to an image while it is served; and whether peers may still get its old bytes.
#[test]
fn changed_files_are_noticed_and_never_served_wrong() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 5] = [
        ("shortened", |file| {
            fs::OpenOptions::new()
                .write(true)
                .open(file)
                .unwrap()
                .set_len(1000)
                .unwrap();
        }),
        ("lengthened", |file| {
            fs::write(file, bytes(5, 300_001)).unwrap();
        }),
        ("written to", |file| {
            fs::write(file, bytes(5, 300_000)).unwrap();
        }),
        ("replaced", |file| {
            let new = file.with_extension("new");
            fs::write(&new, bytes(5, 300_000)).unwrap();
            fs::rename(new, file).unwrap();
        }),
        ("deleted", |file| fs::remove_file(file).unwrap()),
    ];
    run(async {
        for (what, change) in changes {
            let files = several();
            let world = World::new(&files).await;
            let hash = world.torrent.info_hash();
            let mut peer = world.peer();
            let good = peer.piece(world.torrent.info(), 0).unwrap();
            let kernel = world.root.path().join("kernel");
            change(&kernel);

            let noticed = world.seeder.check(&hash).unwrap_err();
            assert!(
                noticed.to_string().contains(kernel.to_str().unwrap()),
                "{noticed}"
            );
            match peer.piece(world.torrent.info(), 0) {
                // The file is still open: these are the bytes that were hashed.
                Ok(bytes) => {
                    assert!(bytes == good, "{what}");
                    assert!(matches!(what, "replaced" | "deleted"), "{what}: served");
                }
                Err(_) => {
                    let stats = world.until(|stats| stats.trouble.is_some()).await;
                    let trouble = stats.trouble.unwrap();
                    assert!(
                        trouble.contains(kernel.to_str().unwrap()),
                        "{what}: {trouble}"
                    );
                    // Other files are not worse for it: the last piece holds none of the kernel.
                    let last = world.torrent.info().piece_count() - 1;
                    world.peer().piece(world.torrent.info(), last).unwrap();
                }
            }
            world.seeder.stop().await;
        }
    });
}

/// A file that was closed in between is looked at again when it is opened.
#[test]
fn a_replaced_file_is_noticed_when_it_is_opened_again() {
    run(async {
        let files = many();
        let world = World::new(&files).await;
        let first = world.root.path().join("000/file");
        let new = first.with_extension("new");
        fs::write(&new, bytes(77, 1_000)).unwrap();
        fs::rename(new, &first).unwrap();
        let mut peer = world.peer();
        for piece in 1..world.torrent.info().piece_count() {
            peer.piece(world.torrent.info(), piece).unwrap();
        }
        assert!(peer.piece(world.torrent.info(), 0).is_err());
        let stats = world.until(|stats| stats.trouble.is_some()).await;
        assert!(stats.trouble.unwrap().contains("it was replaced"));
        world.seeder.stop().await;
    });
}
