//! The sections `network` and `machines`: what is read, what they come to with the room's systems, and what is said
//! about mistakes.

#![cfg(feature = "yaml")]

mod common;

use std::net::Ipv4Addr;
use std::time::Duration;

use catalog::{
    Boot, LeaseTime, PayloadFile, Settings, System, WhoBoots, on_interface, system, together,
    who_boots,
};
use common::{read, said};

const FILE: &str = "Boottorrent.yaml";

fn sound(text: &str) -> Settings {
    let (settings, problems) = read(text);
    assert_eq!(said(&problems), "", "{text}");
    settings
}

fn named(folder: &str, config: &str) -> (System, String) {
    let file = format!("oss/{folder}/config.yaml");
    let payload = ["vmlinuz", "initrd"].map(|path| PayloadFile {
        path: path.to_owned(),
        size: 1,
    });
    let checked = system(folder, &payload, Some((&file, config)));
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    (checked.value.expect("a system"), file)
}

/// Two systems to boot, and the machine's own disk.
fn systems() -> Vec<(System, String)> {
    vec![
        named("deb", "dispname: Debian"),
        named("alp", ""),
        named("disk", "dispname: Own disk\nmethod: local"),
    ]
}

fn who(text: &str) -> WhoBoots {
    let systems: Vec<System> = systems().into_iter().map(|(system, _)| system).collect();
    who_boots(&sound(text), &systems)
}

fn ip(text: &str) -> Ipv4Addr {
    text.parse().expect(text)
}

#[test]
fn what_machines_are_told_of_the_network_is_read() {
    let settings = sound(
        "\
network:
  router: 192.168.001.254
  dns: 192.168.1.254
  ntp: [192.168.1.254, 192.168.1.253]
  domain: lab.example.
  lease: 30m
  subnets:
    - subnet: 192.168.2.0/24
      range: 192.168.2.50, 192.168.2.150
      router: 192.168.2.1
    - {subnet: 10.0.0.0/8}
",
    );
    let lan = &settings.network;
    assert_eq!(
        lan.router.map(|r| (r.value, r.line)),
        Some((ip("192.168.1.254"), Some(2)))
    );
    assert_eq!(lan.dns.len(), 1);
    assert_eq!(lan.ntp[1].value, ip("192.168.1.253"));
    assert_eq!(
        lan.domain.as_ref().map(|d| d.value.as_str()),
        Some("lab.example")
    );
    assert_eq!(
        settings.lease(),
        Some(LeaseTime::Lasts(Duration::from_secs(1800)))
    );
    let [near, far] = &lan.subnets[..] else {
        panic!("{:?}", lan.subnets)
    };
    assert_eq!(
        (near.value.network, near.value.prefix, near.line),
        (ip("192.168.2.0"), 24, Some(8))
    );
    assert_eq!(
        near.value.range,
        Some((ip("192.168.2.50"), ip("192.168.2.150")))
    );
    assert_eq!(near.value.router, Some(ip("192.168.2.1")));
    assert!(near.value.holds(ip("192.168.2.254")) && !near.value.holds(ip("192.168.2.255")));
    assert_eq!(
        (far.value.prefix, far.value.range, far.value.router),
        (8, None, None)
    );
}

/// The old key keeps its meaning, and of two lease times nobody can say which is meant.
#[test]
fn the_lease_is_told_in_one_place() {
    let hours = |hours: u64| Some(LeaseTime::Lasts(Duration::from_secs(hours * 3600)));
    for (text, lease) in [
        ("", None),
        ("dnsmasq: {dhcp_range: \"10.0.0.5,10.0.0.9\"}", hours(1)),
        (
            "dnsmasq: {dhcp_range: \"10.0.0.5,10.0.0.9,12h\"}",
            hours(12),
        ),
        ("network: {lease: 2d}", hours(48)),
        ("network: {lease: infinite}", Some(LeaseTime::Infinite)),
        (
            "network: {lease: 2h}\ndnsmasq: {dhcp_range: \"10.0.0.5,10.0.0.9\"}",
            hours(2),
        ),
    ] {
        assert_eq!(sound(text).lease(), lease, "{text}");
    }
    let (_, problems) =
        read("network:\n  lease: 2h\ndnsmasq:\n  dhcp_range: 10.0.0.5,10.0.0.9,12h\n");
    assert_eq!(
        said(&problems),
        "Boottorrent.yaml:2: error: network.lease is told twice: dnsmasq.dhcp_range in line 4 ends with a lease time \
         too (found: 2h)\n    remedy: remove this line, or the lease time in line 4\n"
    );
}

