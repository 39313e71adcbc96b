//! Without tracker and multicast, by what machines tell each other (BEP 11).

use std::net::SocketAddrV4;

use lab::{Stop, until};

use crate::common::fetch::Fetch;
use crate::common::world::{SEED, SOON};
use crate::{RATE, finish, folder, open};

/// The second and the third know the first alone, and the first knows the server.
#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn machines_that_know_one_hear_of_the_others_and_of_the_server() {
    let mut world = open("boottorrent: {version: 0}\nopentracker: {enable: False}\n");
    let offer = world.offer(crate::SYSTEM);
    let hosts = [2, 3, 4].map(|number| (number, world.host(number)));
    let address = |at: usize| hosts[at].1.address().unwrap();
    hosts[0].1.limit_sending(RATE).unwrap();
    let first = SocketAddrV4::new(address(0), 6900);
    let start = |at: usize, knows: SocketAddrV4| {
        let (number, host) = &hosts[at];
        let knows = knows.to_string();
        let words = [
            "--peer",
            &knows,
            "--listen",
            &format!("{}:6900", address(at)),
            "--seed-for",
            "2",
        ];
        Fetch::start_with(&words, host, &offer, &folder(&world, *number))
    };
    let fetches = [start(0, SEED), start(1, first), start(2, first)];
    // Each of them: the two other machines, and the server's seed.
    until("everybody knows everybody", SOON, &Stop::never(), || {
        let all = fetches.iter().all(|fetch| fetch.had_peers(3).is_some());
        Ok(all.then_some(()))
    })
    .unwrap();
    let all: Vec<_> = hosts
        .iter()
        .zip(fetches)
        .map(|((number, _), fetch)| finish(fetch, &folder(&world, *number)))
        .collect();
    println!("{all:?}");
    let gave = |from: usize, to: usize| {
        let sources = &all[to].sources;
        sources.iter().any(|(source, _)| *source == address(from))
    };
    assert!(gave(1, 2) || gave(2, 1), "they shared nothing: {all:?}");
}
