//! Without a tracker, by multicast (BEP 14); and no multicast where it was not asked for.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use lab::{Host, Stop, until};

use crate::common::fetch::Fetch;
use crate::common::world::{SERVER, SOON, World};
use crate::{finish, folder, of_server, open};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 192, 152, 143);
const PORT: u16 = 6771;
const ALONE: &str = "boottorrent: {version: 0}\nopentracker: {enable: False}\n";

/// Somebody who only listens to the group.
struct Ear(UdpSocket);

impl Ear {
    fn on(host: &Host) -> Ear {
        let socket = host.namespace().enter(|| {
            let socket = UdpSocket::bind((GROUP, PORT))?;
            socket.join_multicast_v4(&GROUP, &host.address().unwrap())?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        Ear(socket.unwrap())
    }

    /// Who has said something since it was asked last.
    fn heard(&self) -> Vec<SocketAddr> {
        let mut from = Vec::new();
        loop {
            match self.0.recv_from(&mut [0; 1500]) {
                Ok((_, sender)) => from.push(sender),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return from,
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Starts one that looks for others by multicast and knows nobody.
fn looking(world: &World, host: &Host, number: u8) -> Fetch {
    let address = host.address().unwrap().to_string();
    let offer = world.offer(crate::SYSTEM);
    assert_eq!(offer.torrent.announce(), None, "there is a tracker");
    let words = [
        "--lsd",
        &address,
        "--listen",
        &format!("{address}:0"),
        "--seed-for",
        "2",
    ];
    Fetch::start_with(&words, host, &offer, &folder(world, number))
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn three_machines_find_the_server_and_each_other_by_multicast_alone() {
    let mut world = open(&format!("{ALONE}aria2: {{bt_enable_lpd: True}}\n"));
    let hosts = [2, 3, 4].map(|number| (number, world.host(number)));
    let fetches = hosts
        .each_ref()
        .map(|(number, host)| looking(&world, host, *number));
    let all: Vec<_> = hosts
        .iter()
        .zip(fetches)
        .map(|((number, _), fetch)| finish(fetch, &folder(&world, *number)))
        .collect();
    println!("{all:?}");
    for one in &all {
        let given = |from: &Ipv4Addr| *from != SERVER;
        assert!(
            one.sources.iter().any(|(from, _)| given(from)),
            "nothing of machines: {one:?}"
        );
    }
    let total = all[0].total;
    assert!(
        of_server(&all) < 2 * total,
        "the server gave {} of {total}",
        of_server(&all)
    );
}

/// The machine asks, and asks again a second later. A server that speaks answers long before that.
#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn the_server_speaks_by_multicast_only_where_it_is_told_to() {
    for (setting, speaks) in [("aria2: {bt_enable_lpd: True}\n", true), ("", false)] {
        let mut world = open(&format!("{ALONE}{setting}"));
        let (listener, machine) = (world.host(2), world.host(3));
        let (ear, address) = (Ear::on(&listener), machine.address().unwrap());
        let _looks = looking(&world, &machine, 3);
        let mut heard = Vec::new();
        until("it asks twice", SOON, &Stop::never(), || {
            heard.extend(ear.heard());
            let asked = heard.iter().filter(|from| from.ip() == address).count();
            Ok((asked >= 2).then_some(()))
        })
        .unwrap();
        let answered = heard.iter().any(|from| from.ip() == SERVER);
        assert_eq!(answered, speaks, "{setting:?}: {heard:?}");
    }
}