/// A hardware address without quotes is a number to base 60 for YAML 1.1, if its bytes look like that.
#[test]
fn machines_are_read_however_their_addresses_are_written() {
    for mac in [
        "52:54:00:12:34:56",
        "\"52:54:00:12:34:56\"",
        "52-54-00-12-34-56",
        "10:10:10:10:10:10",
        "00:80:77:AB:CD:EF",
        "00:00:00:00:00:09",
    ] {
        for text in [
            format!("machines:\n  list:\n    - mac: {mac}\n      boot: once\n"),
            format!("machines:\n  list: [{{mac: {mac}, boot: once}}]\n"),
            format!("machines:\n  list:\n    mac: {mac}\n    boot: once\n"),
        ] {
            let settings = sound(&text);
            let [rule] = &settings.machines.rules[..] else {
                panic!("{text}: {:?}", settings.machines.rules)
            };
            let expected: report::Mac = mac.trim_matches('"').parse().expect(mac);
            assert_eq!(rule.pattern.value.machine(), Some(expected), "{text}");
            assert_eq!(rule.boot.map(|boot| boot.value), Some(Boot::Once), "{text}");
        }
    }
}

#[test]
fn for_each_key_the_longest_pattern_that_says_it_holds() {
    let who = who("\
boottorrent: {default_os: Debian, timeout: 20}
machines:
  unknown: ignore
  ignore: [\"00:80:77:*\", 02:00:00:00:00:01]
  list:
    - mac: 52:54:00:12:34:56
      address: 10.77.0.21
      name: pc01
      timeout: 0
    - {match: 52:54:00:*, os: alp, boot: once}
    - {match: 52:54:00:12:*, boot: always}
    - {match: 52:54:00:99:*:*, timeout: -1}
");
    assert_eq!(who.others, Boot::Ignore);
    let told: Vec<_> = who
        .rules
        .iter()
        .map(|told| {
            let default = told.default.as_deref().unwrap_or("-");
            format!(
                "{} {default} {} {:?}",
                told.pattern, told.timeout, told.boot
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "00:80:77:* deb 20 Ignore",
            "02:00:00:00:00:01 deb 20 Ignore",
            "52:54:00:12:34:56 alp 0 Always",
            "52:54:00:* alp 20 Once",
            "52:54:00:12:* alp 20 Always",
            "52:54:00:99:* alp -1 Once",
        ]
    );
    let one = &who.rules[2];
    assert_eq!(
        (one.address, one.name.as_deref()),
        (Some(ip("10.77.0.21")), Some("pc01"))
    );
}

#[test]
fn a_default_that_is_the_own_disk_is_decided_before_the_menu() {
    let list = "machines: {list: [{match: 52:54:00:*, os: Own disk}, {mac: 52:54:00:12:34:56, os: deb}]}\n";
    for (room, group, one, others) in [
        (
            "boottorrent: {default_os: deb}\n",
            Boot::Local,
            Boot::Always,
            Boot::Always,
        ),
        (
            "boottorrent: {default_os: disk}\n",
            Boot::Local,
            Boot::Always,
            Boot::Local,
        ),
        (
            "boottorrent: {default_os: disk, timeout: 0}\n",
            Boot::Local,
            Boot::Always,
            Boot::Local,
        ),
        // A menu that waits is to be looked at.
        (
            "boottorrent: {default_os: disk, timeout: -1}\n",
            Boot::Always,
            Boot::Always,
            Boot::Always,
        ),
        // Nothing is the default of the room.
        ("", Boot::Local, Boot::Always, Boot::Always),
    ] {
        let who = who(&format!("{room}{list}"));
        let boots = (who.rules[0].boot, who.rules[1].boot, who.others);
        assert_eq!(boots, (group, one, others), "{room}");
    }
}

#[test]
fn nothing_written_lets_everybody_boot() {
    for text in [
        "",
        "machines:\nnetwork:\n",
        "machines: {unknown: boot, ignore: [], list: []}",
    ] {
        let who = who(text);
        assert_eq!((who.rules.len(), who.others), (0, Boot::Always), "{text}");
    }
}

/// What stands below the section's name, at which line the problem is, what it says, and the remedy.
#[test]
fn each_mistake_has_line_value_and_remedy() {
    let one = "  list:\n    - mac: 52:54:00:12:34:56\n";
    let table: &[(&str, String, u64, &str, &str)] = &[
        (
            "machines",
            "  unknown: no\n".into(),
            2,
            "unknown must be text (found: no, a boolean)",
            "quotes",
        ),
        (
            "machines",
            "  unknown: local\n".into(),
            2,
            "unknown must be boot or ignore (found: local)",
            "unknown: boot",
        ),
        (
            "machines",
            "  ignore: 52:54\n".into(),
            2,
            "machines.ignore must be the first bytes",
            "52:54:00:*",
        ),
        (
            "machines",
            "  ignore: [\"52:*:00:*\"]\n".into(),
            2,
            "(found: 52:*:00:*)",
            "52:54:00:*",
        ),
        (
            "machines",
            "  ignore: [\"52:*\", \"52:*\"]\n".into(),
            2,
            "is there already, in line 2",
            "keep either",
        ),
        (
            "machines",
            "  lists: x\n".into(),
            2,
            "unknown key machines.lists",
            "write list if",
        ),
        (
            "machines",
            "  mac: x\n".into(),
            2,
            "unknown key machines.mac",
            "below a line `list:`",
        ),
        (
            "machines",
            "  list: x\n".into(),
            2,
            "machines.list must hold keys and values (found: x)",
            "key: value",
        ),
        (
            "machines",
            "  list:\n    - os: deb\n".into(),
            3,
            "mac is missing, and so is match",
            "write mac:",
        ),
        (
            "machines",
            "  list:\n    -\n".into(),
            3,
            "mac is missing",
            "write mac:",
        ),
        (
            "machines",
            "  list:\n    - mac: 52:54:00:*\n".into(),
            3,
            "mac must be one machine's",
            "match: \"52:54:00:*\"",
        ),
        (
            "machines",
            "  list:\n    - mac: pc01\n".into(),
            3,
            "mac must be six bytes",
            "52:54:00:12:34:56",
        ),
        (
            "machines",
            "  list:\n    - mac: [1]\n".into(),
            3,
            "mac must be text (found: a list)",
            "mac: 52",
        ),
        (
            "machines",
            "  list:\n    - match: 52:54:0*\n".into(),
            3,
            "match must be the first bytes",
            "match: \"52:54:00:*\"",
        ),
        (
            "machines",
            format!("{one}      match: 52:*\n"),
            4,
            "match stands beside mac",
            "two entries",
        ),
        (
            "machines",
            format!("{one}      boot: onec\n"),
            4,
            "boot must be one of always, once, local, ignore",
            "boot: once",
        ),
        (
            "machines",
            format!("{one}      timeout: soon\n"),
            4,
            "timeout must be a whole number",
            "timeout: 30",
        ),
        (
            "machines",
            format!("{one}      name: pc 01\n"),
            4,
            "name must be a host's name",
            "name: pc01",
        ),
        (
            "machines",
            format!("{one}      name: {}\n", "x".repeat(64)),
            4,
            "name must be a host's name",
            "name: pc01",
        ),
        (
            "machines",
            format!("{one}      address: 10.77.0\n"),
            4,
            "address must be an IPv4 address",
            "192.168.1.21",
        ),
        (
            "machines",
            format!("{one}      adress: 10.77.0.9\n"),
            4,
            "unknown key machines.list.adress",
            "write address if",
        ),
        (
            "machines",
            format!("{one}    - mac: 52-54-00-12-34-56\n"),
            4,
            "mac is there already, in line 3",
            "line 3",
        ),
        (
            "machines",
            format!("  ignore: [52:54:00:12:34:56]\n{one}"),
            4,
            "mac is there already, in line 2",
            "line 2",
        ),
        (
            "machines",
            "  list:\n    - {match: \"52:*\", address: 10.77.0.9}\n".into(),
            3,
            "address is for one machine",
            "its mac",
        ),
        (
            "machines",
            "  list:\n    - {match: \"52:*\", name: pc01}\n".into(),
            3,
            "name is for one machine",
            "its mac",
        ),
        (
            "machines",
            format!(
                "{one}      address: 10.77.0.9\n    - mac: 52:54:00:12:34:57\n      address: 10.77.0.9\n"
            ),
            6,
            "address is another machine's already, in line 4 (found: 10.77.0.9)",
            "another address",
        ),
        (
            "network",
            "  router: 127.0.0.1\n".into(),
            2,
            "network.router must be an IPv4 address",
            "remove the line",
        ),
        (
            "network",
            "  dns: [10.0.0.1, x]\n".into(),
            2,
            "dns must hold IPv4 addresses (found: x)",
            "dns: [",
        ),
        (
            "network",
            "  ntp: 224.0.1.1\n".into(),
            2,
            "ntp must hold IPv4 addresses",
            "ntp: [",
        ),
        (
            "network",
            "  domain: lab..example\n".into(),
            2,
            "domain must be a domain",
            "lab.example",
        ),
        (
            "network",
            "  domain: -x\n".into(),
            2,
            "domain must be a domain",
            "lab.example",
        ),
        (
            "network",
            "  lease: 12x\n".into(),
            2,
            "lease holds 12x, which is not a lease time",
            "lease: 12h",
        ),
        (
            "network",
            "  leese: 12h\n".into(),
            2,
            "unknown key network.leese",
            "write lease if",
        ),
        (
            "network",
            "  subnets:\n    - range: 10.0.0.5,10.0.0.9\n".into(),
            3,
            "subnet is missing",
            "10.78.0.0/24",
        ),
        (
            "network",
            "  subnets:\n    - subnet: 10.78.0.0\n".into(),
            3,
            "must be a subnet with a prefix length",
            "/24",
        ),
        (
            "network",
            "  subnets:\n    - subnet: 10.78.0.0/31\n".into(),
            3,
            "must be a subnet with a prefix length",
            "/24",
        ),
        (
            "network",
            "  subnets:\n    - subnet: 10.78.0.0/+8\n".into(),
            3,
            "must be a subnet with a prefix length",
            "/24",
        ),
        (
            "network",
            "  subnets:\n    - subnet: 10.78.0.9/24\n".into(),
            3,
            "is the address of a machine",
            "10.78.0.0/24",
        ),
        (
            "network",
            "  subnets:\n    - {subnet: 10.78.0.0/24, range: \"10.78.0.9,10.78.1.9\"}\n".into(),
            3,
            "range must be two addresses of the subnet",
            "10.78.0.1,10.78.0.254",
        ),
        (
            "network",
            "  subnets:\n    - {subnet: 10.78.0.0/24, router: 10.79.0.1}\n".into(),
            3,
            "router is not inside the subnet",
            "from 10.78.0.1 to 10.78.0.254",
        ),
        (
            "network",
            "  subnets:\n    - subnet: 10.78.0.0/16\n    - subnet: 10.78.3.0/24\n".into(),
            4,
            "has addresses in common with another entry (found: 10.78.3.0/24)",
            "line 3",
        ),
    ];
    for (section, text, line, what, remedy) in table {
        let (_, problems) = read(&format!("{section}:\n{text}"));
        let [problem] = &problems[..] else {
            panic!("{text}: {}", said(&problems));
        };
        let message = problem.to_string();
        assert!(problem.is_error(), "{text}: {message}");
        assert_eq!(problem.line, Some(*line), "{text}: {message}");
        assert!(message.contains(what), "{text}: {message}");
        assert!(problem.remedy.contains(remedy), "{text}: {message}");
    }
}

/// What is wrong is left out, so that nothing is there twice for whoever goes on with the rest.
#[test]
fn what_is_wrong_is_left_out_and_all_of_it_is_said() {
    let (settings, problems) = read(
        "\
machines:
  list:
    - {mac: 52:54:00:12:34:56, address: 10.77.0.9}
    - {mac: 52:54:00:12:34:57, address: 10.77.0.9, name: pc02}
    - {mac: 52:54:00:12:34:56, name: again}
    - {match: \"02:*\", address: 10.77.0.7}
    - {mac: nobody}
",
    );
    assert_eq!(problems.len(), 4, "{}", said(&problems));
    let rules = &settings.machines.rules;
    assert_eq!(rules.len(), 3);
    assert_eq!(
        rules.iter().filter(|rule| rule.address.is_some()).count(),
        1
    );
    assert_eq!(
        rules[1].name.as_ref().map(|name| name.value.as_str()),
        Some("pc02")
    );
}

#[test]
fn entries_that_have_no_effect_are_mentioned() {
    for (text, what) in [
        (
            "machines:\n  ignore: [\"52:54:00:*\"]\n  list:\n    - {mac: 52:54:00:12:34:56, name: pc01}\n",
            "Boottorrent.yaml:4: warning: machines.list has an entry for what line 2 ignores",
        ),
        (
            "machines:\n  unknown: ignore\n  list: [{match: \"*\", boot: once}]\n",
            "Boottorrent.yaml:2: warning: machines.unknown has no effect: the entry in line 3 fits",
        ),
        (
            "network:\n  dns: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5]\n",
            "Boottorrent.yaml:2: warning: network.dns names more than 4",
        ),
    ] {
        let (_, problems) = read(text);
        let message = said(&problems);
        assert!(message.starts_with(what), "{message}");
        assert_eq!(problems.len(), 1, "{message}");
    }
}

#[test]
fn keys_at_the_wrong_place_are_told_the_right_one() {
    for (text, remedy) in [
        ("router: 10.0.0.1\n", "below a line `network:`"),
        (
            "boottorrent:\n  unknown: ignore\n",
            "below a line `machines:`",
        ),
        ("machine: {}\n", "write machines if"),
        ("networks: {}\n", "write network if"),
    ] {
        let (_, problems) = read(text);
        let message = said(&problems);
        assert!(
            problems[0].is_error() && message.contains(remedy),
            "{message}"
        );
    }
}

#[test]
fn what_entries_say_of_systems_must_fit_those_there_are() {
    let room = "boottorrent: {default_os: deb}\n";
    let table = [
        (format!("{room}machines:\n  list: [{{match: \"52:*\", os: Own disk}}]\n"), ""),
        (
            format!("{room}machines:\n  list:\n    - {{match: \"52:*\", os: Debain}}\n"),
            "Boottorrent.yaml:4: error: machines.list.os names no system (found: Debain)\n    remedy: write os: Debian\n",
        ),
        (
            format!("{room}machines:\n  list:\n    - {{match: \"52:*\", os: BeOS}}\n"),
            "remedy: write the folder's name or the dispname of one of: Debian, alp, Own disk\n",
        ),
        (
            "boottorrent: {timeout: -1}\nmachines:\n  list:\n    - {match: \"52:*\", timeout: 5}\n    - {match: \"02:*\", os: disk}\n".into(),
            "Boottorrent.yaml:4: warning: machines.list.timeout has no effect",
        ),
        (
            "boottorrent:\n  default_os: disk\n".into(),
            "Boottorrent.yaml:2: warning: no machine boots",
        ),
        (
            "boottorrent:\n  default_os: disk\nmachines: {list: [{match: \"52:*\", os: deb}]}\n".into(),
            "",
        ),
    ];
    for (text, expected) in table {
        let message = said(&together(&sound(&text), FILE, &systems()));
        let message: String = match expected {
            // The system of method local is nobody's default there, which is another matter.
            "" => message,
            _ => message
                .lines()
                .filter(|line| !line.contains("oss/disk"))
                .map(|line| format!("{line}\n"))
                .collect(),
        };
        assert!(message.contains(expected), "{text}: {message}");
        assert_eq!(message.is_empty(), expected.is_empty(), "{text}: {message}");
    }
}

#[test]
fn a_system_that_is_the_own_disk_is_for_those_whose_default_it_is() {
    let message = said(&together(
        &sound("boottorrent: {default_os: deb}"),
        FILE,
        &systems(),
    ));
    assert!(
        message.starts_with(
            "oss/disk/config.yaml:2: warning: Own disk is offered in the menu, but a machine can be"
        ),
        "{message}"
    );
}

#[test]
fn the_interface_must_be_able_to_give_what_is_asked() {
    let addresses = [(ip("10.77.0.1"), 24)];
    let at = |address: &str| {
        format!("machines:\n  list:\n    - mac: 52:54:00:12:34:56\n      address: {address}\n")
    };
    let far =
        "network:\n  router: 10.77.0.254\n  subnets: [{subnet: 10.78.0.0/24, router: 10.78.0.1}]\n";
    let table = [
        (at("10.77.0.21"), ""),
        (format!("{far}{}", at("10.78.0.21")), ""),
        (far.to_owned(), ""),
        (
            at("10.78.0.21"),
            "Boottorrent.yaml:4: error: machines.list.address is not inside the subnet of eth0 (found: 10.78.0.21)\n    \
             remedy: choose an address from 10.77.0.1 to 10.77.0.254, or add its subnet",
        ),
        (at("10.77.0.255"), "is not inside the subnet of eth0"),
        (at("10.77.0.1"), "address is this server's own"),
        (
            format!("{far}{}", at("10.77.0.254")),
            "address is the router's",
        ),
        (
            format!("{far}{}", at("10.78.0.1")),
            "address is the router's",
        ),
        (
            "network:\n  router: 10.78.0.1\n".to_owned(),
            "Boottorrent.yaml:2: error: network.router is not inside the subnet of eth0",
        ),
        (
            "network:\n  subnets: [{subnet: 10.0.0.0/8}]\n".to_owned(),
            "Boottorrent.yaml:2: error: network.subnets holds the subnet of eth0 itself",
        ),
    ];
    for (text, expected) in table {
        let message = said(&on_interface(&sound(&text), FILE, "eth0", &addresses));
        assert!(message.contains(expected), "{text}: {message}");
        assert_eq!(message.is_empty(), expected.is_empty(), "{text}: {message}");
    }
}
