//! Who boots, as machines meet it: reservations, machines that are left alone, and those that are left to their own
//! disk.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use proptest::prelude::*;
use pxe::machines::Rule;
use pxe::plan::NO_FILE;
use pxe::{Action, Boot, Change, Lease, Machines, Mode, Reason, Settings, Started};
use report::{Mac, MacPattern, Step};

use crate::client::{
    ACK, Client, DISCOVER, INFORM, NAK, OFFER, Outcome, REQUEST, World, mac, settings,
};

fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, last)
}

fn boots(boot: Boot) -> Rule {
    Rule {
        boot,
        ..Rule::default()
    }
}

fn reserved(last: u8) -> Rule {
    Rule {
        address: Some(ip(last)),
        ..Rule::default()
    }
}

fn with(rules: &[(Mac, Rule)], others: Boot) -> Settings {
    let rules = rules
        .iter()
        .map(|(mac, rule)| ((*mac).into(), rule.clone()));
    Settings {
        machines: Machines::new(rules, others).expect("sound"),
        ..settings()
    }
}

/// The ten addresses from 10.77.0.10 on.
fn ten(rules: &[(Mac, Rule)]) -> Settings {
    Settings {
        range: Some((ip(10), ip(19))),
        ..with(rules, Boot::Always)
    }
}

#[test]
fn a_reserved_address_is_its_machines_inside_and_outside_the_range() {
    let mut world = World::new(ten(&[(mac(1), reserved(12)), (mac(2), reserved(200))]));
    for number in 100..109 {
        let given = world.lease(&Client::udhcpc(mac(number))).yiaddr;
        assert_ne!(given, ip(12));
    }
    let Outcome::Refused(why) = world.deliver(&Client::udhcpc(mac(109)).datagram(DISCOVER)) else {
        panic!("the tenth is kept")
    };
    assert!(why.contains("all 9 addresses"), "{why}");
    for client in [Client::bios, Client::ipxe, Client::udhcpc] {
        assert_eq!(world.lease(&client(mac(1))).yiaddr, ip(12));
        assert_eq!(world.lease(&client(mac(2))).yiaddr, ip(200));
    }
    // Nobody else gets it by asking, nor when its lease is over.
    world.pass(4000);
    for address in [ip(12), ip(200)] {
        let wants = Client::udhcpc(mac(100)).with(50, &address.octets());
        assert_ne!(world.reply(&wants, DISCOVER).yiaddr, address);
        let stranger = Client::udhcpc(mac(300)).with(50, &address.octets());
        assert_eq!(world.reply(&stranger, REQUEST).kind, NAK);
    }
    // One of nine is offered to mac(100) again.
    for number in 200..208 {
        let given = world.lease(&Client::udhcpc(mac(number))).yiaddr;
        assert!(given != ip(12) && given != ip(200));
    }
}

#[test]
fn an_earlier_runs_leases_make_way_for_reservations() {
    let lease = |number, last| {
        Change::Lease(Lease {
            mac: mac(number),
            address: ip(last),
            until: std::time::Duration::from_secs(3600),
        })
    };
    let mut world = World::new(ten(&[(mac(1), reserved(12))]));
    assert!(!world.responder.restore(lease(2, 12)), "it is mac(1)'s now");
    assert!(!world.responder.restore(lease(1, 13)), "it has another now");
    assert!(world.responder.restore(lease(3, 14)));
    // Both still believe in theirs, are told otherwise, and ask again.
    let renews = |number, last| {
        let own = ip(last);
        Client::udhcpc(mac(number)).at(own)
    };
    assert_eq!(world.reply(&renews(2, 12), REQUEST).kind, NAK);
    assert_eq!(world.reply(&renews(1, 13), REQUEST).kind, NAK);
    assert_eq!(world.reply(&renews(3, 14), REQUEST).kind, ACK);
    assert_eq!(world.lease(&Client::udhcpc(mac(1))).yiaddr, ip(12));
    assert_ne!(world.lease(&Client::udhcpc(mac(2))).yiaddr, ip(12));
}

/// Somebody who was here before, with an address of their own choice.
#[test]
fn a_reserved_address_that_is_in_use_is_not_waited_for() {
    let mut world = World::new(ten(&[(mac(1), reserved(12))]));
    world.taken.insert(ip(12));
    let other = world.lease(&Client::udhcpc(mac(1))).yiaddr;
    assert_ne!(other, ip(12));
    let again = Client::udhcpc(mac(1)).at(other);
    assert_eq!(world.reply(&again, REQUEST).kind, ACK);
    world.taken.clear();
    world.pass(400);
    assert_eq!(world.lease(&Client::udhcpc(mac(1))).yiaddr, ip(12));
}

