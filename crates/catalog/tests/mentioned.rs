//! What is only mentioned, because the server starts all the same.

#![cfg(feature = "yaml")]

mod common;

use catalog::{PayloadFile, Settings, system};
use common::{read, said};

#[test]
fn what_seed_time_overrules_is_mentioned() {
    for (key, value) in [("seed_until", "room"), ("seed_max", "600")] {
        let (_, problems) = read(&format!("boottorrent:\n  {key}: {value}\n  seed_time: 5\n"));
        assert_eq!(
            said(&problems),
            format!(
                "Boottorrent.yaml:2: warning: boottorrent.{key} has no effect beside seed_time\n    remedy: remove one of the two\n"
            )
        );
    }
}

/// Without the tracker machines find each other by looking around, or not at all.
#[test]
fn a_tracker_that_is_off_is_mentioned_where_it_is_missed() {
    let text = "boottorrent:\n  seed_max: 60\nopentracker:\n  enable: False\n";
    let (settings, problems) = read(text);
    assert!(!settings.machines_meet());
    let message = said(&problems);
    assert!(
        message.starts_with("Boottorrent.yaml:2: warning: boottorrent.seed_max has no effect where the tracker is off\n"),
        "{message}"
    );
    assert!(
        message.contains("Boottorrent.yaml:4: warning: opentracker.enable is off: machines do not find each other"),
        "{message}"
    );
    assert_eq!(problems.len(), 2, "{message}");
    let (settings, problems) = read(&format!("{text}aria2:\n  bt_enable_lpd: True\n"));
    assert!(
        settings.machines_meet() && problems.is_empty(),
        "{}",
        said(&problems)
    );
}

#[test]
fn old_sections_are_forgiven_what_they_do_not_know() {
    let (_, problems) = read(
        "\
hefur: {enable: True, port: 10001}
transmission:
  rpc_port: 9091
opentracker: {enable: False}
dnsmasq:
  port: 53
  dhcp_boot: x
aria2:
  enable_dht: True
  check_integrity: False
",
    );
    assert_eq!(problems.len(), 7, "{}", said(&problems));
    assert!(
        problems.iter().all(|problem| !problem.is_error()),
        "{}",
        said(&problems)
    );
}

/// The original ignored what it did not know, and a file that ran there runs here.
#[test]
fn a_key_near_none_that_is_known_is_ignored_with_a_warning() {
    for (text, what) in [
        (
            "boottorrent:\n  colour: red\n",
            "Boottorrent.yaml:2: warning: unknown key boottorrent.colour, ignored (found: red)\n    \
             remedy: remove the line; known here: version, timeout",
        ),
        (
            "boottorrent:\n  5: x\n",
            ":2: warning: unknown key boottorrent.5, ignored",
        ),
        (
            "boottorrent: {}\nschool: {room: 5}\n",
            ":2: warning: unknown key school, ignored (found: a mapping)\n    \
             remedy: remove the line; known here: boottorrent, dnsmasq, aria2, opentracker",
        ),
    ] {
        let (settings, problems) = read(text);
        let message = said(&problems);
        assert!(message.contains(what), "{message}");
        assert_eq!(message.lines().count(), 2, "{message}");
        assert_eq!(settings, Settings::default(), "{text}");
    }
}

/// The original ignored what it did not know; but what is meant for a key decides what is started.
#[test]
fn an_unknown_key_is_ignored_unless_it_is_near_a_known_one() {
    let folder = ["vmlinuz", "initrd", "hello"].map(|path| PayloadFile {
        path: path.to_owned(),
        size: 1,
    });
    for (config, what) in [
        (
            "author: ann",
            ":1: warning: unknown key author, ignored (found: ann)\n    remedy: remove the line; known here: dispname, method, kernel, initrd, initrd_files, cmdline, bin, binargs, args, isofile\n",
        ),
        (
            "method: local\nmemory: 2 GB",
            ":2: warning: unknown key memory, ignored",
        ),
        (
            "method: kexec\nbinary: hello",
            ":2: warning: unknown key binary, ignored",
        ),
        ("kernal: vmlinuz", ":1: error: unknown key kernal (found"),
        ("methud: local", ":1: error: unknown key methud (found"),
        // Had it been written right, no kernel would have been guessed.
        (
            "isofle: hello",
            ":1: error: unknown key isofle (found: hello)\n    remedy: write isofile if that is meant",
        ),
    ] {
        let checked = system("tiny", &folder, Some(("config.yaml", config)));
        let message = said(&checked.problems);
        assert!(message.contains(what), "{config}: {message}");
        assert_eq!(checked.problems.len(), 1, "{config}: {message}");
        assert!(checked.value.is_some(), "{config}");
    }
}
