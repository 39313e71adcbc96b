//! The DHCP door on a wire of its own, with a client that we did not write.

use std::fs;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bt_server::doors::wire::{self, Seen, Wire};
use bt_server::doors::{arp, dhcp, pxe4011, udp};
use bt_server::once::Once;
use bt_server::{interface, journal};
use lab::{Host, Room, Stop, until};
use pxe::wire::{Place, Role, Watch, Wish};
use report::Mac;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::common::udhcpc::Udhcpc;

mod common;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const PATIENCE: Duration = Duration::from_secs(20);

#[test]
#[ignore = "needs root and network namespaces; cargo xtask test runs it"]
fn udhcpc_gets_renews_and_releases_a_lease() -> Result<()> {
    let mut room = Room::new(&Stop::never())?;
    let server = room.host(Some((SERVER, 24)))?;
    let machine = room.host(None)?;
    with_server(&server, room.scratch(), settings(SERVER), || {
        let client = Udhcpc::start(&room, &machine, "first", &[])?;
        let bound = client.wait_for("bound")?;
        assert_eq!(
            bound.get(1..4),
            Some(&["10.77.0.1", "255.255.255.0", "600"].map(String::from)[..])
        );
        client.signal("USR1")?;
        assert_eq!(client.wait_for("renew")?, bound);
        client.signal("USR2")?;
        client.wait_for("deconfig")?;
        drop(client);

        // Other programs on the same machine call it by other names, or by none.
        let duid = "0x3d:ff1234567800010001090909090909";
        for (name, arguments) in [("none", &["-C"][..]), ("duid", &["-C", "-x", duid])] {
            let other = Udhcpc::start(&room, &machine, name, arguments)?;
            assert_eq!(other.wait_for("bound")?, bound, "{name}");
        }
        Ok(())
    })
}

#[test]
#[ignore = "needs root and network namespaces; cargo xtask test runs it"]
fn an_address_that_answers_is_not_given_away() -> Result<()> {
    let mut room = Room::new(&Stop::never())?;
    let server = room.host(Some((SERVER, 24)))?;
    let (fixed, free) = (Ipv4Addr::new(10, 77, 0, 10), Ipv4Addr::new(10, 77, 0, 11));
    let _printer = room.host(Some((fixed, 24)))?;
    let machine = room.host(None)?;
    let settings = pxe::Settings {
        range: Some((fixed, free)),
        ..settings(SERVER)
    };
    with_server(&server, room.scratch(), settings, || {
        let client = Udhcpc::start(&room, &machine, "wants", &["-r", &fixed.to_string()])?;
        assert_eq!(client.wait_for("bound")?[0], free.to_string());
        Ok(())
    })
}

#[test]
#[ignore = "needs root and network namespaces; cargo xtask test runs it"]
fn the_address_of_a_machine_that_is_gone_is_given_away() -> Result<()> {
    let mut room = Room::new(&Stop::never())?;
    let server = room.host(Some((SERVER, 24)))?;
    let machine = room.host(None)?;
    let only = Ipv4Addr::new(10, 77, 0, 10);
    // What the kernel keeps of a machine that was there minutes ago.
    server.namespace().ip(&format!(
        "neighbour add {only} lladdr 52:54:00:99:99:99 nud stale dev {}",
        server.interface()
    ))?;
    let settings = pxe::Settings {
        range: Some((only, only)),
        ..settings(SERVER)
    };
    with_server(&server, room.scratch(), settings, || {
        let client = Udhcpc::start(&room, &machine, "heir", &[])?;
        assert_eq!(client.wait_for("bound")?[0], only.to_string());
        Ok(())
    })
}

