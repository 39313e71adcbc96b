//! Peers that wait for the seed to connect to them.

#![allow(missing_docs, reason = "a test")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::thread;

use common::peer::Peer;
use common::world::{World, run, several};
use common::{bytes, joined};
use tokio::task::spawn_blocking;

const LOCAL: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn listen() -> (TcpListener, SocketAddrV4) {
    let listener = TcpListener::bind((LOCAL, 0)).unwrap();
    match listener.local_addr().unwrap() {
        SocketAddr::V4(at) => (listener, at),
        SocketAddr::V6(_) => panic!("not IPv4"),
    }
}

#[test]
fn a_peer_that_waits_is_served_and_its_end_is_noticed() {
    run(async {
        let world = World::new(&several()).await;
        let (listener, at) = listen();
        let (dialer, hash) = (world.seeder.dialer(), world.torrent.info_hash());
        assert!(!dialer.is_connected(&hash, LOCAL));
        let dialed =
            tokio::spawn(async move { dialer.dial(hash, at).await.unwrap().carry().await });
        let torrent = world.torrent.clone();
        let fetched = spawn_blocking(move || {
            let (stream, _) = listener.accept().unwrap();
            Peer::greet(stream, hash)
                .unwrap()
                .download(&torrent)
                .unwrap()
        });
        assert!(fetched.await.unwrap() == joined(&world.torrent, &several()));
        dialed.await.unwrap().unwrap();
        world.until(|stats| stats.peers.is_empty()).await;
        world.seeder.stop().await;
    });
}

#[test]
fn the_seed_knows_who_is_connected() {
    run(async {
        let world = World::new(&several()).await;
        let _peer = world.peer();
        world.until(|stats| !stats.peers.is_empty()).await;
        let (dialer, hash) = (world.seeder.dialer(), world.torrent.info_hash());
        assert!(dialer.is_connected(&hash, LOCAL));
        assert!(!dialer.is_connected(&hash, Ipv4Addr::new(127, 0, 0, 2)));
        assert!(!dialer.is_connected(&metainfo::InfoHash([7; 20]), LOCAL));
        world.seeder.stop().await;
        assert!(!dialer.is_connected(&hash, LOCAL));
        let (_listener, at) = listen();
        let ended = dialer.dial(hash, at).await.map(drop).unwrap_err();
        assert_eq!(ended.kind(), ErrorKind::NotConnected);
    });
}

/// A peer that answers with these bytes, then reads all it gets.
fn answers(answer: Vec<u8>) -> SocketAddrV4 {
    let (listener, at) = listen();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.write_all(&answer);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    at
}

#[test]
fn who_does_not_answer_as_a_peer_is_left() {
    run(async {
        let world = World::new(&several()).await;
        let (dialer, hash) = (world.seeder.dialer(), world.torrent.info_hash());
        let hello = |hash: [u8; 20]| {
            let begin = b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0";
            [&begin[..], &hash, b"-TS0001-abcdefghijkl"].concat()
        };
        let nobody = {
            let (_gone, at) = listen();
            at
        };
        let closes = {
            let (listener, at) = listen();
            thread::spawn(move || drop(listener.accept()));
            at
        };
        let half = hello(hash.0)[..67].to_vec();
        let cases = [
            (nobody, &[ErrorKind::ConnectionRefused][..]),
            (
                closes,
                &[ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset],
            ),
            (answers(bytes(1, 100_000)), &[ErrorKind::InvalidData]),
            (answers(hello([7; 20])), &[ErrorKind::InvalidData]),
            (answers(vec![]), &[ErrorKind::TimedOut]),
            (answers(half), &[ErrorKind::TimedOut]),
        ];
        // All at once: two of them take as long as a peer may take.
        let dialed = cases.map(|(at, kinds)| {
            let dialer = dialer.clone();
            (
                tokio::spawn(async move { dialer.dial(hash, at).await.map(drop) }),
                kinds,
            )
        });
        for (dialed, kinds) in dialed {
            let error = dialed.await.unwrap().unwrap_err();
            assert!(kinds.contains(&error.kind()), "{error:?}, not {kinds:?}");
        }
        // A right answer, and garbage after it: the seed ends that.
        let at = answers([hello(hash.0), vec![0xff; 1 << 16]].concat());
        let connection = dialer.dial(hash, at).await.unwrap();
        let _ = connection.carry().await;
        assert_eq!(
            world.peer().download(&world.torrent).unwrap(),
            joined(&world.torrent, &several())
        );
        world.seeder.stop().await;
    });
}

/// Stopping the seed ends what was dialed for it.
#[test]
fn stopping_closes_what_was_dialed() {
    run(async {
        let world = World::new(&several()).await;
        let (listener, at) = listen();
        let (dialer, hash) = (world.seeder.dialer(), world.torrent.info_hash());
        let dialed = tokio::spawn(async move {
            // The seed knows of it a moment before it does itself: the end may come in between.
            if let Ok(connection) = dialer.dial(hash, at).await {
                let _ = connection.carry().await;
            }
        });
        let mut peer = spawn_blocking(move || {
            let (stream, _): (TcpStream, _) = listener.accept().unwrap();
            Peer::greet(stream, hash).unwrap()
        })
        .await
        .unwrap();
        world.until(|stats| stats.peers.len() == 1).await;
        world.seeder.stop().await;
        peer.until_closed();
        dialed.await.unwrap();
    });
}
