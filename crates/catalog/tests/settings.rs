//! `Boottorrent.yaml`: what is read, and what is said about mistakes.

#![cfg(feature = "yaml")]

mod common;

use catalog::{LogLevel, SeedUntil, Settings, Shell, settings};
use common::{read, said};

const FILE: &str = "Boottorrent.yaml";

#[test]
fn an_environment_of_the_original_is_read_and_told_what_has_no_effect() {
    let (settings, problems) = read(
        "\
boottorrent:
    version: 0
    timeout: 30
    # default_os:
    seed_time: 45
    host_ip: 192.168.1.1

dnsmasq:
    enable_dhcp: True
    # user: nobody
    interface: eth0
    bind_interfaces: no
    dhcp_range: \"192.168.1.50,192.168.1.150,12h\"
    enable_tftp: on

opentracker:
    enable: True
    port: 0x1B39

aria2:
    bt_enable_lpd: yes
    enable_peer_exchange: False
    console_log_level: warn
",
    );
    assert_eq!(
        said(&problems),
        "\
Boottorrent.yaml:23: warning: aria2.console_log_level has no effect here
    remedy: remove the line; machines report every step to this server
"
    );
    assert_eq!(settings.timeout.value, 30);
    assert_eq!(settings.timeout.line, Some(3));
    assert_eq!(settings.seed_time.map(|time| time.value), Some(45));
    assert_eq!(settings.host_ip.map(|ip| ip.line), Some(Some(6)));
    assert_eq!(settings.enable_dhcp.map(|on| on.value), Some(true));
    assert_eq!(settings.interface[0].value, "eth0");
    assert!(!settings.bind_interfaces && settings.enable_tftp.value);
    let range = settings.dhcp_range.expect("a range");
    assert_eq!((range.value.addresses(), range.line), (101, Some(13)));
    assert_eq!(settings.http_port(), 6969);
    assert_eq!(settings.port.map(|port| port.line), Some(Some(18)));
    assert!(settings.tracker && settings.bt_enable_lpd && !settings.enable_peer_exchange);
    assert_eq!(settings.console_log_level, LogLevel::Warn);
}

#[test]
fn nothing_written_means_the_defaults() {
    let all_empty = "boottorrent:\n  timeout:\n  default_os: ~\ndnsmasq:\nopentracker:\n  port: null\naria2: {}\n";
    for text in ["", "---\n", "# nothing\n", all_empty] {
        let (settings, problems) = read(text);
        assert_eq!(said(&problems), "", "{text:?}");
        assert_eq!(settings, Settings::default(), "{text:?}");
    }
    assert_eq!(Settings::default().timeout.value, 30);
    assert_eq!(Settings::default().http_port(), 6969);
}

#[test]
fn new_keys_are_read() {
    let (settings, problems) =
        read("boottorrent: {seed_until: room, seed_max: 600, default_os: 12.10, timeout: -1}");
    assert_eq!(said(&problems), "");
    assert_eq!(
        settings.seed_until.map(|until| until.value),
        Some(SeedUntil::Room)
    );
    assert_eq!(settings.seed_max.map(|max| max.value), Some(600));
    assert_eq!(
        settings.default_os.map(|name| name.value).as_deref(),
        Some("12.10")
    );
    assert_eq!(settings.timeout.value, -1);
}

#[test]
fn several_interfaces_are_a_list_or_have_commas() {
    for text in [
        "interface: eth0,br0",
        "interface: [eth0, br0, eth0]",
        "interface:\n   - eth0\n   - br0",
    ] {
        let (settings, problems) = read(&format!("dnsmasq:\n  {text}\n"));
        assert_eq!(said(&problems), "");
        let names: Vec<_> = settings
            .interface
            .iter()
            .map(|name| name.value.as_str())
            .collect();
        assert_eq!(names, ["eth0", "br0"], "{text}");
    }
}

