//! Real transfers over loopback: rooms that share, and what they do without a tracker or with files of before.

mod common;

use std::fs;

use common::{PATIENCE, World, complete, options, recorded_tracker, tracker, tracker_at};
use metainfo::{Info, Torrent};
use swarm::net::{Download, Error};
use tempfile::TempDir;

const MIB: usize = 1 << 20;

/// The seed has one place, so what the others get comes from machines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_shares_what_one_of_it_fetches() {
    let world = World::new(3 * MIB);
    let url = tracker(world.torrent(None).info_hash());
    let seed = world.seed(Some(&url), 1).await;
    let folders: Vec<TempDir> = (0..4).map(|_| TempDir::new().unwrap()).collect();
    let mut room = Vec::new();
    for folder in &folders {
        room.push(
            Download::start(world.torrent(Some(&url)), options(folder, &[]))
                .await
                .unwrap(),
        );
    }
    for (download, folder) in room.iter_mut().zip(&folders) {
        complete(download).await;
        assert!(world.is_in(folder.path()));
        let now = download.progress().borrow().clone();
        let received: u64 = now.sources.iter().map(|(_, bytes)| bytes).sum();
        assert_eq!(
            (now.have, received),
            (now.total, now.total),
            "every byte has a source"
        );
    }
    let sent: u64 = room
        .iter()
        .map(|download| download.progress().borrow().uploaded)
        .sum();
    assert!(sent > 0, "nobody shared anything");
    for download in room {
        download.stop().await;
    }
    seed.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tracker_hears_of_start_completion_and_farewell() {
    let world = World::new(MIB);
    let (url, told) = recorded_tracker(world.torrent(None).info_hash());
    let seed = world.seed(None, 50).await;
    let folder = TempDir::new().unwrap();
    let mut download = Download::start(
        world.torrent(Some(&url)),
        options(&folder, &[seed.address()]),
    )
    .await
    .unwrap();
    let port = download.address().port();
    let total = download.progress().borrow().total;
    let hear = || told.recv_timeout(PATIENCE).expect("one more announce");
    let started = hear();
    assert!(started.contains("event=started"), "{started}");
    assert!(started.contains(&format!("port={port}&")), "{started}");
    complete(&mut download).await;
    let completed = hear();
    assert!(completed.contains("event=completed"), "{completed}");
    assert!(completed.contains(&format!("downloaded={total}&left=0&")));
    download.stop().await;
    let stopped = told.try_recv().expect("it is said before stop returns");
    assert!(stopped.contains("event=stopped"), "{stopped}");
    let free = std::net::TcpListener::bind(("127.0.0.1", port));
    assert!(free.is_ok(), "the port is still open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_seed_that_vanishes_is_replaced() {
    let world = World::new(8 * MIB);
    let (first, second) = (world.seed(None, 50).await, world.seed(None, 50).await);
    let folder = TempDir::new().unwrap();
    let peers = [first.address(), second.address()];
    let mut download = Download::start(world.torrent(None), options(&folder, &peers))
        .await
        .unwrap();
    let mut news = download.progress();
    news.wait_for(|now| now.have > 0).await.unwrap();
    drop(first);
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_already_is_not_fetched_again() {
    let world = World::new(2 * MIB);
    let seed = world.seed(None, 50).await;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("tiny/boot/образ.gz");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut bytes = fs::read(world.folder.path().join("tiny/boot/образ.gz")).unwrap();
    bytes[MIB..].fill(0);
    fs::write(&path, bytes).unwrap();
    let mut download = Download::start(world.torrent(None), options(&folder, &[seed.address()]))
        .await
        .unwrap();
    assert_eq!(download.progress().borrow().have, MIB as u64);
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
    let fetched: u64 = download
        .progress()
        .borrow()
        .sources
        .iter()
        .map(|(_, bytes)| bytes)
        .sum();
    assert_eq!(fetched, download.progress().borrow().total - MIB as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_elses_file_stays_as_it_is() {
    let world = World::new(MIB);
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("tiny")).unwrap();
    let path = folder.path().join("tiny/read me");
    fs::write(&path, "something else altogether").unwrap();
    let refused = Download::start(world.torrent(None), options(&folder, &[])).await;
    let Err(Error::File { path: named, why }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(named, path);
    assert!(why.to_string().contains("17"), "{why}");
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "something else altogether"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tracker_that_cannot_be_reached_is_told_and_stops_nothing() {
    let world = World::new(MIB);
    let seed = world.seed(None, 50).await;
    let folder = TempDir::new().unwrap();
    let nobody = "http://127.0.0.1:1/announce";
    let mut download = Download::start(
        world.torrent(Some(nobody)),
        options(&folder, &[seed.address()]),
    )
    .await
    .unwrap();
    complete(&mut download).await;
    let mut news = download.progress();
    let told = tokio::time::timeout(PATIENCE, news.wait_for(|now| now.trouble.is_some())).await;
    let trouble = told.expect("never told").unwrap().trouble.clone().unwrap();
    assert!(trouble.contains("127.0.0.1:1"), "{trouble}");
}

/// Its peers are known to the tracker alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tracker_that_comes_back_is_asked_again() {
    let world = World::new(MIB);
    let hash = world.torrent(None).info_hash();
    let port = std::net::TcpListener::bind(common::ANYWHERE).unwrap();
    let at = port.local_addr().unwrap();
    let url = format!("http://{at}/announce");
    drop(port);
    let folder = TempDir::new().unwrap();
    let mut download = Download::start(world.torrent(Some(&url)), options(&folder, &[]))
        .await
        .unwrap();
    let mut news = download.progress();
    let told = tokio::time::timeout(PATIENCE, news.wait_for(|now| now.trouble.is_some())).await;
    told.expect("never told").unwrap();
    let (_, heard) = tracker_at(hash, at);
    let seed = world.seed(Some(&url), 50).await;
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
    assert_eq!(download.progress().borrow().trouble, None);
    assert!(heard.try_iter().count() >= 2);
    seed.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn why_no_peer_is_reached_is_told() {
    let world = World::new(MIB);
    let closed = "127.0.0.1:1".parse().unwrap();
    for (peers, told) in [
        (
            &[closed][..],
            "no peer reached; last: 127.0.0.1:1: Connection refused",
        ),
        (&[], "the torrent names no tracker and no peer is known"),
    ] {
        let folder = TempDir::new().unwrap();
        let download = Download::start(world.torrent(None), options(&folder, peers))
            .await
            .unwrap();
        let mut news = download.progress();
        let trouble = news.wait_for(|now| now.trouble.is_some());
        let trouble = tokio::time::timeout(PATIENCE, trouble).await;
        let trouble = trouble.expect("never told").unwrap().trouble.clone();
        assert!(trouble.unwrap().starts_with(told), "{told}");
        download.stop().await;
    }
}

#[tokio::test]
async fn a_torrent_without_bytes_is_complete_at_once() {
    let files = vec![metainfo::FileEntry {
        path: vec!["empty".into()],
        length: 0,
    }];
    let info = Info {
        name: "nothing".into(),
        piece_length: 65536,
        pieces: vec![],
        files,
        private: false,
        single_file: false,
    };
    let folder = TempDir::new().unwrap();
    let torrent = std::sync::Arc::new(Torrent::new(info));
    let mut download = Download::start(torrent, options(&folder, &[]))
        .await
        .unwrap();
    complete(&mut download).await;
    assert_eq!(fs::read(folder.path().join("nothing/empty")).unwrap(), b"");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_named() {
    let world = World::new(MIB);
    let seed = world.seed(None, 50).await;
    let folder = TempDir::new().unwrap();
    let taken = swarm::net::Options {
        listen: seed.address(),
        ..options(&folder, &[])
    };
    let refused = Download::start(world.torrent(None), taken).await;
    let Err(error @ Error::Listen { .. }) = refused else {
        panic!("{refused:?}")
    };
    assert!(
        error.to_string().contains(&seed.address().to_string()),
        "{error}"
    );
}