#[test]
fn an_ignored_machine_hears_nothing_whoever_asks_on_it() {
    let mut world = World::new(with(&[(mac(1), boots(Boot::Ignore))], Boot::Always));
    for mode in [Mode::Full, Mode::Proxy] {
        world.responder.set_mode(mode);
        for client in [Client::bios, Client::ipxe, Client::udhcpc] {
            for kind in [DISCOVER, REQUEST, INFORM] {
                let client = client(mac(1)).at(ip(77));
                assert_eq!(world.ignored(&client, kind), Reason::LeftAlone);
            }
        }
    }
    world.responder.set_mode(Mode::Full);
    assert_eq!(world.reply(&Client::bios(mac(2)), DISCOVER).kind, OFFER);
}

#[test]
fn unknown_machines_are_named_with_the_remedy_once_a_minute() {
    let mut world = World::new(with(&[(mac(1), Rule::default())], Boot::Ignore));
    assert_eq!(world.reply(&Client::bios(mac(1)), DISCOVER).kind, OFFER);
    let Outcome::Refused(why) = world.deliver(&Client::bios(mac(2)).datagram(DISCOVER)) else {
        panic!("answered")
    };
    assert!(
        why.contains("machines.unknown is ignore") && why.contains("machines.list"),
        "{why}"
    );
    assert_eq!(
        world.ignored(&Client::udhcpc(mac(2)), DISCOVER),
        Reason::Refused
    );
}

/// Firmware goes on with the next device of its boot order when it is named nothing to load.
#[test]
fn a_machine_with_its_own_disk_gets_an_address_and_no_loader() {
    let mut world = World::new(with(&[(mac(1), boots(Boot::Local))], Boot::Always));
    for client in [Client::bios(mac(1)), Client::ipxe(mac(1))] {
        let offer = world.reply(&client, DISCOVER);
        assert_eq!((offer.kind, offer.file.as_str()), (OFFER, ""));
        for code in [43, 60, 66, 67, 175, 209, 210] {
            assert!(!offer.options.contains_key(&code), "option {code}");
        }
        let told = offer.steps.iter().map(|(_, step)| step);
        let why = told.filter_map(|step| match step {
            Step::OwnDisk { why } => Some(why.as_str()),
            _ => None,
        });
        assert_eq!(why.collect::<Vec<_>>(), ["Boottorrent.yaml says so"]);
        assert_eq!(world.lease(&client).file, "");
    }
    let system = world.reply(&Client::udhcpc(mac(1)), DISCOVER);
    assert!(
        !system
            .steps
            .iter()
            .any(|(_, step)| matches!(step, Step::OwnDisk { .. }))
    );
    assert_ne!(world.reply(&Client::bios(mac(2)), DISCOVER).file, "");
}

/// UEFI that is named nothing asks for another minute; a file that nobody has ends that.
#[test]
fn uefi_with_its_own_disk_is_named_a_file_that_there_is_not() {
    let mut world = World::new(with(&[(mac(1), boots(Boot::Local))], Boot::Always));
    // HTTP Boot on a machine that nothing is known about has no loader here, and needs none for this.
    let http = Client::new(mac(1), &[(60, b"HTTPClient:Arch:00039"), (93, &[0, 39])]);
    let url = format!("http://10.77.0.1:6969/boot/{NO_FILE}");
    for (client, file) in [(Client::uefi(mac(1)), NO_FILE), (http, url.as_str())] {
        world.responder.set_mode(Mode::Full);
        let offer = world.reply(&client, DISCOVER);
        assert_eq!((offer.kind, offer.file.as_str()), (OFFER, file));
        let is_left = |step: &Step| matches!(step, Step::OwnDisk { .. });
        assert!(offer.steps.iter().any(|(_, step)| is_left(step)));
        assert_eq!(world.lease(&client).file, file);
        world.responder.set_mode(Mode::Proxy);
        assert_eq!(world.reply(&client, DISCOVER).file, file);
        let from = SocketAddrV4::new(ip(77), 4011);
        let asks = client.at(ip(77)).datagram(REQUEST);
        let action = world.responder.handle_4011(&asks, from, world.now);
        assert!(matches!(action, Action::Reply { .. }), "{action:?}");
    }
}

/// Beside another server there is nothing to be said to a BIOS, on port 4011 neither.
#[test]
fn a_bios_with_its_own_disk_hears_nothing_beside_another_server() {
    let mut world = World::new(with(&[(mac(1), boots(Boot::Local))], Boot::Always));
    world.responder.set_mode(Mode::Proxy);
    let firmware = Client::bios(mac(1));
    let action = world
        .responder
        .handle(&firmware.datagram(DISCOVER), world.now);
    let Action::Note { steps } = action else {
        panic!("{action:?}")
    };
    assert!(
        matches!(
            steps[..],
            [(_, Step::Discover { .. }), (_, Step::OwnDisk { .. })]
        ),
        "{steps:?}"
    );
    let from = SocketAddrV4::new(ip(77), 68);
    let asks = firmware.at(ip(77));
    let action = world
        .responder
        .handle_4011(&asks.datagram(REQUEST), from, world.now);
    assert!(
        matches!(
            action,
            Action::Ignore {
                reason: Reason::LeftAlone,
                ..
            }
        ),
        "{action:?}"
    );
    let other = Client::bios(mac(2)).at(ip(78));
    let action = world
        .responder
        .handle_4011(&other.datagram(REQUEST), from, world.now);
    assert!(matches!(action, Action::Reply { .. }), "{action:?}");
}

