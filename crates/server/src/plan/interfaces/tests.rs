use super::*;
use crate::interface::Kind;
use crate::interface::routes::Route;
use crate::user::Users;

const FILE: &str = "Boottorrent.yaml";

fn card(name: &str, address: Option<[u8; 4]>) -> Seen {
    Seen {
        name: name.to_owned(),
        mac: Some([2, 0, 0, 0, 0, name.len() as u8]),
        addresses: address
            .map(|address| (address.into(), 24))
            .into_iter()
            .collect(),
        up: true,
        kind: Kind::Wired,
        ..Seen::default()
    }
}

fn host(interfaces: Vec<Seen>, routes: &[(&str, [u8; 4], u8)]) -> Host {
    let route = |&(interface, network, prefix): &(&str, [u8; 4], u8)| Route {
        interface: interface.to_owned(),
        network: network.into(),
        prefix,
        gateway: Some([10, 77, 0, 254].into()),
    };
    Host {
        interfaces: Ok(interfaces),
        routes: routes.iter().map(route).collect(),
        users: Users {
            root: true,
            passwd: Ok(String::new()),
            caller: None,
        },
    }
}

fn two() -> Vec<Seen> {
    vec![
        card("eth0", Some([10, 77, 0, 1])),
        card("vlan42", Some([10, 78, 0, 1])),
    ]
}

fn settings(yaml: &str) -> Settings {
    let read = catalog::settings(FILE, &format!("boottorrent:\n  version: 0\n{yaml}"));
    read.value
        .unwrap_or_else(|| panic!("{yaml}: {:?}", read.problems))
}

fn flags(names: &[&str]) -> Serve {
    Serve {
        iface: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Serve::default()
    }
}

/// The addresses served, or all that is wrong.
fn chosen(args: &Serve, settings: &Settings, host: &Host) -> Result<Vec<Ipv4Addr>, String> {
    let mut problems = Vec::new();
    let found = interfaces(args, settings, FILE, host, &mut problems);
    match problems.is_empty() {
        true => Ok(found.unwrap().iter().map(|one| one.address).collect()),
        false => Err(problems.iter().map(|one| format!("{one}\n")).collect()),
    }
}

#[test]
fn each_that_is_named_is_served_once() {
    let both: Vec<Ipv4Addr> = vec![[10, 77, 0, 1].into(), [10, 78, 0, 1].into()];
    let here = host(two(), &[]);
    let file = settings("dnsmasq:\n  interface: [vlan42, eth0]\n");
    let by_flag = chosen(&flags(&["eth0", "vlan42", "eth0"]), &settings(""), &here);
    assert_eq!(by_flag, Ok(both.clone()));
    let by_file = chosen(&flags(&[]), &file, &here);
    assert_eq!(by_file, Ok(both.iter().rev().copied().collect()));
    let flag_beats = chosen(&flags(&["eth0"]), &file, &here);
    assert_eq!(flag_beats, Ok(both[..1].to_vec()));
}

#[test]
fn what_is_wrong_with_each_is_told_and_none_is_served_then() {
    let here = host(two(), &[]);
    let said = chosen(&flags(&["eth7", "eth0", "eth8"]), &settings(""), &here).unwrap_err();
    assert!(
        said.contains("(found: eth7)") && said.contains("(found: eth8)"),
        "{said}"
    );

    let same = vec![two().remove(0), card("eth1", Some([10, 77, 0, 2]))];
    let said = chosen(&flags(&["eth0", "eth1"]), &settings(""), &host(same, &[])).unwrap_err();
    assert!(said.contains("eth0 and eth1 are in one network"), "{said}");

    let with_address = Serve {
        address: Some("10.9.0.1/24".parse().unwrap()),
        ..flags(&["eth0", "vlan42"])
    };
    let said = chosen(&with_address, &settings(""), &here).unwrap_err();
    assert!(
        said.contains("--address") && said.contains("several"),
        "{said}"
    );

    let elsewhere = settings("  host_ip: 10.9.9.9\n");
    let said = chosen(&flags(&["eth0", "vlan42"]), &elsewhere, &here).unwrap_err();
    assert!(
        said.contains("host_ip is not an address of eth0 and vlan42"),
        "{said}"
    );
    for yaml in [
        "  host_ip: 10.78.0.1\n",
        "dnsmasq:\n  dhcp_range: \"10.78.0.50,10.78.0.99\"\n",
    ] {
        let served = chosen(&flags(&["eth0", "vlan42"]), &settings(yaml), &here);
        assert_eq!(served.map(|all| all.len()), Ok(2), "{yaml}");
    }
}

