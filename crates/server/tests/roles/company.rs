//! Several bt-servers on one wire, and others who come and go.

use std::net::Ipv4Addr;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bt_server::doors::{ear, udp};
use lab::{Apart, Host, Stop, until};
use nix::sys::signal::Signal;
use report::Mac;

use crate::common::dnsmasq::{Dnsmasq, OTHER};
use crate::common::udhcpc::Udhcpc;
use crate::common::{REFUSED, Server};
use crate::world::{Given, NOTICED, SERVER, SOON, World};

/// From the last word of a server to the one that takes over: what it is still believed for, its next question before
/// that, and the look at the wire after it.
const GONE: Duration = Duration::from_secs(120 + 30 + 8 + 40);
const FULL: &str = "nobody else gives addresses: full DHCP server";

/// Waits until it serves, with words about its role.
fn serves_as(server: &mut Server, words: &str) -> Result<()> {
    ensure!(server.ready_or_ended()?.is_none(), "{}", server.told());
    let said = server.told();
    ensure!(said.contains(words), "not {words}:\n{said}");
    Ok(())
}

/// An OFFER that nobody asked for, from a server that is not there.
fn forge_an_offer(from: &Host) -> Result<()> {
    let mut offer = vec![0; 240];
    offer[..3].copy_from_slice(&[2, 1, 6]);
    offer[16..20].copy_from_slice(&[10, 77, 0, 66]);
    offer[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 66]);
    offer[236..].copy_from_slice(&[99, 130, 83, 99]);
    offer.extend([53, 1, 2, 54, 4, 10, 77, 0, 66, 255]);
    let interface = from.interface();
    let socket = from
        .namespace()
        .enter(|| Ok(udp::bind_server(interface)?))?;
    socket.send_to(&offer, (Ipv4Addr::BROADCAST, 68))?;
    Ok(())
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn of_two_that_start_together_the_lower_one_serves() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let (other, machine) = (world.other()?, world.room.host(None)?);
    let given = Given::listen(&world.room.host(None)?)?;
    for round in 0..4 {
        let (apart, higher_first) = (rand::random_range(0..6000), round % 2 == 0);
        let (lower_name, higher_name) = (format!("lower-{round}"), format!("higher-{round}"));
        let lower = || world.start_on(&world.host, &lower_name, &[]);
        let higher = || world.start_on(&other, &higher_name, &[]);
        let pause = || thread::sleep(Duration::from_millis(apart));
        let (mut lower, mut higher) = match higher_first {
            true => {
                let higher = higher()?;
                pause();
                (lower()?, higher)
            }
            false => {
                let lower = lower()?;
                pause();
                (lower, higher()?)
            }
        };
        let tried = || format!("{apart} ms apart, the higher one first: {higher_first}");
        serves_as(&mut lower, "DHCP   full server").with_context(tried)?;
        let silent = "silent: the bt-server at 10.77.0.1:6969 boots this room";
        serves_as(&mut higher, silent).with_context(tried)?;
        let client = Udhcpc::start(&world.room, &machine, &format!("client-{round}"), &[])?;
        ensure!(client.wait_for("bound")?[1] == SERVER.to_string());
        let by_the_higher = given.by(OTHER);
        ensure!(by_the_higher.is_empty(), "{by_the_higher:?}");
        for server in [&mut lower, &mut higher] {
            server.signal(Signal::SIGTERM)?;
            server.end()?;
        }
    }
    Ok(())
}

/// Two servers that cannot hear each other, as behind ports that do not forward yet, serve both. Once they can, one does.
#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn of_two_that_serve_already_the_lower_one_goes_on() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let other = world.other()?;
    let (early, late) = (world.room.host(None)?, world.room.host(None)?);
    for host in [&world.host, &other] {
        world.room.keep_apart(host, Apart::Yes)?;
    }
    let (mut lower, mut higher) = (world.start(&[])?, world.start_on(&other, "higher", &[])?);
    serves_as(&mut lower, "DHCP   full server")?;
    serves_as(&mut higher, "DHCP   full server")?;
    for host in [&world.host, &other] {
        world.room.keep_apart(host, Apart::No)?;
    }
    // Both offer, and each hears the other's offers to machines.
    let client = Udhcpc::start(&world.room, &early, "early", &[])?;
    client.wait_for("bound")?;
    let words = "another bt-server boots this room: 10.77.0.1:6969; this one is silent from now on";
    higher.wait_until_it_says(words, NOTICED)?;
    let given = Given::listen(&world.room.host(None)?)?;
    let client = Udhcpc::start(&world.room, &late, "late", &[])?;
    ensure!(client.wait_for("bound")?[1] == SERVER.to_string());
    let by_the_higher = given.by(OTHER);
    ensure!(by_the_higher.is_empty(), "{by_the_higher:?}");
    ensure!(!lower.told().contains("proxy:"), "{}", lower.told());
    Ok(())
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn long_the_second_takes_over_when_the_first_is_gone() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let (other, machine) = (world.other()?, world.room.host(None)?);
    let mut first = world.start(&[])?;
    serves_as(&mut first, "DHCP   full server")?;
    let mut second = world.start_on(&other, "second", &[])?;
    serves_as(&mut second, "silent: the bt-server at 10.77.0.1:6969")?;
    first.signal(Signal::SIGKILL)?;
    first.end()?;
    second.wait_until_it_says(FULL, GONE)?;
    let client = Udhcpc::start(&world.room, &machine, "client", &[])?;
    ensure!(client.wait_for("bound")?[1] == OTHER.to_string());
    // Who was first comes back as the second.
    let mut back = world.start_on(&world.host, "back", &[])?;
    serves_as(&mut back, "silent: the bt-server at 10.77.0.2:6969")
}

