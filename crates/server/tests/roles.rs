//! The real program on wires of every kind: silent, with another DHCP server on it, with one that comes later; and on
//! an interface that has no address.

mod common;

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bt_server::doors::ear;
use lab::{Host, Room, Stop, until};
use nix::sys::signal::Signal;

use crate::common::dnsmasq::{Dnsmasq, OTHER};
use crate::common::udhcpc::Udhcpc;
use crate::common::{REFUSED, Server, phase1};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// From something on the wire to what the server says of it: it asks every 15 s.
const NOTICED: Duration = Duration::from_secs(60);
const SOON: Duration = Duration::from_secs(20);

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn on_a_silent_wire_it_gives_addresses() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let machine = world.room.host(None)?;
    let mut server = world.start(&[])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    let said = server.told();
    ensure!(
        said.contains("DHCP   full server, gives 10.77.0.1 to 10.77.0.254"),
        "{said}"
    );
    let client = Udhcpc::start(&world.room, &machine, "client", &[])?;
    ensure!(client.wait_for("bound")?[1] == SERVER.to_string());
    Ok(())
}

#[test]
#[ignore = "needs root, dnsmasq, network namespaces and target/phase1; cargo xtask test runs it"]
fn beside_another_server_it_gives_none() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let (other, machine) = (world.other()?, world.room.host(None)?);
    let given = Given::listen(&world.room.host(None)?)?;
    let _dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &[])?;
    let mut server = world.start(&[])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    let said = server.told();
    ensure!(
        said.contains("DHCP   proxy, gives no addresses: another DHCP server answers, 10.77.0.2"),
        "{said}"
    );
    for (name, arguments) in [
        ("system", &[][..]),
        ("firmware", &["-V", "PXEClient:Arch:00000", "-x", "93:0000"]),
    ] {
        let client = Udhcpc::start(&world.room, &machine, name, arguments)?;
        ensure!(client.wait_for("bound")?[1] == OTHER.to_string(), "{name}");
    }
    let given = given.by(SERVER);
    ensure!(given.is_empty(), "it gave {given:?}");
    Ok(())
}

#[test]
#[ignore = "needs root, dnsmasq, network namespaces and target/phase1; cargo xtask test runs it"]
fn who_insists_on_full_is_refused_beside_another_server() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let other = world.other()?;
    let _dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &[])?;
    let mut server = world.start(&["--dhcp", "full"])?;
    let ended = server.ready_or_ended()?.context("it started")?;
    let said = server.told();
    ensure!(!ended.success() && said.contains("10.77.0.2"), "{said}");
    ensure!(
        said.contains("turn that server off") && said.contains("without --dhcp full"),
        "{said}"
    );
    Ok(())
}

/// The broadcasts of a server in another network are dropped by the kernel where it checks their source; it must be
/// heard all the same.
#[test]
#[ignore = "needs root, dnsmasq, network namespaces and target/phase1; cargo xtask test runs it"]
fn a_server_of_another_network_is_heard_although_the_kernel_drops_it() -> Result<()> {
    let mut world = World::new(Some((Ipv4Addr::new(172, 20, 0, 1), 24)))?;
    let other = world.other()?;
    world.host.namespace().enter(|| {
        for name in ["all", "eth0"] {
            fs::write(format!("/proc/sys/net/ipv4/conf/{name}/rp_filter"), "1")?;
        }
        Ok(())
    })?;
    let _dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &[])?;
    let mut server = world.start(&[])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    let said = server.told();
    ensure!(
        said.contains("proxy, gives no addresses: another DHCP server answers, 10.77.0.2"),
        "{said}"
    );
    Ok(())
}

