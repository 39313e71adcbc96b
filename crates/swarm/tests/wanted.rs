//! A machine that fetches some files of a torrent, and files that must be what somebody promised.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;

use common::web::{Manner, Web};
use common::{PATIENCE, World, complete, options, recorded_tracker};
use metainfo::{Info, Sha256};
use sha2::Digest;
use swarm::net::{Download, Error, Options, Wanted, WebSeed};
use tempfile::TempDir;

/// Not a whole number of pieces, so that the second file begins within a piece of the first.
const SIZE: usize = (1 << 20) + 1000;
const PIECE: u64 = 64 << 10;
const WANTED: &str = "boot/vmlinuz";
const INDEX: usize = 1;
/// 131072 bytes that begin 1000 bytes into a piece take three, the last of which ends with the torrent.
const FETCHED: u64 = 2 * PIECE + 1000 + 17;

fn only(info: &Info, to: &TempDir, peers: &[SocketAddrV4]) -> Options {
    Options {
        wanted: Wanted::named(info, [WANTED]).unwrap(),
        ..options(to, peers)
    }
}

/// The files below a folder, by their path.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let path = path.strip_prefix(folder).unwrap();
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

fn sum(world: &World, file: &str) -> Sha256 {
    let bytes = fs::read(world.folder.path().join("tiny").join(file)).unwrap();
    Sha256(sha2::Sha256::digest(bytes).into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_wanted_files_are_there_and_their_pieces_are_served_whole() {
    let world = World::new(SIZE);
    let torrent = world.torrent(None);
    let seed = world.seed(None, 50).await;
    let (some, all) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut partly = Download::start(
        world.torrent(None),
        only(torrent.info(), &some, &[seed.address()]),
    )
    .await
    .unwrap();
    complete(&mut partly).await;
    let now = partly.progress().borrow().clone();
    assert_eq!((now.have, now.total), (FETCHED, FETCHED));
    let mut news = seed.progress();
    let sent = news.wait_for(|now| now.uploaded >= FETCHED).await;
    assert_eq!(sent.unwrap().uploaded, FETCHED);
    assert_eq!(files(some.path()), [format!("tiny/{WANTED}")]);
    let same = |folder: &Path| fs::read(folder.join("tiny").join(WANTED)).unwrap();
    assert_eq!(same(some.path()), same(world.folder.path()));

    // One that wants everything gets those pieces from it, with its neighbours' bytes, and keeps them.
    let wants_all = Download::start(world.torrent(None), options(&all, &[partly.address()]))
        .await
        .unwrap();
    let mut news = wants_all.progress();
    let has_them = news.wait_for(|now| now.have == FETCHED);
    tokio::time::timeout(PATIENCE, has_them)
        .await
        .expect("pieces at the edge are served wrong")
        .unwrap();
    wants_all.stop().await;
    let mut again = Download::start(world.torrent(None), options(&all, &[seed.address()]))
        .await
        .unwrap();
    assert_eq!(again.progress().borrow().have, FETCHED);
    complete(&mut again).await;
    assert!(world.is_in(all.path()));
}

/// What lies at the edges is lost with the program: no more than that is fetched again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_earlier_run_left_is_kept_but_for_its_edges() {
    let world = World::new(SIZE);
    let torrent = world.torrent(None);
    let (seed, folder) = (world.seed(None, 50).await, TempDir::new().unwrap());
    let start = || {
        let options = only(torrent.info(), &folder, &[seed.address()]);
        Download::start(world.torrent(None), options)
    };
    let mut first = start().await.unwrap();
    complete(&mut first).await;
    first.stop().await;
    let mut second = start().await.unwrap();
    assert_eq!(
        second.progress().borrow().have,
        PIECE,
        "the one in the middle"
    );
    complete(&mut second).await;
    let sources = second.progress().borrow().sources.clone();
    assert_eq!(sources[0].1, FETCHED - PIECE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_of_both_kinds_finishes_and_the_tracker_hears_of_completion() {
    let world = World::new(SIZE);
    let (url, told) = recorded_tracker(world.torrent(None).info_hash());
    let torrent = world.torrent(Some(&url));
    // One place: the others must get theirs from machines.
    let seed = world.seed(Some(&url), 1).await;
    let folders: Vec<TempDir> = (0..4).map(|_| TempDir::new().unwrap()).collect();
    let mut room = Vec::new();
    for (number, folder) in folders.iter().enumerate() {
        let wants = match number % 2 {
            0 => options(folder, &[]),
            _ => only(torrent.info(), folder, &[]),
        };
        room.push(
            Download::start(world.torrent(Some(&url)), wants)
                .await
                .unwrap(),
        );
    }
    for (number, download) in room.iter_mut().enumerate() {
        complete(download).await;
        let all = number % 2 == 0;
        assert_eq!(world.is_in(folders[number].path()), all);
    }
    let partly = format!("downloaded={FETCHED}&left=0&compact=1&event=completed");
    let heard = std::iter::from_fn(|| told.recv_timeout(PATIENCE).ok());
    assert!(
        heard.take(40).any(|query| query.contains(&partly)),
        "no completion of those who want a part"
    );
    for download in room {
        download.stop().await;
    }
    seed.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_http_too_only_wanted_pieces_come() {
    let world = World::new(SIZE);
    let web = Web::new(
        world.folder.path(),
        Ipv4Addr::new(127, 0, 0, 9),
        Manner::Right,
    );
    let folder = TempDir::new().unwrap();
    let by_http = Options {
        web_seed: WebSeed::parse(&web.url()).ok(),
        ..only(world.torrent(None).info(), &folder, &[])
    };
    let mut download = Download::start(world.torrent(None), by_http).await.unwrap();
    complete(&mut download).await;
    assert_eq!(web.sent(), FETCHED);
    assert_eq!(files(folder.path()), [format!("tiny/{WANTED}")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_are_what_was_promised_complete() {
    let world = World::new(SIZE);
    let seed = world.seed(None, 50).await;
    for wanted in [false, true] {
        let folder = TempDir::new().unwrap();
        let torrent = world.torrent(None);
        let paths = torrent.info().files.iter().map(|file| file.path.join("/"));
        let sums = paths.map(|path| sum(&world, &path)).enumerate();
        let base = match wanted {
            true => only(torrent.info(), &folder, &[seed.address()]),
            false => options(&folder, &[seed.address()]),
        };
        let promised = Options {
            sums: sums.collect(),
            ..base
        };
        let mut download = Download::start(world.torrent(None), promised)
            .await
            .unwrap();
        complete(&mut download).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_not_what_was_promised_is_never_complete_and_is_named_with_both_sums() {
    let world = World::new(SIZE);
    let (seed, folder) = (world.seed(None, 50).await, TempDir::new().unwrap());
    let wrong = Sha256([7; 32]);
    let promised = Options {
        sums: BTreeMap::from([(INDEX, wrong), (0, wrong)]),
        ..only(world.torrent(None).info(), &folder, &[seed.address()])
    };
    let mut download = Download::start(world.torrent(None), promised)
        .await
        .unwrap();
    let ended = tokio::time::timeout(PATIENCE, download.complete())
        .await
        .unwrap();
    let Err(error @ Error::Sum { .. }) = ended else {
        panic!("{ended:?}")
    };
    let said = error.to_string();
    let right = sum(&world, WANTED).to_string();
    for part in [WANTED, &right, &"07".repeat(32)] {
        assert!(said.contains(part), "{said}");
    }
    // The pieces are the torrent's all the same: others get them from here.
    let other = TempDir::new().unwrap();
    let mut news = download.progress();
    news.wait_for(|now| now.complete).await.unwrap();
    let from_it = only(world.torrent(None).info(), &other, &[download.address()]);
    let mut second = Download::start(world.torrent(None), from_it).await.unwrap();
    complete(&mut second).await;
}

/// It is told before another file has one byte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_promise_is_noticed_as_soon_as_the_file_is_here() {
    let world = World::new(SIZE);
    let (seed, folder) = (world.seed(None, 50).await, TempDir::new().unwrap());
    let first = only(world.torrent(None).info(), &folder, &[seed.address()]);
    let mut download = Download::start(world.torrent(None), first).await.unwrap();
    complete(&mut download).await;
    download.stop().await;
    // Nobody gives the rest. The kernel's first and last piece need their neighbours, which are not here.
    fs::copy(
        world.folder.path().join("tiny/boot/образ.gz"),
        folder.path().join("tiny/boot/образ.gz"),
    )
    .unwrap();
    let promised = Options {
        sums: BTreeMap::from([(0, Sha256([7; 32]))]),
        ..options(&folder, &[])
    };
    let mut download = Download::start(world.torrent(None), promised)
        .await
        .unwrap();
    let ended = tokio::time::timeout(PATIENCE, download.complete())
        .await
        .unwrap();
    assert!(matches!(ended, Err(Error::Sum { .. })), "{ended:?}");
    assert!(!download.progress().borrow().complete);
}
