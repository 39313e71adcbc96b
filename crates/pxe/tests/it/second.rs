//! Beside another bt-server that boots the room: silence, but for machines that keep an address of ours.

use std::net::Ipv4Addr;

use pxe::{Mode, Reason};

use crate::client::{
    ACK, Client, DECLINE, DISCOVER, INFORM, Outcome, RELEASE, REQUEST, World, mac, settings,
};

const FIRST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

fn second() -> World {
    let mut world = World::new(settings());
    world.lease(&Client::udhcpc(mac(1)));
    world.responder.set_mode(Mode::Second);
    world
}

#[test]
fn nobody_new_hears_a_word() {
    let mut world = second();
    let somebodys = Ipv4Addr::new(10, 77, 0, 99);
    for client in [
        Client::bios(mac(9)),
        Client::ipxe(mac(9)),
        Client::uefi(mac(9)),
        Client::http_boot(mac(9)),
        Client::udhcpc(mac(9)),
        Client::udhcpc(mac(1)),
    ] {
        assert_eq!(world.ignored(&client, DISCOVER), Reason::LeftToAnother);
        let has = client.clone().at(somebodys);
        assert_eq!(world.ignored(&has, INFORM), Reason::LeftToAnother);
        assert_eq!(world.ignored(&has, REQUEST), Reason::LeftToAnother);
        let wants = client.clone().with(50, &somebodys.octets());
        assert_eq!(world.ignored(&wants, REQUEST), Reason::LeftToAnother);
        for kind in [REQUEST, INFORM] {
            let asked = world.deliver_4011(&has.datagram(kind), "10.77.0.99:4011".parse().unwrap());
            assert!(matches!(asked, Outcome::Ignored(_)), "{asked:?}");
        }
    }
    assert_eq!(
        world.probes, 1,
        "no address was asked after for any of them"
    );
}

#[test]
fn who_has_an_address_of_ours_keeps_it() {
    let mut world = second();
    let client = Client::udhcpc(mac(1));
    let own = world.responder.leases().iter().next().unwrap().address;
    world.pass(1800);
    let renewed = world.reply(&client.clone().at(own), REQUEST);
    assert_eq!((renewed.kind, renewed.yiaddr), (ACK, own));
    // After its lease it is the first one's.
    world.pass(3601);
    let late = world.ignored(&client.clone().at(own), REQUEST);
    assert_eq!(late, Reason::LeftToAnother);

    let mut world = second();
    let chose = client
        .clone()
        .with(50, &own.octets())
        .with(54, &FIRST.octets());
    assert_eq!(world.ignored(&chose, REQUEST), Reason::AnotherServer);
    let kept = world.ignored(&client.clone().at(own), REQUEST);
    assert_eq!(kept, Reason::LeftToAnother, "it has another one now");

    let mut world = second();
    assert_eq!(
        world.ignored(&client.clone().at(own), RELEASE),
        Reason::Released
    );
    let mut world = second();
    let declines = client.with(50, &own.octets());
    assert_eq!(world.ignored(&declines, DECLINE), Reason::Declined);
    assert_eq!(world.responder.leases().iter().count(), 0);
}

#[test]
fn a_machine_that_was_being_looked_after_is_left_to_the_first_one() {
    let mut world = World::new(settings());
    let asks = Client::bios(mac(1)).datagram(DISCOVER);
    let action = world.responder.handle(&asks, world.now);
    let pxe::Action::ProbeAddress(question) = action else {
        panic!("{action:?}");
    };
    world.responder.set_mode(Mode::Second);
    let action = world.responder.probed(question, false, world.now);
    assert!(
        matches!(
            action,
            pxe::Action::Ignore {
                reason: Reason::LeftToAnother,
                ..
            }
        ),
        "{action:?}"
    );
}