#[test]
fn a_machine_boots_once_and_again_when_it_may() {
    let mut world = World::new(with(&[(mac(1), boots(Boot::Once))], Boot::Always));
    let boots = |world: &mut World| !world.reply(&Client::bios(mac(1)), DISCOVER).file.is_empty();
    assert!(boots(&mut world));
    let started: Started = [mac(1), mac(2)].into_iter().collect();
    world.responder.set_started(Arc::new(started));
    assert!(!boots(&mut world));
    let always = world.reply(&Client::bios(mac(2)), DISCOVER);
    assert_ne!(always.file, "", "no rule says that it boots once");
    world.responder.set_started(Arc::default());
    assert!(boots(&mut world));
}

#[test]
fn a_machines_name_is_told_to_its_systems() {
    let rule = Rule {
        name: Some("pc01".to_owned()),
        ..Rule::default()
    };
    let mut world = World::new(with(&[(mac(1), rule)], Boot::Always));
    assert_eq!(world.lease(&Client::udhcpc(mac(1))).text(12), Some("pc01"));
    assert_eq!(world.lease(&Client::udhcpc(mac(2))).text(12), None);
}

fn any_mac() -> impl Strategy<Value = Mac> {
    // Few values, so that patterns fit often.
    prop::array::uniform6(prop::sample::select(vec![0_u8, 1, 0xab])).prop_map(Mac)
}

fn any_pattern() -> impl Strategy<Value = MacPattern> {
    (any_mac(), 0..=6_u8).prop_map(|(mac, length)| MacPattern::of(mac, length))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Written and read again it is the same, in any spelling, and it fits what it looks like.
    #[test]
    fn a_pattern_is_what_it_looks_like(pattern in any_pattern(), mac in any_mac()) {
        let text = pattern.to_string();
        for spelling in [text.clone(), text.to_uppercase(), text.replace(':', "-")] {
            prop_assert_eq!(spelling.parse(), Ok(pattern), "{}", spelling);
        }
        let looks_like = match text.strip_suffix('*') {
            Some(said) => mac.to_string().starts_with(said),
            None => mac.to_string() == text,
        };
        prop_assert_eq!(pattern.fits(mac), looks_like, "{} {}", text, mac);
    }

    #[test]
    fn any_text_is_a_pattern_or_none(text in "[0-9a-fA-F:*-]{0,20}|.{0,20}") {
        if let Ok(pattern) = text.parse::<MacPattern>() {
            prop_assert_eq!(pattern.to_string().parse(), Ok(pattern), "{}", text);
        }
    }

    /// Whatever the order of the rules: of those that fit, the longest decides.
    #[test]
    fn the_longest_fitting_pattern_decides(
        patterns in prop::collection::btree_set(any_pattern(), 0..12),
        turn in any::<prop::sample::Index>(),
        mac in any_mac(),
    ) {
        let rule = |pattern: &MacPattern| Rule { name: Some(pattern.to_string()), ..Rule::default() };
        let mut rules: Vec<_> = patterns.iter().map(|pattern| (*pattern, rule(pattern))).collect();
        if !rules.is_empty() {
            let by = turn.index(rules.len());
            rules.rotate_left(by);
        }
        let machines = Machines::new(rules, Boot::Always).unwrap();
        let fitting: BTreeSet<_> = patterns.iter().filter(|pattern| pattern.fits(mac)).collect();
        let longest = fitting.last().map(ToString::to_string);
        prop_assert_eq!(machines.name(mac), longest.as_deref());
    }

    /// However machines come and ask: a kept address is its machine's, and nobody has one twice.
    #[test]
    fn nobody_gets_what_is_kept(asked in prop::collection::vec((1..12_u16, 8..22_u8, 0..2000_u64), 1..60)) {
        let mut world = World::new(ten(&[(mac(1), reserved(12)), (mac(2), reserved(200)), (mac(3), reserved(19))]));
        for (number, wanted, pause) in asked {
            world.pass(pause);
            let client = Client::udhcpc(mac(number)).with(50, &ip(wanted).octets());
            let Outcome::Reply(offer) = world.deliver(&client.datagram(DISCOVER)) else { continue };
            let own = match number {
                1 => Some(ip(12)),
                2 => Some(ip(200)),
                3 => Some(ip(19)),
                _ => None,
            };
            match own {
                Some(own) => prop_assert_eq!(offer.yiaddr, own),
                None => prop_assert!(![ip(12), ip(200), ip(19)].contains(&offer.yiaddr)),
            }
            let takes = Client::udhcpc(mac(number)).with(50, &offer.yiaddr.octets());
            prop_assert_eq!(world.reply(&takes, REQUEST).kind, ACK);
            let leases: Vec<_> = world.responder.leases().iter().collect();
            let machines: BTreeSet<_> = leases.iter().map(|lease| lease.mac).collect();
            prop_assert_eq!(machines.len(), leases.len());
        }
    }
}
