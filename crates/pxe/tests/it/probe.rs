//! Our own question to the wire, and what counts as a stranger's answer.

use std::net::Ipv4Addr;

use pxe::probe::{Claim, Overheard};
use pxe::{Kind, Request, probe};

use crate::client::{Client, DISCOVER, INFORM, REQUEST, SERVER, World, mac, settings};

const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

#[test]
fn the_question_is_an_ordinary_discover() {
    let bytes = probe::discover(0x1234_5678, mac(1), None);
    assert!(bytes.len() >= 300);
    let request = Request::read(&bytes).unwrap();
    assert_eq!(
        (request.kind, request.xid, request.mac),
        (Kind::Discover, 0x1234_5678, mac(1))
    );
    assert!(request.broadcast);
    assert_eq!(pxe::Client::of(&request), pxe::Client::System);
}

/// Any server's reply will do as a stranger's: ours, seen from somebody else.
fn replies() -> Vec<Vec<u8>> {
    let mut world = World::new(settings());
    let address = world.lease(&Client::udhcpc(mac(1))).yiaddr;
    let again = Client::udhcpc(mac(1)).with(50, &address.octets());
    [(Client::udhcpc(mac(1)), DISCOVER), (again, REQUEST)]
        .iter()
        .map(
            |(client, kind)| match world.responder.handle(&client.datagram(*kind), world.now) {
                pxe::Action::Reply { bytes, .. } => bytes,
                other => panic!("{other:?}"),
            },
        )
        .collect()
}

#[test]
fn offers_and_acks_of_others_are_recognised() {
    for bytes in replies() {
        let foreign = probe::foreign_reply(&bytes, SERVER, &[STRANGER]).unwrap();
        assert_eq!((foreign.address, foreign.server_id), (SERVER, Some(SERVER)));
        assert_eq!(foreign.to, Some(mac(1)));
        assert!(
            foreign
                .to_string()
                .starts_with("10.77.0.1 (it offered 10.77.0."),
            "{foreign}"
        );
        assert_eq!(
            probe::foreign_reply(&bytes, SERVER, &[SERVER]),
            None,
            "our own"
        );
        for length in 0..bytes.len() {
            let _ = probe::foreign_reply(&bytes[..length], SERVER, &[]);
        }
        let mut proxy = bytes.clone();
        proxy[16..20].fill(0);
        assert_eq!(
            probe::foreign_reply(&proxy, SERVER, &[]),
            None,
            "no address, no rival"
        );
        assert_eq!(
            probe::foreign_reply(&probe::discover(1, mac(1), None), SERVER, &[]),
            None
        );
    }
}

#[test]
fn a_machine_that_chooses_another_server_gives_it_away() {
    let client = Client::udhcpc(mac(1))
        .with(50, &[10, 77, 0, 9])
        .with(54, &STRANGER.octets());
    let heard = probe::overheard(&client.datagram(REQUEST), &[SERVER]);
    let Some(Overheard::Choice(foreign)) = heard else {
        panic!("{heard:?}");
    };
    assert_eq!(
        foreign.to_string(),
        "10.77.0.2 (a machine takes 10.77.0.9 from it)"
    );
    let reboot = Client::udhcpc(mac(1)).with(50, &[10, 77, 0, 9]);
    for (bytes, ours, expected) in [
        (client.datagram(REQUEST), STRANGER, None),
        (reboot.datagram(REQUEST), SERVER, None),
        (client.datagram(INFORM), SERVER, None),
        (client.datagram(DISCOVER), SERVER, Some(Overheard::Wants)),
    ] {
        assert_eq!(probe::overheard(&bytes, &[ours]), expected);
    }
}

#[test]
fn who_begins_to_look_says_so_in_its_question() {
    let claim = Claim {
        address: SERVER,
        mac: mac(9),
        http: 6969,
    };
    let question = probe::discover(7, mac(9), Some(claim));
    assert_eq!(
        probe::overheard(&question, &[]),
        Some(Overheard::Twin(claim))
    );
    let only_looks = probe::discover(7, mac(9), None);
    assert_eq!(probe::overheard(&only_looks, &[]), None);
    for length in 0..question.len() {
        let _ = probe::overheard(&question[..length], &[]);
    }
    let at = question.windows(6).position(|w| w == b"looks=").unwrap();
    for spoilt in [
        &b"look:="[..],
        b"looks=x",
        b"looks=10.77.0.1:0   ",
        b"looks=0.0.0.0:9",
    ] {
        let mut bytes = question.clone();
        bytes[at..at + 20].fill(b' ');
        bytes[at..at + spoilt.len()].copy_from_slice(spoilt);
        assert_eq!(probe::overheard(&bytes, &[]), None);
    }
    // Who serves already answers it like any other question of a bt-server, also before its responder does.
    let mut world = World::new(settings());
    let answer = probe::greeting(&question, "10.77.0.1:6969".parse().unwrap());
    let action = world.responder.handle(&question, world.now);
    assert!(matches!(action, pxe::Action::Reply { bytes, .. } if Some(&bytes) == answer.as_ref()));
    let firmware = Client::bios(mac(1)).datagram(DISCOVER);
    assert_eq!(
        probe::greeting(&firmware, "10.77.0.1:6969".parse().unwrap()),
        None
    );
}

#[test]
fn one_bt_server_knows_another_and_gives_it_no_address() {
    for mut world in [World::new(settings()), World::proxy(settings())] {
        let question = probe::discover(7, mac(9), None);
        let action = world.responder.handle(&question, world.now);
        let pxe::Action::Reply { bytes, to, .. } = action else {
            panic!("{action:?}");
        };
        assert!(to.ip().is_broadcast());
        let foreign = probe::foreign_reply(&bytes, SERVER, &[STRANGER]).unwrap();
        assert_eq!(foreign.ours, Some("10.77.0.1:6969".parse().unwrap()));
        assert_eq!((foreign.server_id, foreign.offered), (Some(SERVER), None));
        assert_eq!(foreign.to_string(), "10.77.0.1 (another bt-server)");
        assert_eq!(probe::foreign_reply(&bytes, SERVER, &[SERVER]), None);
        assert_eq!(world.responder.leases().iter().count(), 0);
        for length in 0..bytes.len() {
            let _ = probe::foreign_reply(&bytes[..length], SERVER, &[]);
        }
    }
}

#[test]
fn who_only_looks_like_a_bt_server_is_none() {
    let mut world = World::new(settings());
    let question = probe::discover(7, mac(9), None);
    let pxe::Action::Reply { bytes, .. } = world.responder.handle(&question, world.now) else {
        panic!("no reply");
    };
    let at = bytes.windows(5).position(|w| w == b"http=").unwrap();
    for spoilt in [&b"http="[..], b"https", b"http=0", b"http=x"] {
        let mut bytes = bytes.clone();
        bytes[at..at + 9].fill(b' ');
        bytes[at..at + spoilt.len()].copy_from_slice(spoilt);
        assert_eq!(probe::foreign_reply(&bytes, SERVER, &[]), None);
    }
}