#[test]
#[ignore = "needs root, dnsmasq, network namespaces and target/phase1; cargo xtask test runs it"]
fn beside_a_server_that_comes_later_leases_go_on_and_new_machines_get_theirs_there() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let (other, early, late) = (
        world.other()?,
        world.room.host(None)?,
        world.room.host(None)?,
    );
    let given = Given::listen(&world.room.host(None)?)?;
    let mut server = world.start(&[])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    let first = Udhcpc::start(&world.room, &early, "early", &[])?;
    let bound = first.wait_for("bound")?;
    ensure!(bound[1] == SERVER.to_string(), "{bound:?}");

    let _dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &[])?;
    server.wait_until_it_says("proxy: another DHCP server answers, 10.77.0.2", NOTICED)?;
    let before = given.by(SERVER);
    first.signal("USR1")?;
    ensure!(first.wait_for("renew")? == bound);
    let second = Udhcpc::start(&world.room, &late, "late", &[])?;
    ensure!(second.wait_for("bound")?[1] == OTHER.to_string());
    let new: Vec<_> = given
        .by(SERVER)
        .into_iter()
        .filter(|one| !before.contains(one))
        .collect();
    ensure!(new.is_empty(), "it gave {new:?}");
    let said = server.told();
    ensure!(
        said.matches("another DHCP server answers").count() == 1,
        "told once:\n{said}"
    );
    Ok(())
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn an_interface_without_an_address_is_left_as_it_was_found() -> Result<()> {
    let mut world = World::new(None)?;
    let machine = world.room.host(None)?;
    // (what is done to it first, how the server ends)
    for (number, (prepare, end)) in [
        ("link set eth0 down", Signal::SIGTERM),
        ("link set eth0 down", Signal::SIGKILL),
        ("link set eth0 up", Signal::SIGINT),
        ("address add 169.254.7.7/16 dev eth0", Signal::SIGKILL),
    ]
    .into_iter()
    .enumerate()
    {
        world.host.namespace().ip(prepare)?;
        let found = world.interface()?;
        let mut server = world.start(&[])?;
        ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
        ensure!(
            world.interface()?.contains("inet 10.77.0.1/24"),
            "{prepare}"
        );
        let said = server.told();
        ensure!(
            said.contains("eth0 had no address") && said.contains("full server"),
            "{said}"
        );
        let name = format!("client-{number}");
        let client = Udhcpc::start(&world.room, &machine, &name, &[])?;
        ensure!(client.wait_for("bound")?[1] == SERVER.to_string());
        server.signal(end)?;
        server.end()?;
        until("the interface as it was", SOON, &Stop::never(), || {
            Ok((world.interface()? == found).then_some(()))
        })
        .with_context(|| {
            format!(
                "{prepare}, {end}: found\n{found}left\n{:?}",
                world.interface()
            )
        })?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn the_address_that_is_taken_collides_with_nothing_and_can_be_named() -> Result<()> {
    let world = World::new(None)?;
    let namespace = world.host.namespace();
    namespace.ip("link add eth1 type dummy")?;
    namespace.ip("address add 10.77.0.9/16 dev eth1")?;
    for (options, taken) in [
        (&[][..], "inet 172.30.77.1/24"),
        (&["--address", "10.5.0.1/16"], "inet 10.5.0.1/16"),
    ] {
        let mut server = world.start(options)?;
        ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
        ensure!(
            world.interface()?.contains(taken),
            "{options:?}: {}",
            world.interface()?
        );
        server.signal(Signal::SIGTERM)?;
        server.end()?;
    }
    Ok(())
}

#[test]
#[ignore = "needs root, dnsmasq, network namespaces and target/phase1; cargo xtask test runs it"]
fn an_interface_without_an_address_is_to_get_it_from_who_gives_addresses() -> Result<()> {
    let mut world = World::new(None)?;
    let other = world.other()?;
    let _dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &[])?;
    let found = world.interface()?;
    let mut server = world.start(&[])?;
    let ended = server.ready_or_ended()?.context("it started")?;
    let said = server.told();
    ensure!(!ended.success(), "{said}");
    ensure!(
        said.contains("eth0 has no address") && said.contains("10.77.0.2"),
        "{said}"
    );
    ensure!(
        said.contains("start again: ip link set eth0 up; dhclient eth0"),
        "{said}"
    );
    ensure!(world.interface()? == found);
    Ok(())
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn another_interface_never_hears_a_word() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let served = world.room.host(None)?;
    let elsewhere = world.room.host(None)?;
    let namespace = world.host.namespace();
    let cable = format!(
        "link add eth1 type veth peer name eth1 netns {}",
        elsewhere.namespace().path()
    );
    namespace.ip(&cable)?;
    // The kernel's own words of IPv6 are not ours.
    namespace.ip("link set eth1 addrgenmode none")?;
    namespace.ip("address add 10.78.0.1/24 dev eth1")?;
    namespace.ip("link set eth1 up")?;
    elsewhere.namespace().ip("link set eth1 up")?;
    let mut server = world.start(&[])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    let unserved = Udhcpc::on(
        &world.room,
        &elsewhere,
        "eth1",
        "elsewhere",
        &["-n", "-t", "3"],
    )?;
    let client = Udhcpc::start(&world.room, &served, "served", &[])?;
    client.wait_for("bound")?;
    unserved.wait_for("leasefail")?;
    let heard = namespace.enter(|| {
        let table = fs::read_to_string("/proc/thread-self/net/dev")?;
        let line = table
            .lines()
            .find_map(|line| line.trim().strip_prefix("eth1:"));
        let columns: Vec<u64> = line
            .context("no eth1")?
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        Ok((columns[1], columns[9]))
    })?;
    ensure!(heard.0 >= 3 && heard.1 == 0, "received, sent: {heard:?}");
    Ok(())
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn a_second_server_leaves_the_room_to_the_first() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let (other, machine) = (world.other()?, world.room.host(None)?);
    let mut first = world.start(&[])?;
    ensure!(first.ready_or_ended()?.is_none(), "{}", first.told());
    let mut second = world.start_on(&other, "second", &[])?;
    ensure!(second.ready_or_ended()?.is_none(), "{}", second.told());
    let said = second.told();
    ensure!(
        said.contains("silent: the bt-server at 10.77.0.1:6969 boots this room"),
        "{said}"
    );
    let client = Udhcpc::start(&world.room, &machine, "client", &[])?;
    ensure!(client.wait_for("bound")?[1] == SERVER.to_string());
    Ok(())
}

#[test]
#[ignore = "needs root, dnsmasq, network namespaces and target/phase1; cargo xtask test runs it"]
fn a_dhcp_server_of_the_same_computer_is_named() -> Result<()> {
    let world = World::new(Some((SERVER, 24)))?;
    let dnsmasq = Dnsmasq::start(&world.host, world.room.scratch(), &[])?;
    until("dnsmasq at port 67", SOON, &Stop::never(), || {
        let bound = world
            .host
            .namespace()
            .enter(|| Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 67))));
        Ok(bound?.is_err().then_some(()))
    })?;
    let mut server = world.start(&[])?;
    let ended = server.ready_or_ended()?.context("it started")?;
    let said = server.told();
    ensure!(ended.code() == Some(REFUSED), "{said}");
    let name = format!("is in use by dnsmasq (process {})", dnsmasq.pid());
    ensure!(
        said.contains(&name) && said.contains("except-interface=eth0"),
        "{said}"
    );
    Ok(())
}

