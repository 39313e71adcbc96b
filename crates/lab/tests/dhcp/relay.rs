//! Machines in other subnets, behind a router with a relay agent on it that we did not write: ISC's,
//! and dnsmasq's.

use std::net::Ipv4Addr;

use anyhow::Result;
use lab::{RelayAgent, Room, Router, Stop, built};

use crate::Event;
use crate::client::{Client, Lease};
use crate::lesson::{Lesson, Pupil, SERVER, target};
use crate::program::{Identifier, Program};
use crate::wiretap::{Message, Wiretap};

/// The router, in the server's room and in those behind it.
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 254);
const FAR: [Ipv4Addr; 3] = [
    Ipv4Addr::new(10, 88, 0, 1),
    Ipv4Addr::new(10, 89, 0, 1),
    Ipv4Addr::new(10, 99, 0, 1),
];
/// What the machines of the first of them are told to go by. It is another address of the same router.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 88, 0, 254);
const MASK: Ipv4Addr = Ipv4Addr::new(255, 255, 255, 0);
/// The third room is in nobody's settings; who is in the second finds the way out by its relay agent.
const SETTINGS: &str = "network:\n  router: 10.77.0.253\n  subnets:\n  \
    - subnet: 10.88.0.0/24\n    range: \"10.88.0.50,10.88.0.52\"\n    router: 10.88.0.254\n  \
    - subnet: 10.89.0.0/24\n    range: \"10.89.0.50,10.89.0.50\"\n";

#[test]
#[ignore = "needs root, dhcrelay, DHCP clients and target/dist/bt-server; cargo xtask test runs it"]
fn machines_behind_relay_agents_get_and_renew_addresses_of_their_own_subnets() -> Result<()> {
    let mut lesson = Lesson::open_with("10.77.0.50,10.77.0.60,10m", SETTINGS)?;
    let mut rooms = FAR.map(|address| (Room::new(&Stop::never()).unwrap(), address));
    let router = lesson.router(NEAR, &mut rooms)?;
    let second = format!("address add {GATEWAY}/24 dev eth1");
    router.host().namespace().ip(&second)?;
    let wire = Wiretap::open(router.host())?;
    let [(first, _), (second, _), (unknown, _)] = &mut rooms;

    let agent = isc(&router, first)?;
    for (number, program) in [
        (1, Program::PxeRom),
        (2, Program::Udhcpc),
        (3, Program::Dhclient),
    ] {
        let pupil = Pupil::plug_into(first, number)?;
        let lease = get_and_renew(&lesson, &wire, &pupil, program)?;
        assert_eq!(lease.address.octets()[..3], [10, 88, 0], "{program:?}");
        assert!((50..=52).contains(&lease.address.octets()[3]), "{lease:?}");
        assert_eq!(lease.router, Some(GATEWAY), "{program:?}");
    }
    let pupil = Pupil::plug_into(second, 4)?;
    let lease = get_and_renew(&lesson, &wire, &pupil, Program::Udhcpc)?;
    let expected = (Ipv4Addr::new(10, 89, 0, 50), Some(FAR[1]));
    assert_eq!((lease.address, lease.router), expected);

    // Nobody said what may be given there, so nothing is.
    let pupil = Pupil::plug_into(unknown, 5)?;
    let _asks = Client::start(&pupil, "home", Program::Udhcpc, Identifier::Mac)?;
    let why = lesson.wait_for_refusal(&pupil)?;
    assert!(why.contains("the relay agent 10.99.0.1"), "{why}");
    assert!(pupil.addresses()?.is_empty());
    drop(agent);

    // Who is here gets what is here, and goes out as is said for here.
    let pupil = lesson.pupil(6)?;
    let mut client = Client::start(&pupil, "home", Program::Udhcpc, Identifier::Mac)?;
    let lease = client.wait_for(Event::Bound)?;
    assert_eq!(lease.address.octets()[..3], [10, 77, 0]);
    assert_eq!(lease.router, Some(Ipv4Addr::new(10, 77, 0, 253)));
    Ok(())
}