/// A line of the file, and what the one problem's message must hold.
#[test]
fn each_mistake_has_line_value_and_remedy() {
    let table = [
        (
            "boottorrent",
            "version: 1",
            "version is not known to this server (found: 1)",
            "write version: 0",
        ),
        (
            "boottorrent",
            "timeout: soon",
            "timeout must be a whole number (found: soon)",
            "timeout: 30",
        ),
        (
            "boottorrent",
            "timeout: '30 s'",
            "must be a whole number (found: 30 s)",
            "timeout: 30",
        ),
        (
            "boottorrent",
            "timeout: .inf",
            "(found: .inf, a number with a fraction)",
            "timeout: 30",
        ),
        (
            "boottorrent",
            "timeout: yes",
            "(found: yes, a boolean)",
            "timeout: 30",
        ),
        (
            "boottorrent",
            "timeout: [1]",
            "(found: a list)",
            "timeout: 30",
        ),
        (
            "boottorrent",
            "timeout: 99999999999999999999",
            "must be between -31536000 and 31536000",
            "timeout: 30",
        ),
        (
            "boottorrent",
            "timout: 5",
            "unknown key boottorrent.timout (found: 5)",
            "write timeout if that is meant",
        ),
        (
            "boottorrent",
            "enable_dhcp: False",
            "unknown key boottorrent.enable_dhcp (found: False)",
            "move it below a line `dnsmasq:`",
        ),
        (
            "boottorrent",
            "default_os: no",
            "default_os must be text (found: no, a boolean)",
            "write default_os: \"no\"",
        ),
        (
            "boottorrent",
            "default_os: {a: 1}",
            "default_os must be text (found: a mapping)",
            "default_os: Debian",
        ),
        (
            "boottorrent",
            "seed_until: dawn",
            "seed_until must be room (found: dawn)",
            "seed_until: room",
        ),
        (
            "boottorrent",
            "seed_max: -1",
            "seed_max must be between 0 and",
            "seed_max: 60",
        ),
        (
            "boottorrent",
            "display_oss: []",
            "display_oss offers no system (found: an empty list)",
            "remove the line to offer all",
        ),
        (
            "boottorrent",
            "display_oss: [[debian]]",
            "display_oss must be text (found: a list)",
            "display_oss: [debian]",
        ),
        (
            "boottorrent",
            "host_ip: 192.168.1",
            "must be an IPv4 address",
            "host_ip: 192.168.1.1",
        ),
        (
            "boottorrent",
            "host_ip: 127.0.0.1",
            "must be an IPv4 address the machines can reach",
            "remove the line",
        ),
        (
            "dnsmasq",
            "enable_dhcp: maybe",
            "enable_dhcp must be True or False (found: maybe)",
            "enable_dhcp: True",
        ),
        (
            "dnsmasq",
            "enable_dhcp: 'no'",
            "must be True or False",
            "write enable_dhcp: no without quotes",
        ),
        (
            "dnsmasq",
            "enable_dhcp: 1",
            "(found: 1, a whole number)",
            "enable_dhcp: True",
        ),
        (
            "dnsmasq",
            "bind_interfaces: maybe",
            "bind_interfaces must be True or False (found: maybe)",
            "bind_interfaces: True",
        ),
        (
            "dnsmasq",
            "interface: a/b",
            "interface must be the name of a network interface (found: a/b)",
            "eth0",
        ),
        (
            "dnsmasq",
            "interface: [[eth0]]",
            "interface must be text (found: a list)",
            "interface: eth0",
        ),
        (
            "dnsmasq",
            "dhcp_range: 10.0.0.9,10.0.0.5,12h",
            "dhcp_range starts above its end",
            "dhcp_range: \"192",
        ),
        (
            "dnsmasq",
            "dhcp_range: 10.0.0.1,proxy",
            "a mode or tag of dnsmasq",
            "dhcp_range: \"192",
        ),
        (
            "dnsmasq",
            "user: a b",
            "user must be the name of a user (found: a b)",
            "user: nobody",
        ),
        (
            "opentracker",
            "port: 0",
            "port must be between 1 and 65535 (found: 0",
            "port: 6969",
        ),
        (
            "opentracker",
            "port: 70000",
            "port must be between 1 and 65535 (found: 70000",
            "port: 6969",
        ),
        (
            "opentracker",
            "enable: 'True'",
            "enable must be True or False",
            "without quotes",
        ),
        (
            "aria2",
            "console_log_level: warning",
            "must be one of debug, info, notice, warn, error",
            "console_log_level: warn",
        ),
    ];
    for (section, line, what, remedy) in table {
        let (settings, problems) = read(&format!("{section}:\n  {line}\n"));
        let [problem] = &problems[..] else {
            panic!("{line}: {}", said(&problems));
        };
        let message = problem.to_string();
        assert!(
            message.starts_with("Boottorrent.yaml:2: error: "),
            "{message}"
        );
        assert!(message.contains(what), "{line}: {message}");
        assert!(problem.remedy.contains(remedy), "{line}: {message}");
        assert!(problem.value.is_some(), "{line}: {message}");
        assert_eq!(settings, Settings::default(), "{line}: the default holds");
    }
}

#[test]
fn many_mistakes_are_all_said_at_once() {
    let (_, problems) = read(
        "\
timeout: 30
boottorent:
  timeout: 5
boottorrent:
  version: 1
  timeout: \"30 s\"
  default-os: tiny
  seed_time: 10
  seed_until: room
  host_ip: 300.1.1.1
dnsmasq:
  enable_dhcp: Ture
  interface: this_name_is_too_long
  dhcp_range: 10.0.0.50,10.0.0.5
  dhcp_boot: x
  user: no
opentracker: yes
aria2:
  console_log_level: loud
  console_log_level: info
",
    );
    insta::assert_snapshot!(said(&problems));
}

#[test]
fn a_file_that_is_no_yaml_says_nothing() {
    let checked = settings(FILE, "boottorrent:\n\ttimeout: 5\n");
    assert!(checked.value.is_none());
    assert!(
        said(&checked.problems).contains("Boottorrent.yaml:2: error: is not valid YAML: tabs"),
        "{}",
        said(&checked.problems)
    );
}

#[test]
fn who_gets_a_shell_is_one_word_or_the_hash_of_a_pin() {
    let hash = catalog::shell::PinHash::of("2468", &[7; catalog::shell::SALT]).expect("a hash");
    for (written, expected) in [
        ("no", Shell::No),
        ("yes", Shell::Yes),
        ("True", Shell::Yes),
        ("off", Shell::No),
        ("\"yes\"", Shell::Yes),
        (hash.to_string().as_str(), Shell::Pin(hash.clone())),
    ] {
        let (settings, problems) = read(&format!("boottorrent:\n  shell: {written}\n"));
        assert_eq!(said(&problems), "", "{written}");
        assert_eq!(settings.shell, expected, "{written}");
    }
    for wrong in [
        "2468",
        "maybe",
        "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
    ] {
        let (settings, problems) = read(&format!("boottorrent:\n  shell: {wrong}\n"));
        assert!(said(&problems).contains("bt-server pin"), "{wrong}");
        assert_eq!(settings.shell, Shell::No, "{wrong}");
    }
}
