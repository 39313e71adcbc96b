//! A pool of N serves N machines, and says what is wrong when there are more.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use pxe::Settings;

use crate::client::{Client, DISCOVER, Outcome, World, mac, settings};

fn small(first: u8, last: u8) -> Settings {
    let ip = |last| Ipv4Addr::new(10, 77, 0, last);
    Settings {
        range: Some((ip(first), ip(last))),
        ..settings()
    }
}

#[test]
fn a_pool_of_n_serves_n_machines_whatever_they_call_themselves() {
    let mut world = World::new(small(10, 49));
    let mut addresses = BTreeSet::new();
    for number in 0..40 {
        for client in [
            Client::bios(mac(number)),
            Client::ipxe(mac(number)),
            Client::udhcpc(mac(number)),
        ] {
            addresses.insert(world.lease(&client).yiaddr);
        }
    }
    assert_eq!(addresses.len(), 40);
    assert_eq!(world.responder.leases().iter().count(), 40);
}

#[test]
fn one_machine_too_many_is_told_why_and_gets_the_oldest_past_address() {
    let mut world = World::new(small(10, 12));
    for number in 0..3 {
        world.lease(&Client::udhcpc(mac(number)));
        world.pass(10);
    }
    let Outcome::Refused(why) = world.deliver(&Client::bios(mac(9)).datagram(DISCOVER)) else {
        panic!("not refused");
    };
    let expected = "all 3 addresses from 10.77.0.10 to 10.77.0.12 are in use: widen dhcp_range or \
                    shorten its lease time";
    assert_eq!(why, expected);

    world.pass(3600);
    let owners: Vec<_> = world.responder.leases().iter().collect();
    let oldest = owners.iter().min_by_key(|lease| lease.until).unwrap();
    assert_eq!(oldest.mac, mac(0));
    assert_eq!(world.lease(&Client::bios(mac(9))).yiaddr, oldest.address);
    assert_eq!(world.responder.leases().iter().count(), 3);
}

#[test]
fn addresses_that_answered_are_named_when_the_pool_is_used_up() {
    let mut world = World::new(small(10, 11));
    world.taken.insert(Ipv4Addr::new(10, 77, 0, 10));
    world.lease(&Client::udhcpc(mac(1)));
    let Outcome::Refused(why) = world.deliver(&Client::udhcpc(mac(2)).datagram(DISCOVER)) else {
        panic!("not refused");
    };
    // Which of the two was found in use depends on who asked for it first.
    assert!(
        why.contains("1 of them answered although we had not given them away"),
        "{why}"
    );
}

#[test]
fn a_stranger_who_invents_machines_is_bounded() {
    let mut world = World::new(small(10, 19));
    let (mut refused, mut silent) = (0, 0);
    for number in 0..2000 {
        match world.deliver(&Client::bios(mac(number)).datagram(DISCOVER)) {
            Outcome::Refused(_) => refused += 1,
            Outcome::Ignored(_) => silent += 1,
            Outcome::Reply(_) | Outcome::Noted(_) => {}
        }
    }
    assert_eq!((refused, silent), (256, 2000 - 256 - 10));
}
