//! A file that lies on no disk, hashed and sent.

#![allow(missing_docs, reason = "a test")]

mod common;

use common::peer::Peer;
use common::world::{run, start};
use common::{bytes, entries, folder};
use seeder::{Error, InMemory, hash_folder};
use tempfile::TempDir;

#[test]
fn it_gives_the_torrent_that_a_folder_gives() {
    for length in [0, 1, 65_536, 1_000_001] {
        let files = [("image", bytes(7, length))];
        let root = folder(&files);
        let of_folder = hash_folder(root.path(), ".layer", &entries(&files), 2, &|_| {}).unwrap();
        let [(_, bytes)] = files;
        let hashed = InMemory::hash(".layer", "image", bytes.into()).unwrap();
        assert_eq!(hashed.torrent, of_folder, "{length} bytes");
    }
    assert!(InMemory::hash("a/b", "image", "x".into()).is_err());
}

#[test]
fn a_peer_gets_it_and_a_second_torrent_of_it_is_refused() {
    run(async {
        let content = bytes(3, 700_001);
        let hashed = InMemory::hash(".layer", "image", content.clone().into()).unwrap();
        let state = TempDir::new().unwrap();
        let seeder = start(state.path(), 0).await.unwrap();
        seeder.add_in_memory(&hashed).await.unwrap();
        let at = seeder.listen_addr().unwrap();
        let hash = hashed.torrent.info_hash();
        let mut peer = Peer::connect(at, hash).unwrap();
        assert!(peer.download(&hashed.torrent).unwrap() == content);
        seeder.check(&hash).unwrap();
        let twice = seeder.add_in_memory(&hashed).await;
        assert!(matches!(twice, Err(Error::Twice(_))), "{twice:?}");
        drop(peer);
        seeder.stop().await;
    });
}
