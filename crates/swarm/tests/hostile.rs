//! Peers that misbehave: liars, those that only promise, and strangers that talk nonsense.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::{Duration, Instant};

use common::{PATIENCE, World, complete, liar, mute_at, options};
use socket2::{Domain, Socket, Type};
use swarm::core::wire::Handshake;
use swarm::net::Download;
use tempfile::TempDir;

const MIB: usize = 1 << 20;
/// Sooner than any silence is noticed, and generous for a busy computer.
const AT_ONCE: Duration = Duration::from_secs(5);

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

fn connect_from(address: Ipv4Addr, to: SocketAddrV4) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddrV4::new(address, 0).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}

/// Waits until a connection is closed, with or without a reset; false if it is not by then, whatever came on it.
fn is_closed(mut stream: TcpStream, by: Instant) -> bool {
    let mut some = [0; 4096];
    loop {
        let left = by.saturating_duration_since(Instant::now());
        let left = left.max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left)).unwrap();
        match stream.read(&mut some) {
            Ok(0) => return true,
            Ok(_) if Instant::now() < by => {}
            Ok(_) => return false,
            Err(why) => return why.kind() != ErrorKind::WouldBlock,
        }
    }
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
    // Nonsense ends a conversation at once; silence, as of the last one, after eight seconds.
    let (silent, loud): (Vec<_>, Vec<_>) = streams
        .into_iter()
        .enumerate()
        .partition(|(number, _)| number % strangers.len() == strangers.len() - 1);
    for (all, within) in [(loud, AT_ONCE), (silent, PATIENCE)] {
        let by = Instant::now() + within;
        for (number, stream) in all {
            assert!(is_closed(stream, by), "stranger {number} is still there");
        }
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
