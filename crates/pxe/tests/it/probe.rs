//! Our own question to the wire, and what counts as a stranger's answer.

use std::net::{Ipv4Addr, SocketAddrV4};

use pxe::probe::{Claim, Overheard};
use pxe::{Kind, Reason, Request, probe};

use crate::client::{Client, DISCOVER, INFORM, Outcome, REQUEST, SERVER, World, mac, settings};

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
        Some(Overheard::Question(Some(claim)))
    );
    let only_looks = probe::discover(7, mac(9), None);
    let no_claim = Some(Overheard::Question(None));
    assert_eq!(probe::overheard(&only_looks, &[]), no_claim);
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
        assert_eq!(probe::overheard(&bytes, &[]), no_claim);
    }
}

fn greeting(question: &[u8]) -> Option<Vec<u8>> {
    probe::greeting(question, SocketAddrV4::new(SERVER, 6969))
}

#[test]
fn only_a_bt_server_is_greeted() {
    for kind in [DISCOVER, REQUEST, INFORM] {
        assert_eq!(greeting(&Client::bios(mac(1)).datagram(kind)), None);
    }
    let takes = Client::new(mac(1), &[(60, pxe::packet::CLASS)]).datagram(REQUEST);
    assert_eq!(greeting(&takes), None);
}

#[test]
fn one_bt_server_knows_another_and_gives_it_no_address() {
    for mut world in [World::new(settings()), World::proxy(settings())] {
        let question = probe::discover(7, mac(9), None);
        let asked = world.deliver(&question);
        assert!(matches!(asked, Outcome::Ignored(Reason::OfABtServer)));
        let bytes = greeting(&question).unwrap();
        let foreign = probe::foreign_reply(&bytes, SERVER, &[STRANGER]).unwrap();
        assert_eq!(foreign.ours, Some("10.77.0.1:6969".parse().unwrap()));
        assert_eq!((foreign.server_id, foreign.offered), (Some(SERVER), None));
        assert_eq!(foreign.to_string(), "10.77.0.1 (another bt-server)");
        // Also where this computer itself serves, at another interface.
        assert_eq!(
            probe::foreign_reply(&bytes, SERVER, &[SERVER]),
            Some(foreign)
        );
        assert_eq!(world.responder.leases().iter().count(), 0);
        for length in 0..bytes.len() {
            let _ = probe::foreign_reply(&bytes[..length], SERVER, &[]);
        }
    }
}

#[test]
fn who_only_looks_like_a_bt_server_is_none() {
    let bytes = greeting(&probe::discover(7, mac(9), None)).unwrap();
    let at = bytes.windows(5).position(|w| w == b"http=").unwrap();
    for spoilt in [&b"http="[..], b"https", b"http=0", b"http=x"] {
        let mut bytes = bytes.clone();
        bytes[at..at + 9].fill(b' ');
        bytes[at..at + spoilt.len()].copy_from_slice(spoilt);
        assert_eq!(probe::foreign_reply(&bytes, SERVER, &[]), None);
    }
}
