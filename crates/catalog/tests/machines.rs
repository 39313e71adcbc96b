//! The sections `network` and `machines`: what is read, what it comes to with the room's systems and interface, and what
//! does not fit those.

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

/// Whoever chooses it restarts, and is then left to the disk by the server.
#[test]
fn the_own_disk_may_be_one_choice_of_the_menu() {
    let settings = sound("boottorrent: {default_os: deb}");
    assert_eq!(said(&together(&settings, FILE, &systems())), "");
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
