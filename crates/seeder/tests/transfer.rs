//! Real transfers over loopback, with a peer that is not librqbit.

#![allow(missing_docs, reason = "a test")]

mod common;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use common::peer::Peer;
use common::world::{World, many, run, several, start};
use common::{bytes, entries, folder, joined, torrent};
use seeder::Error;
use tempfile::TempDir;

fn read_only(root: &Path, entries: &[metainfo::FileEntry]) {
    for entry in entries {
        let mut path = root.to_owned();
        for part in &entry.path {
            path.push(part);
        }
        fs::set_permissions(&path, Permissions::from_mode(0o444)).unwrap();
        for folder in path.ancestors().skip(1).take(entry.path.len()) {
            fs::set_permissions(folder, Permissions::from_mode(0o555)).unwrap();
        }
    }
}

/// How this process has the files below `root` open: access modes as the kernel prints them.
fn open_modes(root: &Path) -> Vec<u32> {
    let fds = fs::read_dir("/proc/self/fd").unwrap().flatten();
    fds.filter(|fd| fs::read_link(fd.path()).is_ok_and(|file| file.starts_with(root)))
        .map(|fd| {
            let number = fd.file_name().into_string().unwrap();
            let info = fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
            let flags = info
                .lines()
                .find_map(|line| line.strip_prefix("flags:"))
                .unwrap();
            u32::from_str_radix(flags.trim(), 8).unwrap() & 3
        })
        .collect()
}

#[test]
fn a_read_only_folder_reaches_a_peer_and_stays_as_it_is() {
    run(async {
        for files in [several(), many(), vec![("image", bytes(9, 1 << 20))]] {
            let root = folder(&files);
            read_only(root.path(), &entries(&files));
            let torrent = torrent(root.path(), &files);
            let state = TempDir::new().unwrap();
            let seeder = start(state.path(), 0).await.unwrap();
            seeder.add(&torrent, root.path()).await.unwrap();
            let before = listing(root.path());

            let at = seeder.listen_addr().unwrap();
            let mut peer = Peer::connect(at, torrent.info_hash()).unwrap();
            assert!(peer.download(&torrent).unwrap() == joined(&torrent, &files));
            let pieces = torrent.info().pieces.len();
            let set: u32 = peer
                .bitfield
                .unwrap()
                .iter()
                .map(|byte| byte.count_ones())
                .sum();
            assert_eq!(set as usize, pieces, "a seed has all");

            let modes = open_modes(root.path());
            assert!(
                !modes.is_empty() && modes.len() <= 16,
                "{} files open",
                modes.len()
            );
            assert!(
                modes.iter().all(|mode| *mode == 0),
                "only for reading: {modes:?}"
            );
            assert_eq!(listing(root.path()), before);
            assert!(seeder.check(&torrent.info_hash()).is_ok());
            seeder.stop().await;
            assert!(
                open_modes(root.path()).is_empty(),
                "nothing is open any more"
            );
        }
    });
}

/// Every file and folder with its content's length, time and permissions.
fn listing(folder: &Path) -> Vec<(String, u64, std::time::SystemTime, u32)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let data = entry.metadata().unwrap();
        let path = entry.path();
        all.push((
            path.to_str().unwrap().to_owned(),
            data.len(),
            data.modified().unwrap(),
            data.permissions().mode(),
        ));
        if data.is_dir() {
            all.extend(listing(&path));
        }
    }
    all.sort();
    all
}

#[test]
fn figures_name_who_got_what() {
    run(async {
        let world = World::new(&several()).await;
        let mut one = world.peer();
        let mut two = world.peer();
        one.download(&world.torrent).unwrap();
        two.piece(world.torrent.info(), 1).unwrap();
        let total = world.torrent.info().total_length();
        let stats = world.until(|stats| stats.uploaded == total + 65_536).await;
        let mut uploads: Vec<u64> = stats.peers.iter().map(|peer| peer.uploaded).collect();
        uploads.sort_unstable();
        assert_eq!(uploads, [65_536, total]);
        assert!(
            stats
                .peers
                .iter()
                .all(|peer| peer.address.ip().is_loopback())
        );
        drop(one);
        world
            .until(|stats| stats.peers.len() == 1 && stats.uploaded == total + 65_536)
            .await;
        assert_eq!(stats.trouble, None);
        world.seeder.stop().await;
    });
}

