//! What the interface has and has not, and how it is left.

use std::fs;

use anyhow::{Context, Result, ensure};
use lab::{Stop, until};
use nix::sys::signal::Signal;

use crate::common::dnsmasq::Dnsmasq;
use crate::common::udhcpc::Udhcpc;
use crate::world::{NOTICED, SERVER, SOON, World};

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn an_interface_that_goes_and_comes_back_is_followed() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let machine = world.room.host(None)?;
    let mut server = world.start(&[])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    for (change, words) in [
        (
            "address del 10.77.0.1/24 dev eth0",
            "eth0 has lost the address 10.77.0.1",
        ),
        ("address add 10.77.0.1/24 dev eth0", "eth0 is well again"),
        (
            "link set eth0 down",
            "eth0 is switched off: ip link set eth0 up",
        ),
        (
            "link set eth0 up",
            "nobody else gives addresses: full DHCP server",
        ),
    ] {
        world.host.namespace().ip(change)?;
        server.wait_until_it_says(words, NOTICED)?;
    }
    let client = Udhcpc::start(&world.room, &machine, "client", &[])?;
    ensure!(client.wait_for("bound")?[1] == SERVER.to_string());
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
    namespace.ip("link add eth1 type bridge")?;
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
    world.cable("eth1", "10.78.0.1/24", &elsewhere)?;
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
    let (received, sent) = world.packets("eth1")?;
    ensure!(received >= 3 && sent == 0, "{received}, {sent}");
    Ok(())
}

/// What stays privileged beside the server can do one thing and is nobody's root.
#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn who_takes_the_address_back_has_one_capability() -> Result<()> {
    let world = World::new(None)?;
    let mut server = world.start(&[])?;
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    let pid = server.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let status = |pid: &str| fs::read_to_string(format!("/proc/{pid}/status"));
    let has = |status: &str, line: &str| status.lines().any(|one| one == line);
    let child = status(children.trim()).context("one child, and no other")?;
    // CAP_NET_ADMIN is number 12 (linux/capability.h); nobody is 65534.
    for line in [
        "Uid:\t65534\t65534\t65534\t65534",
        "Gid:\t65534\t65534\t65534\t65534",
        "CapPrm:\t0000000000001000",
        "CapEff:\t0000000000001000",
        "NoNewPrivs:\t1",
    ] {
        ensure!(has(&child, line), "{line}:\n{child}");
    }
    let server = status(&pid.to_string())?;
    ensure!(has(&server, "CapPrm:\t0000000000000000"), "{server}");
    Ok(())
}
