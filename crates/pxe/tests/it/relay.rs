//! Machines behind relay agents: a pool for each subnet, and replies that find their way back.

use std::net::{Ipv4Addr, SocketAddrV4};

use pxe::{Mode, PoolError, Reason, RelayedSubnet, Settings};

use crate::client::{
    ACK, Client, DISCOVER, INFORM, NAK, OFFER, RELEASE, REQUEST, SERVER, World, mac, settings,
};

const RELAY: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 1);
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 79, 0, 1);
/// Circuit 3, remote "ab": as a switch would say it.
const SAID: &[u8] = &[1, 1, 3, 2, 2, b'a', b'b'];

fn subnet(range: Option<(u8, u8)>) -> RelayedSubnet {
    let ip = |last| Ipv4Addr::new(10, 78, 0, last);
    RelayedSubnet {
        network: ip(0),
        prefix: 25,
        range: range.map(|(first, last)| (ip(first), ip(last))),
        router: None,
    }
}

fn site(range: Option<(u8, u8)>) -> Settings {
    Settings {
        subnets: vec![subnet(range)],
        ..settings()
    }
}

#[test]
fn a_relayed_machine_gets_an_address_of_its_subnet_by_its_relay_agent() {
    for (client, file) in [
        (Client::bios(mac(1)), "lpxelinux.0"),
        (Client::uefi(mac(1)), "shimx64.efi"),
        (Client::udhcpc(mac(1)), ""),
    ] {
        let mut world = World::new(site(Some((100, 120))));
        let ack = world.lease(&client.behind(RELAY).with(82, SAID));
        assert_eq!(ack.to, SocketAddrV4::new(RELAY, 67));
        assert_eq!(ack.giaddr, RELAY);
        assert_eq!(ack.options[&82], SAID);
        let [a, b, c, last] = ack.yiaddr.octets();
        assert_eq!([a, b, c], [10, 78, 0]);
        assert!((100..=120).contains(&last));
        assert_eq!(ack.options[&1], [255, 255, 255, 128]);
        assert_eq!(ack.options[&28], [10, 78, 0, 127]);
        assert_eq!(ack.options[&3], RELAY.octets(), "the way to us");
        assert_eq!(
            (ack.siaddr, ack.options[&54].as_slice()),
            (SERVER, &[10, 77, 0, 1][..])
        );
        assert_eq!(ack.file, file);
        assert_eq!(world.probes, 0, "ARP ends at the relay agent");
    }
}

#[test]
fn a_machine_renews_without_its_relay_agent() {
    let mut world = World::new(site(None));
    let client = Client::udhcpc(mac(1));
    let address = world.lease(&client.clone().behind(RELAY)).yiaddr;
    world.pass(1800);
    let renewed = world.reply(&client.clone().at(address), REQUEST);
    assert_eq!((renewed.kind, renewed.yiaddr), (ACK, address));
    assert_eq!(renewed.to, SocketAddrV4::new(address, 68));
    assert_eq!(renewed.options[&3], RELAY.octets(), "as the lease had it");
    let informed = world.reply(&client.clone().at(address), INFORM);
    assert_eq!(informed.options[&1], [255, 255, 255, 128]);
    world.pass(1350);
    let rebinds = client.clone().at(address).behind(RELAY);
    let rebound = world.reply(&rebinds, REQUEST);
    assert_eq!(rebound.to, SocketAddrV4::new(RELAY, 67));
    assert_eq!(
        world.ignored(&client.at(address), RELEASE),
        Reason::Released
    );
}

#[test]
fn a_machine_that_is_carried_to_another_subnet_gets_an_address_there() {
    let mut world = World::new(site(None));
    let client = Client::udhcpc(mac(1));
    let here = world.lease(&client).yiaddr;
    let moved = client.clone().behind(RELAY);
    let nak = world.reply(&moved.clone().with(50, &here.octets()), REQUEST);
    assert_eq!((nak.kind, nak.to), (NAK, SocketAddrV4::new(RELAY, 67)));
    assert!(nak.broadcast, "or the relay agent would send it nowhere");
    let there = world.lease(&moved).yiaddr;
    assert_eq!(there.octets()[..3], [10, 78, 0]);
    let nak = world.reply(&client.clone().with(50, &there.octets()), REQUEST);
    assert_eq!(nak.kind, NAK, "and back again");
    assert_eq!(world.lease(&client).yiaddr, here);
}