/// A server with three addresses is killed while it writes. The next one knows what was written.
#[test]
#[ignore = "needs root and network namespaces; cargo xtask test runs it"]
fn leases_outlive_the_server() -> Result<()> {
    let mut room = Room::new(&Stop::never())?;
    let server = room.host(Some((SERVER, 24)))?;
    let mut machine = || room.host(None);
    let (owner, leaver, unlucky) = (machine()?, machine()?, machine()?);
    let (newcomer, heir, late) = (machine()?, machine()?, machine()?);
    let pool: Vec<_> = (10..13)
        .map(|last| Ipv4Addr::new(10, 77, 0, last))
        .collect();
    let settings = || pxe::Settings {
        range: Some((pool[0], pool[2])),
        ..settings(SERVER)
    };
    let by_hash = without_memory(settings(), mac_of(&owner)?)?;
    let mut others = pool.iter().filter(|address| **address != by_hash);
    let (kept, given_back) = others.next().zip(others.next()).context("two others")?;
    let leases = room.scratch().join("leases/10.77.0.0_24");

    with_server(&server, room.scratch(), settings(), || {
        let client = Udhcpc::start(&room, &owner, "owner", &["-r", &kept.to_string()])?;
        assert_eq!(client.wait_for("bound")?[0], kept.to_string());
        // Written before it was told, so it is there now.
        let line = format!("\n{} {kept} ", mac_of(&owner)?);
        assert!(fs::read_to_string(&leases)?.contains(&line));

        let leaver = Udhcpc::start(&room, &leaver, "leaver", &["-r", &given_back.to_string()])?;
        assert_eq!(leaver.wait_for("bound")?[0], given_back.to_string());
        leaver.signal("USR2")?;
        until("the end of the lease", PATIENCE, &Stop::never(), || {
            let text = fs::read_to_string(&leases)?;
            let ended = text.lines().any(|line| {
                let mut times = line.split(' ').skip(2);
                times
                    .next()
                    .is_some_and(|written| times.next() == Some(written))
            });
            Ok(ended.then_some(()))
        })?;
        let client = Udhcpc::start(&room, &unlucky, "unlucky", &[])?;
        assert_eq!(client.wait_for("bound")?[0], by_hash.to_string());
        Ok(())
    })?;
    // None of them answers any more: what keeps their addresses is what is written.
    for gone in [&owner, &leaver, &unlucky] {
        gone.namespace().ip("address flush dev eth0")?;
    }
    let text = fs::read(&leases)?;
    fs::write(&leases, &text[..text.len() - 3])?;

    with_server(&server, room.scratch(), settings(), || {
        let wish = ["-r", &kept.to_string()];
        let client = Udhcpc::start(&room, &newcomer, "newcomer", &wish)?;
        assert_eq!(client.wait_for("bound")?[0], by_hash.to_string());
        let client = Udhcpc::start(&room, &heir, "heir", &wish)?;
        assert_eq!(client.wait_for("bound")?[0], given_back.to_string());
        let once = ["-n", "-t", "3", "-r", &kept.to_string()];
        let client = Udhcpc::start(&room, &late, "late", &once)?;
        client.wait_for("leasefail")?;
        let client = Udhcpc::start(&room, &owner, "again", &[])?;
        assert_eq!(client.wait_for("bound")?[0], kept.to_string());
        Ok(())
    })
}

#[test]
#[ignore = "needs root and network namespaces; cargo xtask test runs it"]
fn a_pulled_cable_is_no_silent_wire() -> Result<()> {
    let host = lab::Namespace::new()?;
    host.ip("link add cable type veth peer name far")?;
    host.ip("link set cable up")?;
    let link = |expected: bool| {
        until("the link", PATIENCE, &Stop::never(), || {
            let is = host.enter(|| Ok(interface::now("cable")?.link))?;
            Ok((is == expected).then_some(()))
        })
    };
    link(false)?;
    host.ip("link set far up")?;
    link(true)?;
    let gone = host.enter(|| Ok(interface::now("gone").is_err()))?;
    assert!(gone);
    Ok(())
}

#[test]
#[ignore = "needs root and network namespaces; cargo xtask test runs it"]
fn another_server_is_noticed_and_a_silent_wire_is_not_mistaken_for_one() -> Result<()> {
    let mut room = Room::new(&Stop::never())?;
    let ours = room.host(Some((SERVER, 24)))?;
    let stranger = room.host(Some((Ipv4Addr::new(10, 77, 0, 2), 24)))?;
    assert_eq!(look(&ours)?, Role::Full);
    let other = settings(Ipv4Addr::new(10, 77, 0, 2));
    with_server(&stranger, room.scratch(), other, || {
        let first = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 2), 6969);
        assert_eq!(look(&ours)?, Role::Second { first });
        Ok(())
    })
}

