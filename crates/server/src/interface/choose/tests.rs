use super::*;

fn room() -> Seen {
    Seen {
        name: "eth0".into(),
        mac: Some([2, 0, 0, 0, 0, 1]),
        addresses: vec![
            (Ipv4Addr::new(10, 77, 0, 1), 24),
            (Ipv4Addr::new(10, 78, 0, 1), 16),
        ],
        up: true,
        kind: Kind::Wired,
        ..Seen::default()
    }
}

/// Another interface of this kind.
fn other(name: &str, kind: Kind) -> Seen {
    Seen {
        name: name.into(),
        addresses: vec![(Ipv4Addr::new(192, 168, 1, 5), 24)],
        kind,
        ..room()
    }
}

fn at(line: u64, value: &str) -> Placed<String> {
    Placed {
        value: value.to_owned(),
        line: Some(line),
    }
}

fn asked<'a>(flag: Option<&'a str>, named: Option<&'a Placed<String>>) -> Asked<'a> {
    Asked {
        flag,
        named,
        host_ip: None,
        spare: None,
        file: "Boottorrent.yaml",
    }
}

fn with_host_ip(asked: Asked<'_>, ip: [u8; 4]) -> Asked<'_> {
    Asked {
        host_ip: Some(Placed {
            value: ip.into(),
            line: Some(6),
        }),
        ..asked
    }
}

#[test]
fn first_address_unless_host_ip_picks() {
    let named = asked(Some("eth0"), None);
    let first = choose(&[room()], &named).expect("will do");
    assert_eq!(
        (first.address, first.prefix),
        (Ipv4Addr::new(10, 77, 0, 1), 24)
    );
    let picked = choose(&[room()], &with_host_ip(named, [10, 78, 0, 1])).expect("will do");
    assert_eq!(
        (picked.address, picked.prefix),
        (Ipv4Addr::new(10, 78, 0, 1), 16)
    );
}

#[test]
fn refusals_name_the_place_the_value_and_the_remedy() {
    let down = Seen {
        up: false,
        ..room()
    };
    let bare = Seen {
        addresses: vec![],
        ..room()
    };
    let lo = Seen {
        mac: None,
        ..other("lo", Kind::Loopback)
    };
    let narrow = Seen {
        addresses: vec![(Ipv4Addr::new(10, 0, 0, 1), 32)],
        ..room()
    };
    let table: [(&[Seen], &str, &str, &str); 6] = [
        (
            &[room()],
            "eth9",
            "names no interface of this machine",
            "eth0 (10.77.0.1/24)",
        ),
        (&[down], "eth0", "is down", "ip link set eth0 up"),
        (
            &[bare],
            "eth0",
            "has no IPv4 address",
            "ip address add 10.77.0.1/24 dev eth0",
        ),
        (
            &[lo, room()],
            "lo",
            "is the loopback interface",
            "eth0 (10.77.0.1/24)",
        ),
        (&[narrow], "eth0", "has 10.0.0.1/32", "/30 or wider"),
        (
            &[Seen {
                mac: None,
                ..room()
            }],
            "eth0",
            "has no Ethernet address",
            "wired",
        ),
    ];
    for (seen, name, what, remedy) in table {
        let text = choose(seen, &asked(Some(name), None))
            .expect_err(what)
            .to_string();
        assert!(text.starts_with("--iface: error: "), "{text}");
        assert!(text.contains(&format!("(found: {name})")), "{text}");
        assert!(text.contains(what) && text.contains(remedy), "{text}");

        let named = at(4, name);
        let text = choose(seen, &asked(None, Some(&named)))
            .expect_err(what)
            .to_string();
        assert!(
            text.starts_with("Boottorrent.yaml:4: error: dnsmasq.interface "),
            "{text}"
        );
        assert!(text.contains(what) && text.contains(remedy), "{text}");
    }
    let text = choose(
        &[room()],
        &with_host_ip(asked(Some("eth0"), None), [10, 9, 9, 9]),
    )
    .expect_err("not its address")
    .to_string();
    assert_eq!(
        text,
        "Boottorrent.yaml:6: error: boottorrent.host_ip is not an address of eth0, which has 10.77.0.1/24, 10.78.0.1/16 \
         (found: 10.9.9.9)\n    remedy: write host_ip: 10.77.0.1, or remove the line"
    );
}

#[test]
fn the_only_wired_interface_needs_no_name() {
    let unnamed = asked(None, None);
    let bare = Seen {
        addresses: vec![],
        ..other("eth1", Kind::Wired)
    };
    let around = [
        other("wlan0", Kind::Wireless),
        other("docker0", Kind::Inner),
        other("veth7", Kind::Unknown),
        bare,
        room(),
    ];
    let found = choose(&around, &unnamed).expect("eth0 alone can be meant");
    assert_eq!(found.name, "eth0");
    let container = [other("lo", Kind::Loopback), other("eth0", Kind::Unknown)];
    assert_eq!(choose(&container, &unnamed).expect("one").name, "eth0");

    let several = [room(), other("eth1", Kind::Wired)];
    let text = choose(&several, &unnamed)
        .expect_err("two could be")
        .to_string();
    assert!(
        text.contains("several could be the room's")
            && text.contains("--iface")
            && text.contains("eth0 (10.77.0.1/24), eth1 (192.168.1.5/24)"),
        "{text}"
    );
    let text = choose(&around[..4], &unnamed)
        .expect_err("none is")
        .to_string();
    assert!(
        text.contains("no wired interface is up") && text.contains("eth1 (no address)"),
        "{text}"
    );
    let picked = choose(&several, &with_host_ip(unnamed, [192, 168, 1, 5]));
    assert_eq!(picked.expect("host_ip says which").name, "eth1");
}

#[test]
fn an_interface_without_an_address_gets_the_spare_one() {
    let spare = (Ipv4Addr::new(10, 77, 0, 1), 24);
    let with_spare = |flag| Asked {
        spare: Some(spare),
        ..asked(flag, None)
    };
    let own = (Ipv4Addr::new(192, 168, 1, 5), 24);
    let itself = (Ipv4Addr::new(169, 254, 3, 4), 16);
    // Its addresses, whether it is up, the address it serves on and whether it has it, or what is wrong.
    type Expected = Result<((Ipv4Addr, u8), bool), &'static str>;
    type Case<'a> = (&'a [(Ipv4Addr, u8)], bool, Expected);
    let table: [Case<'_>; 6] = [
        (&[], true, Ok((spare, false))),
        (&[], false, Ok((spare, false))),
        (&[itself], true, Ok((spare, false))),
        (&[own], true, Ok((own, true))),
        (&[own, itself], true, Ok((own, true))),
        (&[own], false, Err("is down")),
    ];
    for (addresses, up, expected) in table {
        let card = Seen {
            addresses: addresses.to_vec(),
            up,
            ..room()
        };
        let named = choose(std::slice::from_ref(&card), &with_spare(Some("eth0")));
        match (named, expected) {
            (Ok(found), Ok((address, has_address))) => {
                assert_eq!((found.address, found.prefix), address);
                assert_eq!((found.has_address, found.up), (has_address, up));
            }
            (Err(problem), Err(what)) => assert!(problem.to_string().contains(what), "{problem}"),
            other => panic!("{addresses:?} {up}: {other:?}"),
        }
    }
}

#[test]
fn unnamed_a_card_without_an_address_is_taken_only_where_none_has_one() {
    let bare = |name: &str| Seen {
        addresses: vec![],
        up: false,
        ..other(name, Kind::Wired)
    };
    let unnamed = Asked {
        spare: Some((Ipv4Addr::new(10, 77, 0, 1), 24)),
        ..asked(None, None)
    };
    let radio = other("wlan0", Kind::Wireless);
    let found = choose(&[radio.clone(), bare("eth1")], &unnamed).expect("the only card");
    assert_eq!((found.name.as_str(), found.has_address), ("eth1", false));
    let found = choose(&[room(), bare("eth1")], &unnamed).expect("the one with an address");
    assert_eq!((found.name.as_str(), found.has_address), ("eth0", true));
    for seen in [vec![bare("eth1"), bare("eth2")], vec![radio]] {
        let text = choose(&seen, &unnamed).expect_err("which?").to_string();
        assert!(text.contains("no wired interface is up"), "{text}");
    }
}