#[test]
fn a_range_must_be_in_the_network_of_one_of_them() {
    let here = host(two(), &[]);
    let unfit = |range: &str| {
        let settings = settings(&format!("dnsmasq:\n  dhcp_range: \"{range}\"\n"));
        let mut problems = Vec::new();
        let args = flags(&["eth0", "vlan42"]);
        let all = interfaces(&args, &settings, FILE, &here, &mut problems).unwrap();
        unfit_range(&settings, FILE, &all).map(|unfit| unfit.to_string())
    };
    assert_eq!(unfit("10.78.0.50,10.78.0.99"), None);
    let said = unfit("10.9.9.1,10.9.9.9").unwrap();
    assert!(
        said.contains("not inside the subnet of eth0 and vlan42"),
        "{said}"
    );
}

#[test]
fn interfaces_without_an_address_get_networks_of_their_own() {
    let bare = vec![card("eth0", None), card("eth1", None), two().remove(1)];
    let served = chosen(
        &flags(&["eth0", "eth1", "vlan42"]),
        &settings(""),
        &host(bare.clone(), &[]),
    );
    let served = served.unwrap();
    let networks: std::collections::BTreeSet<_> = served
        .iter()
        .map(|one| one.octets()[..3].to_vec())
        .collect();
    assert_eq!(networks.len(), 3, "{served:?}");

    // A range that is vlan42's says nothing of eth0.
    let range = settings("dnsmasq:\n  dhcp_range: \"10.78.0.50,10.78.0.99\"\n");
    let served = chosen(
        &flags(&["eth0", "vlan42"]),
        &range,
        &host(bare.clone(), &[]),
    )
    .unwrap();
    assert_ne!(served[0].octets()[..3], [10, 78, 0], "{served:?}");
    // One that is nobody's yet is the first one's.
    let range = settings("dnsmasq:\n  dhcp_range: \"10.5.0.50,10.5.0.99\"\n");
    let served = chosen(&flags(&["eth0", "eth1"]), &range, &host(bare, &[])).unwrap();
    assert_eq!(served[0].octets()[..3], [10, 5, 0], "{served:?}");
    assert_ne!(served[1].octets()[..3], [10, 5, 0], "{served:?}");
}

#[test]
fn what_the_file_says_of_a_network_is_for_the_interface_in_it() {
    let yaml = "dnsmasq:\n  dhcp_range: \"10.78.0.50,10.78.0.99\"\nnetwork:\n  router: 10.77.0.254\n  subnets:\n  \
        - subnet: 10.88.0.0/24\n  - subnet: 10.89.0.0/24\n";
    let settings = settings(yaml);
    let routes = [
        ("eth0", [10, 77, 0, 0], 24),
        ("vlan42", [10, 78, 0, 0], 24),
        ("eth0", [0, 0, 0, 0], 0),
        ("vlan42", [10, 88, 0, 0], 16),
    ];
    let here = host(two(), &routes);
    let mut problems = Vec::new();
    let args = flags(&["eth0", "vlan42"]);
    let all = interfaces(&args, &settings, FILE, &here, &mut problems).unwrap();
    let shared = shares(&settings, FILE, &here, &all, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    let range = (Ipv4Addr::new(10, 78, 0, 50), Ipv4Addr::new(10, 78, 0, 99));
    assert_eq!((shared[0].range, shared[1].range), (None, Some(range)));
    let router = Ipv4Addr::new(10, 77, 0, 254);
    assert_eq!((shared[0].router, shared[1].router), (Some(router), None));
    let subnets = |share: &Share| {
        share
            .subnets
            .iter()
            .map(|one| one.network)
            .collect::<Vec<_>>()
    };
    assert_eq!(subnets(&shared[0]), [Ipv4Addr::new(10, 89, 0, 0)]);
    assert_eq!(subnets(&shared[1]), [Ipv4Addr::new(10, 88, 0, 0)]);

    // Nowhere to go, or by an interface that is not served.
    for routes in [&[][..], &[("wlan0", [0, 0, 0, 0], 0)]] {
        let mut problems = Vec::new();
        shares(&settings, FILE, &host(two(), routes), &all, &mut problems);
        let said = problems.iter().map(ToString::to_string).collect::<String>();
        assert_eq!(problems.len(), 2, "{said}");
        assert!(
            said.contains("Boottorrent.yaml:8: error")
                && said.contains("ip route add 10.88.0.0/24"),
            "{said}"
        );
    }
    // Where there is one interface, all of it is about that one.
    let mut problems = Vec::new();
    let alone = shares(&settings, FILE, &host(two(), &[]), &all[..1], &mut problems);
    assert_eq!((alone.len(), alone[0].subnets.len()), (1, 2));
    assert_eq!(alone[0].range, Some(range));
}
