//! The finished server's DHCP, with the DHCP clients that Debian's users have.
//!
//! Each test starts one server, which first listens to the wire for eight seconds, and lets several
//! programs have their addresses from it.

mod client;
mod lesson;
mod networkd;
mod program;
mod rebind;
mod relay;
mod several;
mod tap;
mod wiretap;

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;

use anyhow::Result;
use client::{Client, Event, Lease};
use lesson::{Lesson, Pupil, SERVER};
use program::{Identifier, Program};
use tap::Kind;

/// The first address of every range in here.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 50);
/// The whole range of two of the tests: what one machine does not give back, no other can get.
const ONE_ADDRESS: &str = "10.77.0.50,10.77.0.50,10m";

#[test]
#[ignore = "needs root, DHCP clients and target/dist/bt-server; cargo xtask test runs it"]
fn udhcpc_dhclient_and_dhcpcd_get_renew_and_release_a_lease() -> Result<()> {
    let resolver = fs::read("/etc/resolv.conf").ok();
    let mut lesson = Lesson::open(ONE_ADDRESS)?;
    // The last one gets what the one before it has released.
    let programs = [
        Program::Udhcpc,
        Program::Dhclient,
        Program::Dhcpcd,
        Program::Udhcpc,
    ];
    for (number, program) in (1..).zip(programs) {
        let pupil = lesson.pupil(number)?;
        life_of_a_lease(&lesson, &pupil, program)?;
    }
    let now = fs::read("/etc/resolv.conf").ok();
    assert_eq!(now, resolver, "the computer's own resolver was touched");
    Ok(())
}

/// One machine with `program`, from nothing to nothing.
fn life_of_a_lease(lesson: &Lesson, pupil: &Pupil, program: Program) -> Result<()> {
    let promised = Lease {
        address: FIRST,
        server: SERVER,
        mask: Ipv4Addr::new(255, 255, 255, 0),
        seconds: 600,
        router: None,
    };
    let mut client = Client::start(pupil, "home", program, Identifier::Mac)?;
    assert_eq!(client.wait_for(Event::Bound)?, promised, "{program:?}");
    assert_eq!(pupil.addresses()?, ["10.77.0.50/24"], "{program:?}");
    lesson.is_reached_from(pupil)?;

    lesson.heard(pupil);
    client.renew()?;
    assert_eq!(client.wait_for(Event::Renewed)?, promised, "{program:?}");
    // RFC 2131 section 4.3.2: in RENEWING the request goes to the server alone. An answer within
    // microseconds, which no cable brings, reaches the socket that udhcpc asked from and not the
    // one it listens to; then it asks everybody as well.
    let aloud = lesson.heard(pupil).len() as u32;
    assert!(aloud == 0 || program == Program::Udhcpc, "{program:?}");
    lesson.wait_for_leases(pupil, 2 + aloud)?;

    // The power fails, and the machine comes back with what its disk remembers.
    drop(client);
    let mut client = Client::start(pupil, "home", program, Identifier::Mac)?;
    let again = if program.remembers() {
        Event::Rebooted
    } else {
        Event::Bound
    };
    assert_eq!(client.wait_for(again)?, promised, "{program:?}");
    let asked = lesson
        .heard(pupil)
        .iter()
        .any(|one| one.kind == Kind::Discover);
    assert_eq!(asked, !program.remembers(), "{program:?}");

    client.release()?;
    client.wait_for_the_end()?;
    assert!(pupil.addresses()?.is_empty(), "{program:?}");
    Ok(())
}

#[test]
#[ignore = "needs root, DHCP clients and target/dist/bt-server; cargo xtask test runs it"]
fn one_machine_has_one_address_whatever_it_calls_itself() -> Result<()> {
    let mut lesson = Lesson::open(ONE_ADDRESS)?;
    let pupil = lesson.pupil(1)?;
    let firmware = (Program::PxeRom, Identifier::None);
    let identifiers = [Identifier::None, Identifier::Mac, Identifier::Duid];
    let others = Program::ALL
        .into_iter()
        .flat_map(|program| identifiers.map(|id| (program, id)));
    for (program, identifier) in std::iter::once(firmware).chain(others) {
        let what = format!("{program:?} with {identifier:?}");
        let home = what.replace(' ', "-");
        let mut client = Client::start(&pupil, &home, program, identifier)?;
        assert_eq!(client.wait_for(Event::Bound)?.address, FIRST, "{what}");
        let heard = lesson.heard(&pupil);
        assert!(!heard.is_empty(), "{what}: nothing was heard");
        for one in heard {
            let id = &one.client_id;
            assert!(identifier.is(id, pupil.mac()), "{what} sent {id:02x?}");
        }
    }
    // All of that was one lease, and it is that machine's still.
    let other = lesson.pupil(2)?;
    let _asks = Client::start(&other, "home", Program::Udhcpc, Identifier::Mac)?;
    lesson.wait_for_refusal(&other)?;
    assert!(other.addresses()?.is_empty());
    Ok(())
}

#[test]
#[ignore = "needs root, DHCP clients and target/dist/bt-server; cargo xtask test runs it"]
fn three_addresses_serve_three_machines_and_the_fourth_is_told_why_not() -> Result<()> {
    let mut lesson = Lesson::open("10.77.0.50,10.77.0.52,10m")?;
    let pupils = [1, 2, 3, 4].map(|number| lesson.pupil(number).unwrap());
    let (late, early) = pupils.split_last().unwrap();
    let clients = early.iter().zip(Program::ALL);
    let mut clients = clients
        .map(|(pupil, program)| Client::start(pupil, "home", program, Identifier::Duid))
        .collect::<Result<Vec<_>>>()?;
    let mut given = BTreeSet::new();
    for client in &mut clients {
        given.insert(client.wait_for(Event::Bound)?.address);
    }
    let all = [50, 51, 52].map(|last| Ipv4Addr::new(10, 77, 0, last));
    assert_eq!(given, BTreeSet::from(all));

    let mut fourth = Client::start(late, "home", Program::Udhcpc, Identifier::None)?;
    let why = lesson.wait_for_refusal(late)?;
    assert!(
        why.contains("all 3 addresses from 10.77.0.50 to 10.77.0.52 are in use")
            && why.contains("widen dhcp_range"),
        "{why}"
    );
    // It goes on asking, and is served as soon as somebody leaves.
    let mut leaves = clients.swap_remove(1);
    leaves.release()?;
    leaves.wait_for_the_end()?;
    assert!(given.contains(&fourth.wait_for(Event::Bound)?.address));
    Ok(())
}