#[test]
fn torrents_without_bytes_and_torrents_beside_each_other() {
    run(async {
        let world = World::new(&several()).await;
        let hollow = [("a", vec![]), ("b/c", vec![])];
        let hollow_root = folder(&hollow);
        let hollow = torrent(hollow_root.path(), &hollow);
        world.seeder.add(&hollow, hollow_root.path()).await.unwrap();
        assert_eq!(
            world.seeder.stats(&hollow.info_hash()),
            Some(seeder::Stats::default())
        );

        let files = many();
        let others: Vec<_> = (1..5).map(|n| (folder(&files[n..]), n)).collect();
        let torrents: Vec<_> = others
            .iter()
            .map(|(root, n)| torrent(root.path(), &files[*n..]))
            .collect();
        let add = |i: usize| world.seeder.add(&torrents[i], others[i].0.path());
        let (a, b, c, d) = tokio::join!(add(0), add(1), add(2), add(3));
        a.and(b).and(c).and(d).unwrap();
        for (torrent, (_, n)) in torrents.iter().zip(&others) {
            let mut peer = Peer::connect(world.at, torrent.info_hash()).unwrap();
            assert!(peer.download(torrent).unwrap() == joined(torrent, &files[*n..]));
        }
        let again = world.seeder.add(&world.torrent, world.root.path()).await;
        assert!(matches!(again, Err(Error::Twice(_))));
        world.peer().download(&world.torrent).unwrap();
        world.seeder.stop().await;
    });
}

/// A peer that asks for everything and reads nothing is the middle of a transfer that never ends.
#[test]
fn stopping_closes_connections_and_frees_the_port() {
    run(async {
        let files = [("image", bytes(1, 16 << 20))];
        let world = World::new(&files).await;
        let mut peer = world.peer();
        for piece in 0..world.torrent.info().piece_count() {
            peer.request(piece, 0, 16 << 10).unwrap();
        }
        world.until(|stats| stats.uploaded > 0).await;
        world.seeder.stop().await;
        assert!(
            open_modes(world.root.path()).is_empty(),
            "ended, not given up on"
        );
        peer.until_closed();
        assert_eq!(
            fs::read_dir(world.state.path()).unwrap().count(),
            0,
            "nothing is left behind"
        );

        let again = start(world.state.path(), world.at.port()).await.unwrap();
        again.add(&world.torrent, world.root.path()).await.unwrap();
        let mut peer = Peer::connect(world.at, world.torrent.info_hash()).unwrap();
        assert!(peer.download(&world.torrent).unwrap() == files[0].1);
        again.stop().await;
    });
}

/// What a run that was killed left in the state folder is no torrent of the next one.
#[test]
fn what_was_left_behind_is_thrown_away() {
    run(async {
        let world = World::new(&several()).await;
        let left = world.state.path().join("seeder");
        let copy = TempDir::new().unwrap();
        fs::create_dir(copy.path().join("seeder")).unwrap();
        for entry in fs::read_dir(left).unwrap().flatten() {
            fs::copy(
                entry.path(),
                copy.path().join("seeder").join(entry.file_name()),
            )
            .unwrap();
        }
        world.seeder.stop().await;
        let next = start(copy.path(), 0).await.unwrap();
        assert_eq!(next.stats(&world.torrent.info_hash()), None);
        assert!(Peer::connect(next.listen_addr().unwrap(), world.torrent.info_hash()).is_err());
        next.add(&world.torrent, world.root.path()).await.unwrap();
        next.stop().await;
    });
}

#[test]
fn a_port_in_use_and_a_state_that_cannot_be_written_are_errors() {
    run(async {
        let world = World::new(&several()).await;
        let state = TempDir::new().unwrap();
        let taken = start(state.path(), world.at.port()).await;
        assert!(matches!(taken, Err(Error::Engine(_))));
        let file = state.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(start(&file, 0).await, Err(Error::State { .. })));
        world.seeder.stop().await;
    });
}
