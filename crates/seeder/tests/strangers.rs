//! Peers that mean no good: they can neither stop the seed nor use it against others.

#![allow(missing_docs, reason = "a test")]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use common::peer::Peer;
use common::world::{World, run, several};
use common::{bytes, joined};

async fn world() -> World {
    World::new(&several()).await
}

fn serves_well(world: &World) {
    assert!(world.peer().download(&world.torrent).unwrap() == joined(&world.torrent, &several()));
}

#[test]
fn garbage_ends_its_connection_and_no_other() {
    run(async {
        let world = world().await;
        let hello = |hash: &[u8; 20]| {
            [
                &b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0"[..],
                hash,
                b"-TS0001-abcdefghijkl",
            ]
            .concat()
        };
        for garbage in [
            bytes(1, 100),
            bytes(2, 100_000),
            vec![0; 68],
            hello(&[7; 20]),
            vec![0x13; 68],
        ] {
            let mut stranger = TcpStream::connect(world.at).unwrap();
            // The connection may be closed before all is written.
            let _ = stranger.write_all(&garbage);
            let mut answer = Vec::new();
            let _ = stranger.read_to_end(&mut answer);
            assert!(answer.is_empty(), "no answer to garbage");
        }
        let raw: [&[u8]; 5] = [
            &[0xff, 0xff, 0xff, 0xff, 6],
            &[0x7f, 0, 0, 0, 7, 0, 0, 0, 0],
            // A bitfield of the wrong length.
            &[
                0, 0, 0, 9, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
            ],
            // BEP 10 with bencode that is none.
            &[0, 0, 0, 6, 20, 0, b'd', b'i', b'1', b'x'],
            // A block of a piece that does not exist.
            &[
                0, 0, 0, 13, 6, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0x40, 0,
            ],
        ];
        for message in raw {
            let mut stranger = world.peer();
            stranger.write_raw(message).unwrap();
            // What is too long ends when the seed's buffer is full. It may be closed before that.
            let _ = stranger.write_raw(&[0x55; 1 << 16]);
            stranger.until_closed();
        }
        let mut beyond = world.peer();
        beyond.request(0, 0, u32::MAX).unwrap();
        beyond.until_closed();
        serves_well(&world);
        world.seeder.stop().await;
    });
}

/// Peer exchange makes librqbit dial; it must never get through to the one who is named.
#[test]
fn nobody_can_make_the_seed_connect_to_others() {
    run(async {
        let world = world().await;
        let victim = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        victim.set_nonblocking(true).unwrap();
        let port = victim.local_addr().unwrap().port();
        let mut stranger = world.peer();
        stranger.exchange(&[(Ipv4Addr::LOCALHOST, port)]).unwrap();
        // Two thousand answers later a dial that was begun has long reached a listener on loopback.
        for _ in 0..2_000 {
            stranger.request(0, 0, 1 << 14).unwrap();
            stranger.block().unwrap();
        }
        assert_eq!(
            victim.accept().unwrap_err().kind(),
            ErrorKind::WouldBlock,
            "the seed dialled"
        );
        world.seeder.stop().await;
    });
}

/// Named peers are remembered, so they are forgotten when there are too many; bytes sent are not.
#[test]
fn named_peers_cannot_fill_the_memory() {
    run(async {
        let world = world().await;
        serves_well(&world);
        let mut stranger = world.peer();
        for block in 0..12_u8 {
            let names: Vec<_> = (0..2_000_u16)
                .map(|i| (Ipv4Addr::new(127, 99, block, (i % 250) as u8), 1 + i))
                .collect();
            stranger.exchange(&names).unwrap();
        }
        stranger.until_closed();
        // Between closing and opening again, the seed knows nobody.
        while Peer::connect(world.at, world.torrent.info_hash()).is_err() {}
        serves_well(&world);
        let total = world.torrent.info().total_length();
        while world
            .seeder
            .stats(&world.torrent.info_hash())
            .unwrap()
            .uploaded
            < 2 * total
        {
            tokio::task::yield_now().await;
        }
        world.seeder.stop().await;
    });
}