#[test]
#[ignore = "needs root and network namespaces; cargo xtask test runs it"]
fn a_port_in_use_is_an_error_only_on_the_same_interface() -> Result<()> {
    let mut room = Room::new(&Stop::never())?;
    let host = room.host(Some((SERVER, 24)))?;
    host.namespace().enter(|| {
        let _first = udp::bind_server(host.interface())?;
        let second = udp::bind_server(host.interface()).expect_err("the port is taken");
        assert_eq!(second.kind(), ErrorKind::AddrInUse);
        let _other = udp::bind_server("lo")?;
        let _boot = pxe4011::bind(host.interface())?;
        // Questions can be asked although somebody keeps port 68 for himself.
        let _kept = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 68))?;
        let _client = udp::bind_client(host.interface())?;
        Ok(())
    })
}

fn settings(server: Ipv4Addr) -> pxe::Settings {
    pxe::Settings {
        server,
        prefix: 24,
        range: None,
        lease: Duration::from_secs(600),
        router: None,
        dns: Vec::new(),
        ntp: Vec::new(),
        domain: None,
        subnets: Vec::new(),
        machines: pxe::Machines::default(),
        http_port: 6969,
        loader: pxe::Loader::Auto,
    }
}

/// The address that a server which remembers nobody would give.
fn without_memory(settings: pxe::Settings, mac: Mac) -> Result<Ipv4Addr> {
    match pxe::Responder::new(settings)?.handle(&discover(mac), Duration::ZERO) {
        pxe::Action::ProbeAddress(question) => Ok(question.address),
        other => bail!("not offered: {other:?}"),
    }
}

/// The DISCOVER of a client that says nothing about itself.
fn discover(mac: Mac) -> Vec<u8> {
    let mut bytes = vec![0; 240];
    bytes[..3].copy_from_slice(&[1, 1, 6]);
    bytes[28..34].copy_from_slice(&mac.0);
    bytes[236..].copy_from_slice(&[99, 130, 83, 99]);
    bytes.extend([53, 1, 1, 255]);
    bytes
}

fn mac_of(machine: &Host) -> Result<Mac> {
    let file = format!("/sys/class/net/{}/address", machine.interface());
    let said = machine.command("cat").arg(file).output()?;
    let text = String::from_utf8(said.stdout)?;
    text.trim().parse().context("no hardware address")
}

/// Runs `work` while the door is open on `host`, in a runtime of its own.
fn with_server(
    host: &Host,
    state: &Path,
    settings: pxe::Settings,
    work: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let stop = CancellationToken::new();
    let door = || {
        host.namespace().enter(|| {
            let (journal, _recorder, _snapshots) = journal::journal();
            let sockets = dhcp::Sockets {
                server: udp::bind_server(host.interface())?,
                boot: pxe4011::bind(host.interface())?,
                arp: arp::open(host.interface())?,
            };
            let (state, stop) = (state.to_owned(), stop.clone());
            on_this_thread(async {
                let started = Once::unused().watch();
                let full = (watch::channel(Role::Full).0, wire(host, settled)?);
                dhcp::run(sockets, full, settings, state, started, journal, stop).await
            })?
        })
    };
    std::thread::scope(|scope| {
        let serving = scope.spawn(door);
        let _stop_in_any_case = stop.clone().drop_guard();
        let worked = work();
        stop.cancel();
        serving.join().expect("the door panicked")?;
        worked
    })
}

/// The role that is safe on the wire of `host`.
fn look(host: &Host) -> Result<Role> {
    host.namespace().enter(|| {
        let server = udp::bind_server(host.interface())?;
        on_this_thread(async {
            let server = tokio::net::UdpSocket::from_std(server)?;
            Ok(wire(host, |watch| watch)?.first_role(&server).await?)
        })?
    })
}

/// The wire of `host`, of which nothing was seen yet.
fn wire(host: &Host, watch: impl FnOnce(Watch) -> Watch) -> Result<Wire> {
    let interface = host.interface();
    let own = host.address().context("no address")?;
    let [.., number] = own.octets();
    let mac = Mac([0x52, 0x54, 0, 0, 0, number]);
    let new = Watch::new(Wish::Auto, Place::default(), own, mac).to_serve(6969);
    let seen = Seen::nothing(interface, mac, watch(new));
    Ok(Wire::new(wire::open(interface)?, seen)?)
}

/// As it is once the role is had.
fn settled(mut watch: Watch) -> Watch {
    watch.settle();
    watch
}

/// The namespace is the thread's: no other thread may poll the future.
fn on_this_thread<F: Future>(future: F) -> Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(future))
}