#[test]
#[ignore = "needs root, dnsmasq, network namespaces and target/phase1; cargo xtask test runs it"]
fn long_a_server_that_is_gone_is_no_reason_for_ever() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let (other, machine) = (world.other()?, world.room.host(None)?);
    let dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &[])?;
    let mut server = world.start(&[])?;
    serves_as(
        &mut server,
        "proxy, gives no addresses: another DHCP server answers, 10.77.0.2",
    )?;
    drop(dnsmasq);
    // A machine that asks all the time. Nobody answers it until the other server's time is over.
    let client = Udhcpc::start(&world.room, &machine, "waits", &["-t", "0", "-A", "1"])?;
    server.wait_until_it_says(FULL, GONE)?;
    ensure!(client.wait_for("bound")?[1] == SERVER.to_string());
    // It comes back, and is made way for.
    let _dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &[])?;
    server.wait_until_it_says("proxy: another DHCP server answers, 10.77.0.2", NOTICED)?;
    let said = server.told();
    ensure!(said.matches(FULL).count() == 1, "told once:\n{said}");
    Ok(())
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn long_one_forged_offer_costs_two_minutes_and_no_more() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let (stranger, machine) = (world.room.host(None)?, world.room.host(None)?);
    let mut server = world.start(&[])?;
    serves_as(&mut server, "DHCP   full server")?;
    let client = Udhcpc::start(&world.room, &machine, "client", &[])?;
    let bound = client.wait_for("bound")?;
    forge_an_offer(&stranger)?;
    server.wait_until_it_says("proxy: another DHCP server answers, 10.77.0.66", SOON)?;
    client.signal("USR1")?;
    ensure!(
        client.wait_for("renew")? == bound,
        "leases go on being renewed"
    );
    server.wait_until_it_says(FULL, GONE)?;
    let late = Udhcpc::start(&world.room, &stranger, "late", &[])?;
    ensure!(late.wait_for("bound")?[1] == SERVER.to_string());
    Ok(())
}

/// While a server still hashes, its role is taken and told all the same; here it is asked as another bt-server asks.
#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn who_has_a_role_says_so_before_it_is_ready() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let asks = world.room.host(Some((OTHER, 24)))?;
    world.put_a_large_system(48 << 30)?;
    let mut server = world.start(&[])?;
    let (mouth, hears) = asks.namespace().enter(|| {
        let interface = asks.interface();
        Ok((udp::bind_server(interface)?, ear::open(interface)?))
    })?;
    let question = pxe::probe::discover(7, Mac([2, 0, 0, 0, 0, 9]), None);
    let mut packet = [0; 2048];
    let greeted = until("an answer", NOTICED, &Stop::never(), || {
        mouth.send_to(&question, (Ipv4Addr::BROADCAST, 67))?;
        let Ok(length) = hears.recv(&mut packet) else {
            return Ok(None);
        };
        let said = ear::datagram(&packet[..length]);
        Ok(said.and_then(|said| pxe::probe::foreign_reply(said.payload, said.from, &[])))
    })?;
    ensure!(
        greeted.ours == Some("10.77.0.1:6969".parse()?),
        "{greeted:?}"
    );
    ensure!(!server.told().contains("\nready:"), "it was ready already");
    server.signal(Signal::SIGTERM)?;
    server.end()?;
    Ok(())
}

/// A range that does not fit is in the way of nobody who gives no addresses.
#[test]
#[ignore = "needs root, dnsmasq, network namespaces and target/phase1; cargo xtask test runs it"]
fn a_range_that_does_not_fit_matters_only_where_it_is_used() -> Result<()> {
    let mut world = World::new(Some((SERVER, 24)))?;
    let other = world.other()?;
    let range = "dhcp_range: \"192.168.1.50,192.168.1.150,12h\"";
    let plain = world.settings(&format!("dnsmasq:\n  {range}\n"))?;
    let wanted = world.settings(&format!("dnsmasq:\n  enable_dhcp: True\n  {range}\n"))?;
    let dnsmasq = Dnsmasq::start(&other, world.room.scratch(), &[])?;
    let with = |file: &str| world.start(&["--config", file]);

    let mut server = with(&plain)?;
    serves_as(&mut server, "proxy, gives no addresses")?;
    let said = server.told();
    let warned = "warning: dnsmasq.dhcp_range is not inside the subnet of eth0, 10.77.0.1/24";
    ensure!(said.contains(warned), "{said}");
    server.signal(Signal::SIGTERM)?;
    server.end()?;

    let ended = with(&wanted)?.end()?;
    ensure!(ended.code() == Some(REFUSED), "{ended}");

    drop(dnsmasq);
    let mut server = with(&plain)?;
    let ended = server.ready_or_ended()?.context("it started")?;
    let said = server.told();
    ensure!(
        !ended.success() && said.contains("nobody else gives addresses"),
        "{said}"
    );
    ensure!(
        said.contains("choose addresses from 10.77.0.1 to 10.77.0.254"),
        "{said}"
    );
    Ok(())
}