#[test]
#[ignore = "needs root, dnsmasq, DHCP clients and target/dist/bt-server; cargo xtask test runs it"]
fn a_relay_agent_that_adds_nothing_but_its_address_is_enough() -> Result<()> {
    let mut lesson = Lesson::open_with("10.77.0.50,10.77.0.60,10m", SETTINGS)?;
    let mut rooms = [(Room::new(&Stop::never())?, FAR[0])];
    let router = lesson.router(NEAR, &mut rooms)?;
    let second = format!("address add {GATEWAY}/24 dev eth1");
    router.host().namespace().ip(&second)?;
    let [(room, _)] = &mut rooms;
    let _agent = RelayAgent::dnsmasq(&router, SERVER, &room.scratch().join("relay.log"))?;
    for (number, program) in [(1, Program::PxeRom), (2, Program::Dhcpcd)] {
        let pupil = Pupil::plug_into(room, number)?;
        let mut client = Client::start(&pupil, "home", program, Identifier::Mac)?;
        let lease = client.wait_for(Event::Bound)?;
        assert_eq!(lease.address.octets()[..3], [10, 88, 0], "{program:?}");
        assert_eq!(lease.router, Some(GATEWAY), "{program:?}");
        lesson.is_reached_from(&pupil)?;
        client.renew()?;
        assert_eq!(client.wait_for(Event::Renewed)?, lease, "{program:?}");
    }
    Ok(())
}

/// ISC's relay agent between the server and all other rooms of `router`; its log lies in `room`.
fn isc(router: &Router, room: &Room) -> Result<RelayAgent> {
    let program = built::dhcrelay(target())?;
    RelayAgent::isc(&program, router, SERVER, &room.scratch().join("relay.log"))
}

/// `program` gets a lease through the relay agent, and renews it through the router alone.
fn get_and_renew(
    lesson: &Lesson,
    wire: &Wiretap,
    pupil: &Pupil,
    program: Program,
) -> Result<Lease> {
    let mut client = Client::start(pupil, "home", program, Identifier::Mac)?;
    let lease = client.wait_for(Event::Bound)?;
    let promised = Lease {
        server: SERVER,
        mask: MASK,
        seconds: 600,
        ..lease
    };
    assert_eq!(lease, promised, "{program:?}");
    lesson.is_reached_from(pupil)?;
    assert_told_back(&wire.of(pupil.mac()), program);

    client.renew()?;
    assert_eq!(client.wait_for(Event::Renewed)?, promised, "{program:?}");
    lesson.wait_for_leases(pupil, 2)?;
    // RFC 2131 section 4.3.2: to the server itself, and from there to the machine itself.
    let heard = wire.of(pupil.mac());
    for (from, to) in [(lease.address, SERVER), (SERVER, lease.address)] {
        let went = |one: &Message| (one.from, one.to, one.relay) == (from, to, None);
        let through = heard.iter().any(went);
        assert!(through, "{program:?}, {from} to {to}: {heard:?}");
    }
    Ok(lease)
}

/// What the relay agent added is in each answer, byte for byte; it is the relay agent's own, and no machine hears it
/// (RFC 3046, sections 2.1 and 2.2).
fn assert_told_back(heard: &[Message], program: Program) {
    let answers = |one: &&Message| one.is_reply && one.from == SERVER && one.relay.is_some();
    let answers: Vec<&Message> = heard.iter().filter(answers).collect();
    // An offer and a confirmation.
    assert!(answers.len() >= 2, "{program:?}: {heard:?}");
    for answer in answers {
        let asked = heard
            .iter()
            .find(|one| !one.is_reply && one.to == SERVER && one.transaction == answer.transaction);
        let added = asked.and_then(|asked| asked.relay_agent.as_ref());
        assert!(added.is_some(), "{program:?}: nothing was added, {asked:?}");
        assert_eq!(answer.relay_agent.as_ref(), added, "{program:?}");
    }
    let to_the_machine = |one: &&Message| one.is_reply && one.from != SERVER;
    let told: Vec<&Message> = heard.iter().filter(to_the_machine).collect();
    assert!(!told.is_empty(), "{program:?}: {heard:?}");
    let stripped = told.iter().all(|one| one.relay_agent.is_none());
    assert!(stripped, "{program:?}: {told:?}");
}