#[test]
fn leases_behind_relay_agents_are_told_and_taken_back() {
    let mut world = World::new(site(None));
    let client = Client::udhcpc(mac(1)).behind(RELAY);
    let address = world.lease(&client).yiaddr;
    let changes = world.responder.changes().to_vec();
    assert_eq!(changes.len(), 1);
    let mut world = World::new(site(None));
    assert!(
        changes
            .iter()
            .all(|change| world.responder.restore(*change))
    );
    let owners: Vec<_> = world.responder.all_leases().collect();
    assert_eq!(
        (owners.len(), owners[0].mac, owners[0].address),
        (1, mac(1), address)
    );
    let other = Client::udhcpc(mac(2)).behind(RELAY);
    let wants = other.with(50, &address.octets());
    assert_ne!(world.reply(&wants, DISCOVER).yiaddr, address);
    assert_eq!(world.lease(&client).yiaddr, address);
    let mut elsewhere = World::new(settings());
    assert!(!elsewhere.responder.restore(changes[0]));
}

#[test]
fn the_relay_agents_own_address_is_nobodys() {
    let mut world = World::new(site(Some((1, 2))));
    let asks = |number| {
        Client::udhcpc(mac(number))
            .behind(RELAY)
            .with(50, &RELAY.octets())
    };
    let offer = world.reply(&asks(1), DISCOVER);
    assert_eq!(offer.yiaddr, Ipv4Addr::new(10, 78, 0, 2));
    let why = world.refused(&asks(2), DISCOVER);
    assert!(
        why.starts_with("all 2 addresses from 10.78.0.1 to 10.78.0.2"),
        "{why}"
    );
}

#[test]
fn a_subnet_without_a_pool_is_refused_with_the_remedy_or_told_what_to_boot() {
    let mut world = World::new(site(None));
    let lost = Client::uefi(mac(1)).behind(STRANGER).with(82, SAID);
    let why = world.refused(&lost, DISCOVER);
    assert!(
        why.contains("relay agent 10.79.0.1") && why.contains("--dhcp proxy"),
        "{why}"
    );
    assert_eq!(world.ignored(&lost, DISCOVER), Reason::Refused);

    let mut world = World::proxy(site(None));
    let offer = world.reply(&lost, DISCOVER);
    assert_eq!((offer.kind, offer.yiaddr), (OFFER, Ipv4Addr::UNSPECIFIED));
    assert_eq!(offer.to, SocketAddrV4::new(STRANGER, 67));
    assert_eq!((offer.file.as_str(), offer.siaddr), ("shimx64.efi", SERVER));
    assert_eq!(
        (offer.giaddr, offer.options[&82].as_slice()),
        (STRANGER, SAID)
    );
    assert!(offer.broadcast, "it names no address to send it to");
    let system = Client::udhcpc(mac(2)).behind(STRANGER);
    assert_eq!(world.ignored(&system, DISCOVER), Reason::WantsAnAddress);
}

#[test]
fn a_lease_is_no_lease_in_another_subnet() {
    let mut world = World::new(site(None));
    let client = Client::udhcpc(mac(1));
    let address = world.lease(&client).yiaddr;
    world.responder.set_mode(Mode::Proxy);
    let reboots = client.with(50, &address.octets());
    for relay in [RELAY, STRANGER] {
        let moved = reboots.clone().behind(relay);
        assert_eq!(world.ignored(&moved, REQUEST), Reason::NotOurLease);
    }
    assert_eq!(world.reply(&reboots, REQUEST).kind, ACK);
}

#[test]
fn a_relay_agent_is_one_host() {
    let mut world = World::proxy(site(None));
    for relay in [[255; 4], [224, 0, 0, 1], [127, 0, 0, 1]] {
        let client = Client::uefi(mac(1)).behind(relay.into());
        assert_eq!(world.ignored(&client, DISCOVER), Reason::NowhereToAnswer);
    }
}

#[test]
fn a_subnet_that_cannot_be_served_is_named() {
    let cases = [
        (
            RelayedSubnet {
                prefix: 31,
                ..subnet(None)
            },
            "10.78.0.0/31 behind a relay agent has no room",
        ),
        (
            subnet(Some((100, 200))),
            "10.78.0.0/25 behind a relay agent does not hold all of its range",
        ),
        (
            subnet(Some((9, 8))),
            "has a range that ends before it begins",
        ),
        (subnet(Some((127, 127))), "has no address to give away"),
    ];
    for (subnet, expected) in cases {
        let settings = Settings {
            subnets: vec![subnet],
            ..settings()
        };
        let error: PoolError = pxe::Responder::new(settings).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}
