//! The sections `network` and `machines`: what is said about mistakes, of the file alone.

#![cfg(feature = "yaml")]

mod common;

use common::{read, said};

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
