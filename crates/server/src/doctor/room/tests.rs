use super::*;
use crate::doctor::finding::Severity;
use crate::interface::manager::Manager;

fn seen(name: &str, kind: Kind, addresses: &[(&str, u8)]) -> Seen {
    Seen {
        name: name.to_owned(),
        mac: Some([2, 0, 0, 0, 0, 1]),
        addresses: addresses
            .iter()
            .map(|(address, prefix)| (address.parse().unwrap(), *prefix))
            .collect(),
        leased: Vec::new(),
        manager: None,
        up: true,
        kind,
    }
}

fn wired(name: &str) -> Seen {
    seen(name, Kind::Wired, &[])
}

#[test]
fn the_only_interface_that_could_be_meant_is_taken() {
    let (lo, radio) = (
        seen("lo", Kind::Loopback, &[("127.0.0.1", 8)]),
        seen("wlan0", Kind::Wireless, &[("192.168.1.7", 24)]),
    );
    let bridge = seen("virbr0", Kind::Inner, &[("192.168.122.1", 24)]);
    let used = seen("eth1", Kind::Wired, &[("10.0.0.1", 24)]);
    let picked = |all: &[&Seen], named: Option<&str>| {
        let all: Vec<Seen> = all.iter().copied().cloned().collect();
        pick(&all, named)
            .map(|one| one.name.clone())
            .map_err(|finding| finding.remedy.unwrap())
    };
    let eth0 = wired("eth0");
    assert_eq!(
        picked(&[&lo, &radio, &bridge, &eth0], None).as_deref(),
        Ok("eth0")
    );
    assert_eq!(
        picked(&[&eth0, &used], None).as_deref(),
        Ok("eth1"),
        "the one in use"
    );
    assert_eq!(
        picked(&[&eth0, &radio], Some("wlan0")).as_deref(),
        Ok("wlan0")
    );
    let several = picked(&[&eth0, &wired("eth1")], None).unwrap_err();
    assert!(several.contains("eth0 (wired), eth1 (wired)"), "{several}");
    for (all, named) in [
        (&[&lo, &radio][..], None),
        (&[&lo, &eth0], Some("lo")),
        (&[&eth0], Some("eth9")),
    ] {
        assert!(
            picked(all, named).unwrap_err().contains("--iface"),
            "{named:?}"
        );
    }
}

#[test]
fn radio_is_warned_about_and_others_are_named() {
    let (eth0, radio) = (wired("eth0"), seen("wlan0", Kind::Wireless, &[]));
    let both = [eth0.clone(), radio.clone()];
    let [own, others] = &interfaces(&eth0, &both)[..] else {
        panic!("two findings")
    };
    assert_eq!(
        (own.severity, own.what.as_str()),
        (Severity::Ok, "eth0, wired")
    );
    assert_eq!(others.what, "not served: wlan0 (Wi-Fi)");
    let [own, ..] = &interfaces(&radio, &both)[..] else {
        panic!("a finding")
    };
    assert!(own.severity == Severity::Warning && own.what.contains("client isolation"));
}

#[test]
fn what_a_link_means_for_a_room() {
    let eth0 = wired("eth0");
    let down = Seen {
        up: false,
        ..eth0.clone()
    };
    let used = Seen {
        up: false,
        ..seen("eth0", Kind::Wired, &[("10.77.0.1", 24)])
    };
    let speed = |megabits, half_duplex| {
        Some(Speed {
            megabits,
            half_duplex,
        })
    };
    for (interface, has_link, speed, severity, says) in [
        (&down, false, None, Severity::Warning, "switches it on"),
        (&used, false, None, Severity::Error, "ip link set eth0 up"),
        (&eth0, false, speed(1000, false), Severity::Error, "no link"),
        (&eth0, true, None, Severity::Ok, "up"),
        (
            &eth0,
            true,
            speed(1000, false),
            Severity::Ok,
            "1000 Mbit/s, full duplex",
        ),
        (&eth0, true, speed(2500, false), Severity::Ok, "2500 Mbit/s"),
        (
            &eth0,
            true,
            speed(100, false),
            Severity::Warning,
            "1 GB needs 85 s to leave this server, at 1000 Mbit/s 8 s",
        ),
        (&eth0, true, speed(10, false), Severity::Warning, "848 s"),
        (
            &eth0,
            true,
            speed(1000, true),
            Severity::Warning,
            "half duplex",
        ),
    ] {
        let finding = link(interface, has_link, speed);
        let said = format!("{} {:?}", finding.what, finding.remedy);
        assert_eq!(finding.severity, severity, "{said}");
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn addresses() {
    for (addresses, severity, says) in [
        (&[][..], Severity::Warning, "takes a private one"),
        (&[("169.254.3.4", 16)], Severity::Warning, "made up"),
        (&[("10.77.0.1", 32)], Severity::Error, "no room"),
        (
            &[("169.254.3.4", 16), ("10.0.0.5", 24)],
            Severity::Ok,
            "10.0.0.5/24",
        ),
    ] {
        let finding = address(&seen("eth0", Kind::Wired, addresses));
        assert_eq!(finding.severity, severity, "{finding:?}");
        assert!(finding.what.contains(says), "{finding:?}");
    }
    let mut leased = seen("eth0", Kind::Wired, &[("10.0.0.5", 24)]);
    leased.leased.push(Ipv4Addr::new(10, 0, 0, 5));
    let finding = address(&leased);
    assert!(finding.severity == Severity::Note && finding.what.contains("proxy"));
}

#[test]
fn a_default_route_through_the_room_is_found() {
    let default = [Route {
        interface: "wlan0".to_owned(),
        network: Ipv4Addr::UNSPECIFIED,
        prefix: 0,
        gateway: Some(Ipv4Addr::new(10, 0, 0, 1)),
    }];
    let room = seen("eth0", Kind::Wired, &[("10.0.0.5", 24)]);
    let other = seen("wlan0", Kind::Wireless, &[("10.0.0.9", 24)]);
    let alone = ways(&room, std::slice::from_ref(&room), &default, true);
    assert_eq!((alone.len(), alone[0].severity), (1, Severity::Ok));
    let both = [room.clone(), other.clone()];
    let [shared] = &ways(&room, &both, &default, true)[..] else {
        panic!("one finding")
    };
    assert_eq!(shared.remedy.as_deref(), Some("ip link set wlan0 down"));
    assert!(shared.what.contains("rp_filter"));
    let [default, shared] = &ways(&other, &both, &default, false)[..] else {
        panic!("two findings")
    };
    assert!(default.what.contains("through wlan0") && !shared.what.contains("rp_filter"));
    let wider = seen("eth1", Kind::Wired, &[("10.0.0.9", 8)]);
    assert_eq!(
        ways(&room, &[room.clone(), wider], &[], false)[0].severity,
        Severity::Ok
    );
}

#[test]
fn who_manages_an_interface_may_take_back_its_address() {
    let mut eth0 = wired("eth0");
    assert_eq!(managed(&eth0), None);
    eth0.manager = Some(Manager::NetworkManager);
    let finding = managed(&eth0).expect("a finding");
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(
        finding.remedy.as_deref(),
        Some("nmcli device set eth0 managed no")
    );
    eth0.addresses.push((Ipv4Addr::new(10, 77, 0, 1), 24));
    assert_eq!(
        managed(&eth0).map(|finding| finding.severity),
        Some(Severity::Note)
    );
}
