//! Scripts of one boot and of everything DHCP clients do besides.

use std::net::{Ipv4Addr, SocketAddrV4};

use pxe::Reason;
use report::Step;

use crate::client::{
    ACK, Client, DECLINE, DISCOVER, INFORM, NAK, OFFER, Outcome, RELEASE, REQUEST, SERVER, World,
    mac, settings,
};

#[test]
fn one_machine_keeps_one_address_through_its_boot() {
    let mut world = World::new(settings());
    let machine = mac(1);
    let duid = [255, 0x12, 0x34, 0x56, 0x78, 0, 1, 0, 1, 9, 9, 9, 9];
    let programs = [
        ("the card's ROM", Client::bios(machine)),
        ("iPXE", Client::ipxe(machine)),
        ("udhcpc", Client::udhcpc(machine)),
        (
            "the target with a DUID",
            Client::new(machine, &[(61, &duid)]),
        ),
        (
            "the target without an identifier",
            Client::new(machine, &[]),
        ),
    ];
    let mut addresses = Vec::new();
    for (name, client) in &programs {
        let ack = world.lease(client);
        assert_eq!(
            ack.options.get(&61).is_some_and(|id| *id == duid),
            name.contains("DUID")
        );
        addresses.push(ack.yiaddr);
        world.pass(20);
    }
    addresses.dedup();
    assert_eq!(addresses.len(), 1, "{addresses:?}");
    assert_eq!(
        world.probes, 1,
        "an address is probed once, not before every program"
    );
    assert_eq!(world.responder.leases().iter().count(), 1);
}

#[test]
fn an_address_comes_back_after_the_lease_and_after_a_restart_without_memory() {
    let first = World::new(settings()).lease(&Client::udhcpc(mac(1))).yiaddr;
    let mut world = World::new(settings());
    assert_eq!(
        world.lease(&Client::udhcpc(mac(1))).yiaddr,
        first,
        "by the hash"
    );
    world.pass(100_000);
    assert_eq!(
        world.lease(&Client::udhcpc(mac(1))).yiaddr,
        first,
        "by memory"
    );
    assert_eq!(world.probes, 2, "a past lease is probed again");
}

#[test]
fn clients_with_an_address_renew_by_unicast_others_hear_broadcasts() {
    let mut world = World::new(settings());
    let client = Client::udhcpc(mac(1));
    let ack = world.lease(&client);
    assert_eq!(ack.to, SocketAddrV4::new(Ipv4Addr::BROADCAST, 68));
    world.pass(1800);
    let renewed = world.reply(&client.clone().at(ack.yiaddr), REQUEST);
    assert_eq!(
        (renewed.kind, renewed.to),
        (ACK, SocketAddrV4::new(ack.yiaddr, 68))
    );
    world.pass(3599);
    let offer = world.reply(&Client::udhcpc(mac(1)), DISCOVER);
    assert_eq!(
        (offer.yiaddr, world.probes),
        (ack.yiaddr, 1),
        "the renewal counted"
    );
}

#[test]
fn init_reboot_and_restarted_server() {
    let mut world = World::new(settings());
    let address = Ipv4Addr::new(10, 77, 0, 50);
    let reboot = Client::udhcpc(mac(1)).with(50, &address.octets());
    let ack = world.reply(&reboot, REQUEST);
    assert_eq!(
        (ack.kind, ack.yiaddr, world.probes),
        (ACK, address, 1),
        "adopted, after a look"
    );
    let other = Client::udhcpc(mac(2)).with(50, &address.octets());
    let cases = [
        (other.clone(), "10.77.0.50 is not yours"),
        (
            Client::udhcpc(mac(2)).at(address),
            "10.77.0.50 is not yours",
        ),
        (
            Client::udhcpc(mac(2)).with(50, &[192, 168, 1, 9]),
            "192.168.1.9 is of another network",
        ),
        (
            Client::udhcpc(mac(2)).with(50, &SERVER.octets()),
            "10.77.0.1 is not yours",
        ),
        (
            Client::udhcpc(mac(1)).with(50, &[10, 77, 0, 51]),
            "your address is 10.77.0.50",
        ),
    ];
    for (client, why) in cases {
        let nak = world.reply(&client, REQUEST);
        assert_eq!(
            (nak.kind, nak.yiaddr, nak.text(56)),
            (NAK, Ipv4Addr::UNSPECIFIED, Some(why))
        );
        assert_eq!(
            *nak.to.ip(),
            Ipv4Addr::BROADCAST,
            "a NAK is always broadcast"
        );
        assert_eq!((nak.text(67), nak.options.get(&51)), (None, None));
        assert!(matches!(&nak.steps[..], [(_, Step::Refused { .. })]));
    }
}

#[test]
fn an_address_in_use_is_passed_over() {
    let mut world = World::new(settings());
    let client = Client::bios(mac(1));
    let first = world.reply(&client, DISCOVER).yiaddr;
    let mut world = World::new(settings());
    world.taken.insert(first);
    let second = world.lease(&client).yiaddr;
    assert_ne!(second, first);
    let adopted = world.reply(&Client::udhcpc(mac(2)).with(50, &first.octets()), REQUEST);
    assert_eq!(adopted.kind, NAK, "set aside");
    world.pass(301);
    let adopted = world.reply(&Client::udhcpc(mac(2)).with(50, &first.octets()), REQUEST);
    let why = format!("somebody else uses {first}");
    assert_eq!(adopted.text(56), Some(why.as_str()));
}

