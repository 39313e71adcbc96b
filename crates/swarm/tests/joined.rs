//! Files that lie in one file together while they are fetched, checked and shared on.

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use common::{World, complete, options};
use metainfo::Sha256;
use sha2::Digest;
use swarm::net::{Download, Joined, Options};
use tempfile::TempDir;

const SIZE: usize = (1 << 20) + 1000;
/// Three of the world's four files, not in the torrent's order, and where they begin.
const PLACES: [(usize, &str, u64); 3] = [
    (1, "boot/vmlinuz", 200),
    (3, "read me", 0),
    (0, "boot/образ.gz", 131_300),
];
const LENGTH: u64 = 131_300 + SIZE as u64 + 4;
const GAP: u64 = 100;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_lie_in_one_are_checked_there_shared_on_and_found_again() {
    let world = World::new(SIZE);
    let seed = world.seed(None, 50).await;
    let (to, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let path = to.path().join("tiny.initrd");
    let bytes = |file: &str| fs::read(world.folder.path().join("tiny").join(file)).unwrap();
    let start = |peers: &[_]| {
        let options =
            Options {
                joined: Some(Joined {
                    path: path.clone(),
                    length: LENGTH,
                    at: PLACES.iter().map(|(index, _, at)| (*index, *at)).collect(),
                }),
                sums: BTreeMap::from(PLACES.map(|(index, file, _)| {
                    (index, Sha256(sha2::Sha256::digest(bytes(file)).into()))
                })),
                ..options(&to, peers)
            };
        Download::start(world.torrent(None), options)
    };
    let mut joined = start(&[seed.address()]).await.unwrap();
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .write_all_at(b"between", GAP)
        .unwrap();
    complete(&mut joined).await;
    let all = fs::read(&path).unwrap();
    assert_eq!(all.len() as u64, LENGTH);
    for (_, file, at) in PLACES {
        let bytes = bytes(file);
        assert_eq!(all[at as usize..][..bytes.len()], bytes, "{file}");
        assert!(
            !to.path().join("tiny").join(file).exists(),
            "{file} is there twice"
        );
    }
    assert_eq!(all[GAP as usize..][..7], *b"between");

    let mut second = Download::start(world.torrent(None), options(&other, &[joined.address()]))
        .await
        .unwrap();
    complete(&mut second).await;
    assert!(world.is_in(other.path()));
    joined.stop().await;

    let mut again = start(&[]).await.unwrap();
    complete(&mut again).await;
    assert!(
        again.progress().borrow().sources.is_empty(),
        "all was there"
    );
}