/// A room, one host of it that the server is to run on, and something to boot.
struct World {
    host: Host,
    oss: PathBuf,
    program: PathBuf,
    room: Room,
}

impl World {
    fn new(address: Option<(Ipv4Addr, u8)>) -> Result<World> {
        let mut room = Room::new(&Stop::never())?;
        let host = room.host(address)?;
        // A copy that an ordinary user can reach.
        let program = room.scratch().join("bt-server");
        fs::copy(env!("CARGO_BIN_EXE_bt-server"), &program)?;
        let oss = room.scratch().join("oss");
        fs::create_dir_all(oss.join("tiny"))?;
        fs::write(oss.join("tiny/vmlinuz"), "a kernel")?;
        fs::write(oss.join("tiny/initrd.img"), "its initrd")?;
        Ok(World {
            host,
            oss,
            program,
            room,
        })
    }

    /// Plugs in the host of somebody else's server.
    fn other(&mut self) -> Result<Host> {
        self.room.host(Some((OTHER, 24)))
    }

    fn start(&self, options: &[&str]) -> Result<Server> {
        self.start_on(&self.host, "server", options)
    }

    fn start_on(&self, host: &Host, name: &str, options: &[&str]) -> Result<Server> {
        let scratch = self.room.scratch();
        let state = scratch.join(format!("{name}.state"));
        let mut command = host.command(&self.program);
        command.args(["--iface", host.interface(), "--oss"]);
        command.arg(&self.oss).arg("--state").arg(state);
        command.args(phase1()).args(options);
        Server::start(&mut command, &scratch.join(format!("{name}.log")))
    }

    /// The addresses, routes and state of the server's interface.
    fn interface(&self) -> Result<String> {
        let mut text = String::new();
        for words in [
            "-4 -oneline address show dev eth0",
            "route show",
            "-brief link show dev eth0",
        ] {
            let mut ip = self.host.command("ip");
            text += &told(ip.args(words.split(' ')))?;
        }
        Ok(text)
    }
}

fn told(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// What machines are given on a wire.
struct Given(UdpSocket);

impl Given {
    /// Listens on `host`, to what is said to everybody.
    fn listen(host: &Host) -> Result<Given> {
        let hears = host
            .namespace()
            .enter(|| Ok(ear::open(host.interface())?))?;
        Ok(Given(hears))
    }

    /// The machines and addresses that `server` offered or gave by broadcast, since somebody last asked.
    fn by(&self, server: Ipv4Addr) -> Vec<(Vec<u8>, Ipv4Addr)> {
        let mut packet = [0; 2048];
        let mut given = Vec::new();
        while let Ok(length) = self.0.recv(&mut packet) {
            let datagram = ear::datagram(&packet[..length]);
            let Some((_, bytes)) = datagram.filter(|(from, _)| *from == server) else {
                continue;
            };
            // RFC 2131 section 2: yiaddr and chaddr.
            let yours = <[u8; 4]>::try_from(&bytes[16..20]).map(Ipv4Addr::from);
            let yours = yours.unwrap_or(Ipv4Addr::UNSPECIFIED);
            if !yours.is_unspecified() {
                given.push((bytes[28..34].to_vec(), yours));
            }
        }
        given
    }
}