#[test]
fn a_machine_whose_address_could_not_be_asked_after_is_looked_at_when_it_asks_again() {
    let mut world = World::new(settings());
    let asks = Client::bios(mac(1)).datagram(DISCOVER);
    let ask = |world: &mut World| match world.responder.handle(&asks, world.now) {
        pxe::Action::ProbeAddress(question) => question,
        other => panic!("no question: {other:?}"),
    };
    let question = ask(&mut world);
    world.responder.unasked(&question, world.now);
    world.pass(1);
    let again = ask(&mut world);
    assert_eq!(again.address, question.address);
    // What is said of a question that somebody did ask meanwhile changes nothing about an offer.
    let offered = world.responder.probed(again, false, world.now);
    assert!(matches!(offered, pxe::Action::Reply { .. }));
    world.responder.unasked(&question, world.now);
    let taken = world.reply(&Client::bios(mac(1)), DISCOVER);
    assert_eq!(taken.yiaddr, question.address);
}

#[test]
fn others_are_served_while_an_address_is_probed() {
    let mut world = World::new(settings());
    let slow = Client::bios(mac(1)).datagram(DISCOVER);
    let pxe::Action::ProbeAddress(question) = world.responder.handle(&slow, world.now) else {
        panic!("no question");
    };
    assert_eq!(
        world.ignored(&Client::bios(mac(1)), DISCOVER),
        Reason::Probing
    );
    let address = question.address;
    assert_ne!(world.lease(&Client::bios(mac(2))).yiaddr, address);
    let late = question.clone();
    let offered = world.responder.probed(question, false, world.now);
    assert!(matches!(offered, pxe::Action::Reply { .. }));
    let again = world.responder.probed(late, false, world.now);
    assert_eq!(
        again,
        pxe::Action::Ignore {
            reason: Reason::TooLate,
            mac: Some(mac(1))
        }
    );
}

#[test]
fn another_servers_client_is_left_alone() {
    let mut world = World::new(settings());
    let client = Client::udhcpc(mac(1));
    let offered = world.reply(&client, DISCOVER).yiaddr;
    let other = client.with(50, &[10, 77, 0, 9]).with(54, &[10, 77, 0, 2]);
    assert_eq!(world.ignored(&other, REQUEST), Reason::AnotherServer);
    let second = Client::udhcpc(mac(2)).with(50, &offered.octets());
    assert_eq!(
        world.reply(&second, REQUEST).yiaddr,
        offered,
        "our offer was forgotten"
    );
    assert_eq!(
        world.ignored(&Client::udhcpc(mac(3)), REQUEST),
        Reason::NoAddress
    );
}

#[test]
fn decline_release_inform() {
    let mut world = World::new(settings());
    let client = Client::udhcpc(mac(1));
    let first = world.lease(&client).yiaddr;

    let stranger = Client::udhcpc(mac(2)).with(50, &first.octets());
    assert_eq!(world.ignored(&stranger, DECLINE), Reason::Declined);
    assert_eq!(
        world.lease(&client).yiaddr,
        first,
        "only its owner can decline an address"
    );
    assert_eq!(
        world.ignored(&client.clone().with(50, &first.octets()), DECLINE),
        Reason::Declined
    );
    let second = world.lease(&client).yiaddr;
    assert_ne!(second, first);

    assert_eq!(
        world.ignored(&client.clone().at(first), RELEASE),
        Reason::Released
    );
    assert_eq!(world.probes, 2);
    assert_eq!(
        world.ignored(&client.clone().at(second), RELEASE),
        Reason::Released
    );
    assert_eq!(world.lease(&client).yiaddr, second, "free, but remembered");
    assert_eq!(world.probes, 3, "and probed again");

    let fixed = Ipv4Addr::new(10, 77, 0, 99);
    let reply = world.reply(&Client::bios(mac(3)).at(fixed), INFORM);
    assert_eq!(
        (reply.kind, reply.yiaddr, *reply.to.ip()),
        (ACK, Ipv4Addr::UNSPECIFIED, fixed)
    );
    assert_eq!(
        (reply.text(67), reply.options.get(&51)),
        (Some("lpxelinux.0"), None)
    );
    let outside = Client::udhcpc(mac(3)).at(Ipv4Addr::new(203, 0, 113, 9));
    assert_eq!(
        world.ignored(&outside, INFORM),
        Reason::ForeignSubnet,
        "no reflector"
    );
    let renewing = world.reply(&outside, REQUEST);
    assert_eq!(
        (renewing.kind, *renewing.to.ip()),
        (NAK, Ipv4Addr::BROADCAST)
    );
}

#[test]
fn an_offer_nobody_takes_becomes_free() {
    let range = Some((Ipv4Addr::new(10, 77, 0, 9), Ipv4Addr::new(10, 77, 0, 9)));
    let mut world = World::new(pxe::Settings {
        range,
        ..settings()
    });
    assert_eq!(world.reply(&Client::bios(mac(1)), DISCOVER).kind, OFFER);
    assert!(matches!(
        world.deliver(&Client::bios(mac(2)).datagram(DISCOVER)),
        Outcome::Refused(_)
    ));
    world.pass(61);
    assert_eq!(world.reply(&Client::bios(mac(2)), DISCOVER).kind, OFFER);
}
