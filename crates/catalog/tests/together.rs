//! What shows only between the settings, the systems and the interface.

#![cfg(feature = "yaml")]

use catalog::{
    PayloadFile, Problem, Settings, System, default_system, display_oss, menu_timeout, offered,
    on_interface, range_on_interface, settings, system, together,
};

const FILE: &str = "Boottorrent.yaml";

fn written(text: &str) -> Settings {
    let checked = settings(FILE, text);
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    checked.value.expect("settings")
}

fn named(folder: &str, config: &str) -> (System, String) {
    let file = format!("oss/{folder}/config.yaml");
    let payload = ["vmlinuz", "initrd", "hello"].map(|path| PayloadFile {
        path: path.to_owned(),
        size: 1,
    });
    let checked = system(folder, &payload, Some((&file, config)));
    assert!(checked.problems.is_empty(), "{:?}", checked.problems);
    (checked.value.expect("a system"), file)
}

fn said(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("{problem}\n"))
        .collect()
}

fn three() -> Vec<(System, String)> {
    vec![
        named("tiny", "dispname: Tiny Core"),
        named("deb", "dispname: Debian"),
        named("alp", ""),
    ]
}

#[test]
fn the_default_is_named_by_dispname_or_folder_or_is_the_only_one() {
    let systems: Vec<System> = three().into_iter().map(|(system, _)| system).collect();
    for (text, default, timeout) in [
        ("boottorrent: {default_os: Tiny Core}", Some("tiny"), 30),
        ("boottorrent: {default_os: deb, timeout: 0}", Some("deb"), 0),
        (
            "boottorrent: {default_os: alp, timeout: -5}",
            Some("alp"),
            -5,
        ),
        ("boottorrent: {timeout: 5}", None, -1),
    ] {
        let settings = written(text);
        let found = default_system(&settings, &systems);
        assert_eq!(found.map(|system| system.name.as_str()), default, "{text}");
        assert_eq!(menu_timeout(&settings, &systems), timeout, "{text}");
    }
    let alone = &systems[..1];
    let settings = written("boottorrent: {timeout: 0}");
    assert_eq!(default_system(&settings, alone), Some(&alone[0]));
    assert_eq!(menu_timeout(&settings, alone), 0);
}

#[test]
fn a_folder_wins_over_a_dispname_of_the_same_name() {
    let systems = [
        named("deb", "dispname: tiny").0,
        named("tiny", "dispname: other").0,
    ];
    let settings = written("boottorrent: {default_os: tiny}");
    assert_eq!(default_system(&settings, &systems), Some(&systems[1]));
}

#[test]
fn a_default_that_nobody_can_tell_is_refused_or_waited_for() {
    let table = [
        (
            "boottorrent:\n  default_os: Debain\n",
            "Boottorrent.yaml:2: error: boottorrent.default_os names no system (found: Debain)",
            "write default_os: Debian",
        ),
        (
            "boottorrent:\n  default_os: BeOS\n",
            "names no system (found: BeOS)",
            "the folder's name or the dispname of one of: Tiny Core, Debian, alp",
        ),
        (
            "boottorrent:\n  timeout: 0\n",
            "Boottorrent.yaml:2: error: boottorrent.timeout starts the default at once",
            "default_os: Tiny Core",
        ),
        (
            "",
            "Boottorrent.yaml: warning: without boottorrent.default_os",
            "timeout: -1 if waiting is meant",
        ),
    ];
    for (text, what, remedy) in table {
        let message = said(&together(&written(text), FILE, &three()));
        assert!(
            message.contains(what) && message.contains(remedy),
            "{message}"
        );
        assert_eq!(message.lines().count(), 2, "{message}");
    }
    for fine in [
        "boottorrent: {timeout: -1}",
        "boottorrent: {default_os: alp, timeout: 0}",
    ] {
        assert_eq!(
            said(&together(&written(fine), FILE, &three())),
            "",
            "{fine}"
        );
    }
    let alone = [named("tiny", "")];
    assert_eq!(
        said(&together(
            &written("boottorrent: {timeout: 0}"),
            FILE,
            &alone
        )),
        ""
    );
}

