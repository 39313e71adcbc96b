//! Several interfaces of one server: what becomes of one is nothing to the others.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use lab::Host;
use nix::sys::signal::Signal;

use crate::common::Server;
use crate::common::dnsmasq::{Dnsmasq, OTHER};
use crate::common::udhcpc::Udhcpc;
use crate::world::{Given, NOTICED, SERVER, World};

/// The server's address on `eth1`.
const SECOND: &str = "10.78.0.1";

/// A server on `eth0` and `eth1`, and the machine at the other end of the latter.
fn on_two(world: &mut World) -> Result<(Server, Host)> {
    let there = world.room.host(None)?;
    world.cable("eth1", "10.78.0.1/24", &there)?;
    let mut server = world.start(&["--iface", "eth1"])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    for words in ["on eth0, 10.77.0.1/24", "on eth1, 10.78.0.1/24"] {
        server.wait_until_it_says(words, NOTICED)?;
    }
    Ok((server, there))
}

#[test]
#[ignore = "needs root, dnsmasq, network namespaces and target/phase1; cargo xtask test runs it"]
fn each_interface_has_a_role_of_its_own_and_the_unchosen_never_hears_a_word() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let (other, elsewhere) = (world.other()?, world.room.host(None)?);
    let machine = world.room.host(None)?;
    world.cable("eth2", "10.79.0.1/24", &elsewhere)?;
    let _dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &[])?;
    let (mut server, there) = on_two(&mut world)?;
    let said = server.told();
    for words in [
        "on eth0, 10.77.0.1/24\n  DHCP   proxy, gives no addresses: another DHCP server answers, 10.77.0.2",
        "on eth1, 10.78.0.1/24\n  DHCP   full server, gives 10.78.0.1 to 10.78.0.254",
    ] {
        ensure!(said.contains(words), "{words}:\n{said}");
    }
    let unserved = Udhcpc::on(
        &world.room,
        &elsewhere,
        "eth2",
        "unserved",
        &["-n", "-t", "3"],
    )?;
    let beside = Udhcpc::start(&world.room, &machine, "beside", &[])?;
    ensure!(beside.wait_for("bound")?[1] == OTHER.to_string());
    let alone = Udhcpc::on(&world.room, &there, "eth1", "alone", &[])?;
    ensure!(alone.wait_for("bound")?[1] == SECOND);
    unserved.wait_for("leasefail")?;
    let (received, sent) = world.packets("eth2")?;
    ensure!(received >= 3 && sent == 0, "{received}, {sent}");
    // Which machine is where, the log says.
    let said = server.told();
    let line = said.lines().find(|line| line.contains("took 10.78.0."));
    ensure!(line.is_some_and(|line| line.contains("  eth1  ")), "{said}");
    server.signal(Signal::SIGTERM)?;
    ensure!(server.end()?.success(), "{}", server.told());
    Ok(())
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn an_interface_that_fails_leaves_the_other_as_it_is() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let machine = world.room.host(None)?;
    let (mut server, there) = on_two(&mut world)?;
    for (number, (change, words)) in [
        (
            "address del 10.78.0.1/24 dev eth1",
            "on{interface=eth1}: eth1 has lost the address 10.78.0.1",
        ),
        (
            "address add 10.78.0.1/24 dev eth1",
            "on{interface=eth1}: eth1 is well again",
        ),
        (
            "link set eth1 down",
            "on{interface=eth1}: eth1 is switched off: ip link set eth1 up",
        ),
        (
            "link set eth1 up",
            "on{interface=eth1}: nobody else gives addresses: full DHCP server",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        world.host.namespace().ip(change)?;
        server.wait_until_it_says(words, NOTICED)?;
        is_served(
            &world,
            &machine,
            machine.interface(),
            number,
            &SERVER.to_string(),
        )
        .with_context(|| server.told())?;
    }
    is_served(&world, &there, "eth1", 10, SECOND).with_context(|| server.told())?;
    // For good.
    world.host.namespace().ip("link del eth1")?;
    server.wait_until_it_says("there is no interface eth1 any more", NOTICED)?;
    is_served(
        &world,
        &machine,
        machine.interface(),
        11,
        &SERVER.to_string(),
    )
    .with_context(|| server.told())?;
    server.signal(Signal::SIGTERM)?;
    ensure!(server.end()?.success(), "{}", server.told());
    Ok(())
}

/// Both are on one switch. A machine there would have an offer of each, and of the addresses of one subnet not reach the
/// server in the other.
#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn of_two_interfaces_on_one_wire_one_leaves_it_to_the_other() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let machine = world.room.host(None)?;
    let second: Ipv4Addr = SECOND.parse()?;
    world.room.plug_in(&world.host, "eth1", second, 24)?;
    let given = Given::listen(&world.room.host(None)?)?;
    let mut server = world.start(&["--iface", "eth1"])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    for words in [
        "on eth0, 10.77.0.1/24\n  DHCP   full server",
        "on eth1, 10.78.0.1/24\n  DHCP   silent: on this wire machines are served from 10.77.0.1 already",
    ] {
        server.wait_until_it_says(words, NOTICED)?;
    }
    is_served(&world, &machine, "eth0", 1, &SERVER.to_string())?;
    let by_the_other = given.by(second);
    ensure!(by_the_other.is_empty(), "{by_the_other:?}");
    server.signal(Signal::SIGTERM)?;
    ensure!(server.end()?.success(), "{}", server.told());
    Ok(())
}

/// Two wires become one while both are served: one falls silent.
#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn of_two_wires_that_become_one_one_is_left_to_the_other() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let (mut server, there) = on_two(&mut world)?;
    let said = server.told();
    ensure!(
        said.contains("on eth1, 10.78.0.1/24\n  DHCP   full server"),
        "{said}"
    );
    // Somebody connects the two switches.
    let bridge = world.room.host(None)?;
    let (namespace, ends) = (there.namespace(), bridge.namespace());
    namespace.ip("link add br1 type bridge stp_state 0 forward_delay 0")?;
    namespace.ip(&format!(
        "link add between type veth peer name between netns {}",
        ends.path()
    ))?;
    ends.ip("link add br1 type bridge stp_state 0 forward_delay 0")?;
    for (namespace, other) in [(namespace, "eth1"), (ends, "eth0")] {
        for port in [other, "between"] {
            namespace.ip(&format!("link set {port} master br1 up"))?;
        }
        namespace.ip("link set br1 up")?;
    }
    let words = "on{interface=eth1}: silent from now on, but for leases: on this wire machines are served from 10.77.0.1";
    server.wait_until_it_says(words, NOTICED)?;
    server.signal(Signal::SIGTERM)?;
    ensure!(server.end()?.success(), "{}", server.told());
    Ok(())
}

/// A machine that begins now gets an address from `giver`.
fn is_served(
    world: &World,
    machine: &Host,
    interface: &str,
    number: usize,
    giver: &str,
) -> Result<()> {
    let name = format!("client-{number}");
    let client = Udhcpc::on(&world.room, machine, interface, &name, &[])?;
    let bound = client.wait_for("bound")?;
    ensure!(bound[1] == giver, "{bound:?}");
    Ok(())
}
