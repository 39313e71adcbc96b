//! Real transfers over loopback: rooms that share, and peers that misbehave.

mod common;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use common::{
    PATIENCE, World, complete, liar, mute_at, options, recorded_tracker, tracker, tracker_at,
};
use metainfo::{Info, Torrent};
use socket2::{Domain, Socket, Type};
use swarm::core::wire::Handshake;
use swarm::net::{Download, Error};
use tempfile::TempDir;

const MIB: usize = 1 << 20;
/// Sooner than any silence is noticed, and generous for a busy computer.
const AT_ONCE: Duration = Duration::from_secs(5);

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

/// The liar has an address of its own: a ban is of an address.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_liar_is_left_alone_and_everything_comes_from_others() {
    let world = World::new(MIB);
    let seed = world.seed(None, 50).await;
    let lie = liar(&world.torrent(None));
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut download = Download::start(world.torrent(None), options(&folder, &[lie]))
        .await
        .unwrap();
    let mut news = download.progress();
    let asked = tokio::time::timeout(PATIENCE, news.wait_for(|now| now.rate > 0)).await;
    assert_eq!(
        asked.expect("the liar was never asked").unwrap().have,
        0,
        "a lie passed for a piece"
    );
    // Only now an honest one comes along.
    let peers = [seed.address(), download.address()];
    let mut honest = Download::start(world.torrent(None), options(&other, &peers))
        .await
        .unwrap();
    complete(&mut honest).await;
    complete(&mut download).await;
    assert!(world.is_in(folder.path()));
    let sources = download.progress().borrow().sources.clone();
    assert!(
        sources.iter().all(|(from, _)| from != lie.ip()),
        "{sources:?}"
    );
}

/// So many of them that the end game, which asks twice for the last few pieces, cannot make up for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_that_promise_and_never_send_are_passed_over_within_seconds() {
    let world = World::new(4 * MIB);
    let (torrent, seed) = (world.torrent(None), world.seed(None, 50).await);
    let silent: Vec<_> = (0..32)
        .map(|number| mute_at(&torrent, [127, 0, 1, number].into()))
        .collect();
    let (folder, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut download = Download::start(torrent, options(&folder, &silent))
        .await
        .unwrap();
    let mut news = download.progress();
    let greeted = news.wait_for(|now| now.peers as usize == silent.len());
    let greeted = tokio::time::timeout(PATIENCE, greeted).await;
    greeted.expect("not all of them were reached").unwrap();
    // Each has been asked for a piece by now. Only now somebody comes who gives.
    let peers = [seed.address(), download.address()];
    let honest = Download::start(world.torrent(None), options(&other, &peers))
        .await
        .unwrap();
    let seconds = Duration::from_secs(20);
    let completed = tokio::time::timeout(seconds, download.complete()).await;
    completed.expect("they were waited for").unwrap();
    assert!(world.is_in(folder.path()));
    drop(honest);
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

fn connect_from(address: Ipv4Addr, to: SocketAddrV4) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddrV4::new(address, 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

/// Each of these is a connection from a stranger, all at once, while a download goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_do_no_harm() {
    let world = World::new(4 * MIB);
    let seed = world.seed(None, 50).await;
    let folder = TempDir::new().unwrap();
    let torrent = world.torrent(None);
    let mut download = Download::start(world.torrent(None), options(&folder, &[]))
        .await
        .unwrap();
    let mut hello = bytes::BytesMut::new();
    Handshake::new(torrent.info_hash(), *b"-XX0000-stranger0000").encode(&mut hello);
    let after_hello = |message: &[u8]| [&hello[..], message].concat();
    let strangers: [Vec<u8>; 7] = [
        vec![0xff; 5000],
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        after_hello(&[0xff, 0xff, 0xff, 0xff, 7]),
        after_hello(&[0, 0, 0, 3, 5, 0xff, 0xff]),
        after_hello(&[0, 0, 0, 5, 4, 0xff, 0xff, 0xff, 0xff]),
        after_hello(&[
            0, 0, 0, 13, 6, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0x40, 0,
        ]),
        hello[..30].to_vec(),
    ];
    let mut streams = Vec::new();
    for target in [download.address(), seed.address()] {
        for (number, stranger) in (1..).zip(&strangers) {
            // Of many from one address, those that do not greet give way to the next.
            let mut stream = connect_from([127, 0, 2, number].into(), target);
            // It may be parted from before it has said everything.
            let _ = stream.write_all(stranger);
            streams.push(stream);
        }
    }
    for (number, mut stream) in streams.into_iter().enumerate() {
        // Nonsense ends a conversation at once; silence, as of the last one, after eight seconds.
        let silent = number % strangers.len() == strangers.len() - 1;
        let within = if silent { PATIENCE } else { AT_ONCE };
        stream.set_read_timeout(Some(within)).unwrap();
        let ended = stream.read_to_end(&mut Vec::new());
        // Closed with or without a reset; not a wait without end.
        let waited = ended.is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
        assert!(!waited, "stranger {number} is still there");
    }
    // A second swarm of the same seed: it still serves, and the first still takes.
    let other = TempDir::new().unwrap();
    let mut second = Download::start(
        world.torrent(None),
        options(&other, &[seed.address(), download.address()]),
    )
    .await
    .unwrap();
    complete(&mut second).await;
    complete(&mut download).await;
    assert!(world.is_in(folder.path()) && world.is_in(other.path()));
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