#[test]
fn two_systems_of_one_dispname_are_refused() {
    let systems = [
        named("a", "dispname: Same"),
        named("b", "cmdline: x\ndispname: Same"),
        named("Same", ""),
    ];
    let message = said(&together(
        &written("boottorrent: {timeout: -1}"),
        FILE,
        &systems,
    ));
    assert!(
        message.contains(
            "oss/b/config.yaml:2: error: dispname is the same as in oss/a/config.yaml (found: Same)"
        ),
        "{message}"
    );
    assert!(
        message.contains("oss/Same/config.yaml:1: error: dispname is the same"),
        "{message}"
    );
}

#[test]
fn the_interface_must_be_able_to_give_what_is_asked() {
    let addresses = [
        ("10.77.0.1".parse().unwrap(), 24),
        ("192.168.7.1".parse().unwrap(), 25),
    ];
    let table = [
        ("dnsmasq:\n  dhcp_range: 10.77.0.50,10.77.0.150,12h\n", ""),
        ("dnsmasq:\n  dhcp_range: 192.168.7.2,192.168.7.9\n", ""),
        ("boottorrent:\n  host_ip: 192.168.7.1\n", ""),
        (
            "dnsmasq:\n  dhcp_range: 10.78.0.50,10.78.0.150,12h\n",
            "Boottorrent.yaml:2: error: dnsmasq.dhcp_range is not inside the subnet of eth0, 10.77.0.1/24 (found: 10.78.0.50 to 10.78.0.150)\n    remedy: choose addresses from 10.77.0.1 to 10.77.0.254, or remove the line\n",
        ),
        (
            "dnsmasq:\n  dhcp_range: 10.77.0.50,10.77.0.255\n",
            "is not inside the subnet",
        ),
        (
            "dnsmasq:\n  dhcp_range: \"10.77.0.50,10.77.0.99,255.255.0.0,12h\"\n",
            "Boottorrent.yaml:2: warning: dnsmasq.dhcp_range has another netmask than eth0, whose netmask machines get (found: 255.255.0.0)\n    remedy: write 255.255.255.0 or 255.255.255.128, or leave the netmask out",
        ),
        (
            "boottorrent:\n  host_ip: 10.77.0.2\n",
            "Boottorrent.yaml:2: error: boottorrent.host_ip is not an address of eth0 (found: 10.77.0.2)\n    remedy: write host_ip: 10.77.0.1",
        ),
    ];
    for (text, expected) in table {
        let settings = written(text);
        let mut problems = on_interface(&settings, FILE, "eth0", &addresses);
        problems.extend(range_on_interface(&settings, FILE, "eth0", &addresses));
        let message = said(&problems);
        assert!(message.contains(expected), "{text}: {message}");
        assert_eq!(message.is_empty(), expected.is_empty(), "{text}: {message}");
    }
}

#[test]
fn display_oss_says_which_folders_are_offered() {
    let settings = written("boottorrent:\n  display_oss:\n    - deb\n    - tiny\n");
    let folders = ["alp", "deb", "tiny"];
    let offers: Vec<&str> = folders
        .into_iter()
        .filter(|name| offered(&settings, name))
        .collect();
    assert_eq!(offers, ["deb", "tiny"]);
    assert_eq!(
        said(&display_oss(&settings, FILE, &folders)),
        "Boottorrent.yaml:3: warning: boottorrent.display_oss leaves out folders of oss, which are not offered (found: alp)\n    \
         remedy: add their names, or remove display_oss to offer every folder\n"
    );
    assert_eq!(said(&display_oss(&settings, FILE, &folders[1..])), "");

    let settings = written("boottorrent:\n  display_oss: [deb, alpine, beos]\n");
    let message = said(&display_oss(&settings, FILE, &["alp", "deb"]));
    for expected in [
        "Boottorrent.yaml:2: error: boottorrent.display_oss names a folder that is not in oss (found: alpine)\n    remedy: write alp\n",
        "(found: beos)\n    remedy: write the name of a folder: alp, deb\n",
    ] {
        assert!(message.contains(expected), "{message}");
    }

    let all = Settings::default();
    assert!(offered(&all, "alp") && display_oss(&all, FILE, &folders).is_empty());
    let settings = written("boottorrent: {default_os: alp, display_oss: [deb]}");
    let message = said(&together(&settings, FILE, &three()[1..2]));
    assert!(
        message.contains("default_os names no system that display_oss offers (found: alp)"),
        "{message}"
    );
}
