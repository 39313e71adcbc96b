//! Who else is on the wire decides what the server is.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{Foreign, Host, Kea, Machines, Nic, Spec, Stop, until};
use nix::sys::signal::Signal;

use crate::common::dnsmasq::{Dnsmasq, OTHER};
use crate::common::udhcpc::Udhcpc;
use crate::common::{REFUSED, target};
use crate::world::{Given, NOTICED, SERVER, SOON, World};

/// The server's tracker and API.
const HTTP: SocketAddrV4 = SocketAddrV4::new(SERVER, 6969);
/// A machine under emulation, on a computer that may be busy with something else.
const BOOT: Duration = Duration::from_secs(160);

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

fn dnsmasq(host: &Host, scratch: &Path) -> Result<Dnsmasq> {
    Dnsmasq::start(host, scratch, &[])
}

/// It gives the same addresses as dnsmasq.
fn kea(host: &Host, scratch: &Path) -> Result<Foreign> {
    let kea = Kea {
        program: &lab::built::kea(&target())?,
        range: Foreign::RANGE,
        only: None,
    };
    Foreign::kea(host, scratch, &kea)
}

#[test]
#[ignore = "needs root, dnsmasq, network namespaces and target/phase1; cargo xtask test runs it"]
fn beside_dnsmasq_it_gives_none() -> Result<()> {
    gives_none_beside(dnsmasq)
}

#[test]
#[ignore = "needs root, Kea, network namespaces and target/phase1; cargo xtask test runs it"]
fn beside_kea_it_gives_none() -> Result<()> {
    gives_none_beside(kea)
}

fn gives_none_beside<Other>(start: impl FnOnce(&Host, &Path) -> Result<Other>) -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let (other, machine) = (world.other()?, world.room.host(None)?);
    let given = Given::listen(&world.room.host(None)?)?;
    let _other = start(&other, world.room.scratch())?;
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
#[ignore = "needs root, dnsmasq, QEMU and target/phase1; cargo xtask test runs it"]
fn a_machine_boots_beside_another_server_with_its_address() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let other = world.other()?;
    let given = Given::listen(&world.room.host(None)?)?;
    let _dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &[])?;
    let mut server = world.start(&[])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    let spec = Spec::new("pc", Nic::E1000, 9);
    let mut machine = world.room.machine(&spec)?;
    let booted = until("the menu", BOOT, &Stop::never(), || {
        let (_, body) = lab::get(world.host.namespace(), HTTP, "/api/v1/machines")?;
        let all: Machines = serde_json::from_slice(&body)?;
        let known = all.machine(&spec.mac).cloned();
        Ok(known.filter(|one| one.stage == "menu"))
    });
    let booted = booted.with_context(|| format!("{}\n{}", machine.evidence(), server.told()))?;
    let address = booted.address.context("no address")?;
    ensure!((50..100).contains(&address.octets()[3]), "{address}");
    let given = given.by(SERVER);
    ensure!(given.is_empty(), "it gave {given:?}");
    Ok(())
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn in_doubt_it_gives_none_and_names_the_flag() -> Result<()> {
    let world = World::new(Some((Ipv4Addr::new(10, 79, 0, 1), 24)))?;
    let leased = "address add 10.77.0.1/24 dev eth0 valid_lft 3600 preferred_lft 3600";
    let routed = "route add default via 10.77.0.254 dev eth0";
    let unleased = "address change 10.77.0.1/24 dev eth0 valid_lft forever preferred_lft forever";
    world.host.namespace().ip("address flush dev eth0")?;
    for (changes, options, words) in [
        (
            &[leased][..],
            &[][..],
            "proxy, gives no addresses: somebody gave this interface its address 10.77.0.1",
        ),
        (
            &[routed, unleased],
            &[],
            "proxy, gives no addresses: this computer's way out, 10.77.0.254",
        ),
        (&[], &["--dhcp", "full"], "full server"),
    ] {
        for change in changes {
            world.host.namespace().ip(change)?;
        }
        let mut server = world.start(options)?;
        ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
        let said = server.told();
        let names_the_flag = said.contains("start with --dhcp full");
        ensure!(said.contains(words), "{said}");
        ensure!(names_the_flag == options.is_empty(), "{said}");
        server.signal(Signal::SIGTERM)?;
        server.end()?;
    }
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
    let ordinary = world.host.namespace().enter(|| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 68))?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    })?;
    let _dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &[])?;
    let mut server = world.start(&[])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    let said = server.told();
    ensure!(
        said.contains("proxy, gives no addresses: another DHCP server answers, 10.77.0.2"),
        "{said}"
    );
    let heard = ordinary.recv(&mut [0; 1500]).map_err(|error| error.kind());
    ensure!(
        heard == Err(ErrorKind::WouldBlock),
        "the kernel dropped nothing: {heard:?}"
    );
    Ok(())
}

#[test]
#[ignore = "needs root, dnsmasq, network namespaces and target/phase1; cargo xtask test runs it"]
fn dnsmasq_that_comes_later_gives_addresses_to_new_machines_and_leases_go_on() -> Result<()> {
    makes_way_for(dnsmasq)
}

#[test]
#[ignore = "needs root, Kea, network namespaces and target/phase1; cargo xtask test runs it"]
fn kea_that_comes_later_gives_addresses_to_new_machines_and_leases_go_on() -> Result<()> {
    makes_way_for(kea)
}

fn makes_way_for<Other>(start: impl FnOnce(&Host, &Path) -> Result<Other>) -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let (other, early, late) = (
        world.other()?,
        world.room.host(None)?,
        world.room.host(None)?,
    );
    let given = Given::listen(&world.room.host(None)?)?;
    let mut server = world.start(&[])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    // Who waits a second only for the answer to its renewal asks everybody then, on a busy computer; and a Kea that has
    // this address to give, too, may answer.
    let first = Udhcpc::start(&world.room, &early, "early", &["-T", "8"])?;
    let bound = first.wait_for("bound")?;
    ensure!(bound[1] == SERVER.to_string(), "{bound:?}");

    let _other = start(&other, world.room.scratch())?;
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
fn a_second_server_leaves_the_room_to_the_first() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let other = world.other()?;
    // It looks at the tracker with an address of its own, and asks for another.
    let machine = world.room.host(Some((Ipv4Addr::new(10, 77, 0, 3), 24)))?;
    let mut first = world.start(&[])?;
    ensure!(first.ready_or_ended()?.is_none(), "{}", first.told());
    let mut second = world.start_on(&other, "second", &[])?;
    ensure!(second.ready_or_ended()?.is_none(), "{}", second.told());
    let said = second.told();
    ensure!(
        said.contains("silent: the bt-server at 10.77.0.1:6969 boots this room"),
        "{said}"
    );
    until(
        "two seeds at the first one's tracker",
        SOON,
        &Stop::never(),
        || {
            let (status, counts) = lab::get(machine.namespace(), HTTP, "/scrape")?;
            ensure!(status == 200, "status {status}");
            Ok(String::from_utf8_lossy(&counts)
                .contains("8:completei2e")
                .then_some(()))
        },
    )?;
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
