//! One server in several networks at once: each has its own role, addresses, leases and seed, and machines of each are
//! told of the server's address there alone.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use initrd::Kind;
use lab::{BtServer, Foreign, Host, Room, Stop, built, get};
use metainfo::Torrent;

use crate::Event;
use crate::client::Client;
use crate::lesson::{Pupil, READY, target};
use crate::program::{Identifier, Program};

/// The server's address in each network of 24 bits: in the first two nobody else gives addresses, in the third somebody
/// does, and the cable of the fourth is out.
const SERVERS: [Ipv4Addr; 4] = [
    Ipv4Addr::new(10, 77, 0, 1),
    Ipv4Addr::new(10, 78, 0, 1),
    Ipv4Addr::new(10, 79, 0, 1),
    Ipv4Addr::new(10, 80, 0, 1),
];
const FOREIGN: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 2);
/// The range is the second network's; of the first all is given away.
const SETTINGS: &str =
    "boottorrent:\n  version: 0\ndnsmasq:\n  dhcp_range: 10.78.0.50,10.78.0.52,10m\n";
/// More than any `torrents.gz` of this test unpacks to.
const UNPACKED: usize = 1 << 20;

#[test]
#[ignore = "needs root, dnsmasq, DHCP clients and target/dist/bt-server; cargo xtask test runs it"]
fn one_server_serves_several_networks_each_in_its_own_role() -> Result<()> {
    let mut rooms = [(); 4].map(|()| Room::new(&Stop::never()).unwrap());
    let (host, oss) = computer(&mut rooms)?;
    let other = rooms[2].host(Some((FOREIGN, 24)))?;
    let range = ["--dhcp-range=10.79.0.50,10.79.0.99", "--dhcp-option=3"];
    let _dnsmasq = Foreign::dhcp(&other, rooms[2].scratch(), &range)?;
    let home = BtServer::alone(&rooms[0], &built::bt_server(target())?)?;
    let log = rooms[0].scratch().join("server.log");
    let further = ["--iface", "eth1", "--iface", "eth2", "--iface", "eth3"];
    let mut server = BtServer::start_in(&home, &rooms[0], &host, &oss, &further, &log)?;
    // The first network is served when the third is known to be another's; all of them were looked at together.
    server.wait_until_it_serves(&host, READY)?;

    let pupils = [0, 1, 2].map(|at: usize| Pupil::plug_into(&mut rooms[at], at as u8 + 1).unwrap());
    let mut hashes = Vec::new();
    for (at, pupil) in pupils.iter().enumerate() {
        let mut client = Client::start(pupil, "home", Program::Udhcpc, Identifier::Mac)?;
        let lease = client.wait_for(Event::Bound)?;
        let giver = if at == 2 { FOREIGN } else { SERVERS[at] };
        assert_eq!(lease.server, giver, "{lease:?}");
        assert_eq!(lease.address.octets()[..3], SERVERS[at].octets()[..3]);
        if at == 1 {
            assert!((50..=52).contains(&lease.address.octets()[3]), "{lease:?}");
        }
        let torrent = told_of_its_own_server(pupil, at)?;
        hashes.push(Torrent::parse(&torrent)?.info_hash());
        fetches_from(pupil, at, &torrent)?;
        // Nobody is led from one network into the other.
        for elsewhere in SERVERS.iter().filter(|address| **address != SERVERS[at]) {
            let way = SocketAddrV4::new(*elsewhere, 6969);
            assert!(get(pupil.host().namespace(), way, "/api/v1/machines").is_err());
        }
    }
    assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");

    // One history of all, and a file of leases for each network in which we give addresses.
    let all = server.machines(&host)?;
    for pupil in &pupils[..2] {
        let told = all.machine(&pupil.mac().to_string());
        ensure!(told.is_some_and(|one| one.address.is_some()), "{all:?}");
    }
    let leases = |at: usize| fs::read_to_string(home.join(format!("state/leases/10.7{at}.0.0_24")));
    for (at, pupil) in [(7, &pupils[0]), (8, &pupils[1])] {
        let written = leases(at)?;
        assert!(written.contains(&pupil.mac().to_string()), "{written}");
    }
    let said = server.said();
    for words in [
        "on eth0, 10.77.0.1/24\n  DHCP   full server",
        "on eth1, 10.78.0.1/24\n  DHCP   full server, gives 10.78.0.50 to 10.78.0.52",
        "on eth2, 10.79.0.1/24\n  DHCP   proxy",
        "no cable on eth3",
    ] {
        assert!(said.contains(words), "{words}:\n{said}");
    }
    assert!(!said.contains("on eth3, 10.80.0.1/24"), "{said}");

    // The cable is put in: that network is served from then on, too.
    rooms[3].switch().ip("link set p1 up")?;
    let late = Pupil::plug_into(&mut rooms[3], 4)?;
    let mut client = Client::start(&late, "home", Program::Udhcpc, Identifier::Mac)?;
    let lease = client.wait_long_for(Event::Bound, READY)?;
    assert_eq!(lease.server, SERVERS[3]);

    let (status, _) = server.interrupt()?;
    assert_eq!(status.code(), Some(0), "{}", server.said());
    Ok(())
}

