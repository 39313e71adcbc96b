//! Whatever is in a file: no panic, and every refusal says where and what to do.

#![cfg(feature = "yaml")]

use catalog::{PayloadFile, Problem, settings, system, who_boots};
use proptest::{prelude::*, sample::select};

const SETTINGS: &str = "\
boottorrent:
  version: 0
  timeout: 30
  default_os: Tiny Core
  seed_time: 30
  host_ip: 192.168.1.1
dnsmasq:
  enable_dhcp: True
  interface: eth0
  dhcp_range: \"192.168.1.50,192.168.1.150,12h\"
opentracker: {enable: yes, port: 6969}
aria2:
  console_log_level: notice
network:
  router: 192.168.1.254
  dns: [192.168.1.254]
  lease: 2h
  subnets:
    - {subnet: 10.78.0.0/24, range: \"10.78.0.5,10.78.0.9\"}
machines:
  unknown: ignore
  ignore: [\"00:80:77:*\"]
  list:
    - mac: 52:54:00:12:34:56
      address: 192.168.1.21
      name: pc01
      boot: once
    - {match: \"52:54:00:*\", os: Tiny Core, timeout: 5}
";

const CONFIG: &str = "\
dispname: Tiny Core
method: kexec
kernel: vmlinuz
initrd: [initrd, modules.gz]
cmdline: >-
  quiet
  console=ttyS0
";

/// Pieces that mean something to a YAML reader or to us.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        ":",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\t",
        "\r",
        "\r\n",
        "\"",
        "'",
        "[",
        "]",
        "{",
        "}",
        "#",
        "&a ",
        "*a",
        "!!int ",
        "!x ",
        "|",
        ">-",
        "<<: ",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "? ",
        "@",
        "`",
        "\0",
        "\u{feff}",
        "\u{202e}",
        "é",
        "yes",
        "0x",
        "1:30",
        "99999999999999999999",
        ".inf",
        "null",
        "timeout",
        "boottorrent",
        "kernel",
        "method",
        "dhcp_range",
        ",",
        "10.0.0.1",
        "machines",
        "mac",
        "match",
        "52:54:00:*",
        "*",
    ];
    prop_oneof![
        4 => select(words.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

/// The text with some places overwritten, removed or filled in.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let edit = (0..=text.len(), 0..4_usize, piece());
    prop::collection::vec(edit, 1..6).prop_map(move |edits| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, remove, insert) in edits {
            let at = at.min(bytes.len());
            let end = (at + remove).min(bytes.len());
            bytes.splice(at..end, insert.into_bytes());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn heap() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 0..60).prop_map(|pieces| pieces.concat())
}

/// Every problem has a place in the file.
fn check(problems: &[Problem], file: &str, text: &str) -> Result<(), TestCaseError> {
    let breaks = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines = breaks.lines().count().max(1) as u64;
    for problem in problems {
        let message = problem.to_string();
        prop_assert_eq!(&problem.file, file);
        prop_assert!(
            !problem.what.is_empty() && !problem.remedy.is_empty(),
            "{}",
            message
        );
        prop_assert_eq!(message.lines().count(), 2, "{}", message);
        prop_assert!(
            !message.replace('\n', "").contains(char::is_control),
            "{:?}",
            message
        );
        let inside = problem.line.is_some_and(|line| (1..=lines).contains(&line));
        prop_assert!(inside, "{} of {} lines", message, lines);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn settings_survive_anything(text in prop_oneof![mutated(SETTINGS), heap()]) {
        let checked = settings("Boottorrent.yaml", &text);
        prop_assert!(checked.value.is_some() || checked.problems.iter().any(Problem::is_error));
        check(&checked.problems, "Boottorrent.yaml", &text)?;
        if let Some(settings) = &checked.value {
            let mut patterns = std::collections::BTreeSet::new();
            let mut addresses = std::collections::BTreeSet::new();
            for rule in who_boots(settings, &[]).rules {
                prop_assert!(patterns.insert(rule.pattern), "twice: {:?}", rule);
                prop_assert!(rule.address.is_none_or(|address| addresses.insert(address)), "twice: {:?}", rule);
            }
        }
    }

    #[test]
    fn systems_survive_anything(text in prop_oneof![mutated(CONFIG), heap()]) {
        let files = ["vmlinuz", "initrd", "modules.gz"].map(|path| PayloadFile { path: path.to_owned(), size: 1 });
        let checked = system("tiny", &files, Some(("config.yaml", &text)));
        prop_assert!(checked.value.is_some() || checked.problems.iter().any(Problem::is_error));
        check(&checked.problems, "config.yaml", &text)?;
    }

    #[test]
    fn folder_names_survive_anything(name in any::<String>()) {
        let files = ["vmlinuz", "initrd"].map(|path| PayloadFile { path: path.to_owned(), size: 1 });
        let checked = system(&name, &files, None);
        prop_assert_eq!(checked.value.is_some(), checked.problems.is_empty());
    }
}
