//! The machines' engine against the server's seed: our two halves of BitTorrent, over loopback.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use metainfo::FileEntry;
use seeder::{Seeder, Settings};
use swarm::net::{Download, Options};
use tempfile::TempDir;

const ANYWHERE: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
const PATIENCE: Duration = Duration::from_secs(60);

fn folder(files: &[(&str, Vec<u8>)]) -> (TempDir, Vec<FileEntry>) {
    let root = TempDir::new().unwrap();
    let mut entries = Vec::new();
    for (name, bytes) in files {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
        entries.push(FileEntry {
            path: name.split('/').map(str::to_owned).collect(),
            length: bytes.len() as u64,
        });
    }
    (root, entries)
}

fn noise(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at * 31 + at / 251 + at / 65_537) as u8)
        .collect()
}

fn fetch_to(to: &Path, peers: Vec<SocketAddrV4>) -> Options {
    Options {
        listen: ANYWHERE,
        peers,
        ..Options::new(to)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machines_fetch_from_the_seed_and_from_each_other() {
    let files = [
        ("vmlinuz", noise(300_000)),
        ("sub/образ.img", noise(5_000_000)),
        ("sub/empty", Vec::new()),
    ];
    let (root, entries) = folder(&files);
    let state = TempDir::new().unwrap();
    let torrent = seeder::hash_folder(root.path(), "tiny", &entries, 2, &|_| {}).unwrap();
    let seed = Seeder::start(Settings {
        listen: ANYWHERE,
        state: state.path().to_owned(),
    })
    .await
    .unwrap();
    seed.add(&torrent, root.path()).await.unwrap();
    let Some(SocketAddr::V4(at)) = seed.listen_addr() else {
        panic!("the seed listens on IPv4")
    };

    let torrent = Arc::new(torrent);
    let (first_to, second_to) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut first = Download::start(Arc::clone(&torrent), fetch_to(first_to.path(), vec![at]))
        .await
        .unwrap();
    // The second machine knows the first one only: every byte went through it.
    let mut second = Download::start(
        Arc::clone(&torrent),
        fetch_to(second_to.path(), vec![first.address()]),
    )
    .await
    .unwrap();
    for download in [&mut first, &mut second] {
        tokio::time::timeout(PATIENCE, download.complete())
            .await
            .expect("it never completed")
            .unwrap();
    }
    for (name, bytes) in &files {
        for to in [&first_to, &second_to] {
            assert_eq!(
                &fs::read(to.path().join("tiny").join(name)).unwrap(),
                bytes,
                "{name}"
            );
        }
    }
    let sent = seed.stats(&torrent.info_hash()).unwrap().uploaded;
    let all = torrent.info().total_length();
    assert!(
        (all..2 * all).contains(&sent),
        "the seed sent {sent} of {all} bytes"
    );
    assert_eq!(second.progress().borrow().have, all);
    first.stop().await;
    second.stop().await;
    seed.stop().await;
}