/// The server's computer, with an interface in each room, and a folder with a system in it.
fn computer(rooms: &mut [Room; 4]) -> Result<(Host, PathBuf)> {
    let scratch = rooms[0].scratch().to_owned();
    let oss = scratch.join("oss");
    fs::create_dir_all(oss.join("small"))?;
    fs::write(oss.join("small/vmlinuz"), vec![7; 300_000])?;
    fs::write(oss.join("small/initrd.img"), "its initrd")?;
    fs::write(scratch.join("Boottorrent.yaml"), SETTINGS)?;
    let host = rooms[0].host(Some((SERVERS[0], 24)))?;
    for (at, room) in rooms.iter_mut().enumerate().skip(1) {
        room.plug_in(&host, &format!("eth{at}"), SERVERS[at], 24)?;
    }
    rooms[3].switch().ip("link set p1 down")?;
    Ok((host, oss))
}

/// What `pupil` finds at the server's address in its network names that address, and no other of the server's. Hands back
/// the torrent of the system.
fn told_of_its_own_server(pupil: &Pupil, at: usize) -> Result<Vec<u8>> {
    let server = SocketAddrV4::new(SERVERS[at], 6969);
    let fetch = |path: &str| {
        let (status, body) = get(pupil.host().namespace(), server, path)?;
        ensure!(status == 200, "{path}: {status}");
        Ok(body)
    };
    let archive = initrd::gunzip(&fetch("/boot/torrents.gz")?, UNPACKED)?;
    let mut told = fetch("/boot/boot.ipxe")?;
    let mut torrent = None;
    for entry in initrd::entries(&archive)? {
        if let Kind::File(bytes) = entry.kind {
            told.extend(&bytes);
            if entry.path == "torrents/small.torrent" {
                torrent = Some(bytes);
            }
        }
    }
    let told = String::from_utf8_lossy(&told).into_owned();
    let own = SERVERS[at];
    // The script, the manifest's `server` and `seed`, and the torrent's tracker.
    for words in [
        format!("kernel http://{own}:6969/"),
        format!("\"http://{own}:6969\""),
        format!("\"{own}:6881\""),
        format!("http://{own}:6969/announce"),
    ] {
        assert!(told.contains(&words), "{words}: {told}");
    }
    for elsewhere in SERVERS.iter().filter(|address| **address != own) {
        assert!(
            !told.contains(&elsewhere.to_string()),
            "{elsewhere}: {told}"
        );
    }
    torrent.context("no torrent")
}

/// Our own client gets the system from the seed in its network.
fn fetches_from(pupil: &Pupil, at: usize, torrent: &[u8]) -> Result<()> {
    let folder = pupil.folder().join("fetched");
    let file = pupil.folder().join("small.torrent");
    fs::create_dir_all(&folder)?;
    fs::write(&file, torrent)?;
    let output = pupil
        .host()
        .command(built::bttui(target())?)
        .args(["fetch", "--json", "--to"])
        .args([Path::new(&folder), &file])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "network {at}: {said} {errors}");
    ensure!(said.contains(&SERVERS[at].to_string()), "{said}");
    Ok(())
}
