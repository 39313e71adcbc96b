//! Whole files as users of the 2018 project have them, by version: read without an error, with the meaning they
//! had there. What is said of them is only what this server does differently.

#![cfg(feature = "yaml")]

use std::net::Ipv4Addr;

use catalog::{
    LogLevel, Method, PayloadFile, Problem, Settings, System, default_system, menu_timeout,
    offered, settings, system, together,
};

const FILE: &str = "Boottorrent.yaml";

/// What its last version made and documented, with the three keys that a user had to fill in.
const LAST: &str = "\
boottorrent:
    version: 0
    timeout: 30
    default_os: testos
    seed_time: 30
    host_ip: 192.168.1.1

dnsmasq:
    enable_dhcp: True
    # user: nobody
    interface: eth0
    bind_interfaces: True
    dhcp_range: \"192.168.1.50,192.168.1.150,12h\"
    enable_tftp: True

opentracker:
    enable: True
    port: 10001

aria2:
    bt_enable_lpd: False
    enable_peer_exchange: True
    console_log_level: notice
";

/// Between Hefur and the last version: the tracker is opentracker already, Transmission still seeds.
const BETWEEN: &str = "\
boottorrent:
  version: 0
  timeout: 30
  seed_time: 0
  default_os: freedos
  host_ip: 192.168.1.1

dnsmasq:
  enable_dhcp: True
  enable_tftp: True
  interface: vboxnet0
  bind_interfaces: False
  dhcp_range: \"192.168.1.50,192.168.1.150,12h\"
  user: nobody

opentracker:
    enable: True
    port: 10001

transmission:
  rpc_port: 9091
  lpd_enabled: False

aria2:
    bt_enable_lpd: False
    enable_peer_exchange: True
";

/// With Hefur, Transmission and a list of what is offered.
const HEFUR: &str = "\
boottorrent:
  version: 0
  timeout: -1
  seed_time: 0
  default_os: testos
  host_ip: 192.168.1.1
  display_oss:
      - testos
      - freedos

dnsmasq:
  enable_dhcp: False
  enable_tftp: True
  interface: vboxnet0
  bind_interfaces: False
  dhcp_range: \"192.168.1.50,192.168.1.150,12h\"
  user: nobody

hefur:
    enable: True
    port: 10001

transmission:
  rpc_port: 9091
  dht_enabled: False
  lpd_enabled: False

aria2:
    bt_enable_lpd: True
    check_integrity: True
    enable_dht: False
    enable_dht6: False
    enable_peer_exchange: True
";

/// Its first weeks: dnsmasq's DNS port is written, and the settings of two aria2 lie apart.
const FIRST: &str = "\
boottorrent:
  version: 0

dnsmasq:
  port: 0
  interface: eth0
  bind_interfaces: True
  dhcp_range: \"192.168.0.50,192.168.0.150,12h\"
  user: nobody

aria2:
  seed:
    enable_dht: True
    max_overall_upload_speed: 0
  client:
    bt_enable_lpd: True
    enable_dht: True
";

fn read(text: &str) -> (Settings, String) {
    let checked = settings(FILE, text);
    (checked.value.expect("settings"), said(&checked.problems))
}

fn said(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("{problem}\n"))
        .collect()
}

/// One system with these files, of which nothing may be said.
fn one(folder: &str, files: &[&str], config: &str) -> System {
    let files: Vec<PayloadFile> = files
        .iter()
        .map(|path| PayloadFile {
            path: (*path).to_owned(),
            size: 1,
        })
        .collect();
    let checked = system(folder, &files, Some(("config.yaml", config)));
    assert_eq!(said(&checked.problems), "", "{config}");
    checked.value.expect(folder)
}

/// A system of every method the original ever had.
fn systems() -> Vec<System> {
    vec![
        one(
            "alpine",
            &["alpine.iso"],
            "dispname: Alpine 3.8.0\nmethod: qemu-iso\nisofile: alpine.iso\n",
        ),
        one(
            "freedos",
            &["odin1440.img"],
            "dispname: FreeDOS\nmethod: bin-qemu-x86_64\nargs: \"-fda odin1440.img\"\n",
        ),
        one(
            "testbin",
            &["hello", "hello.go"],
            "dispname: Test Binary\nmethod: \"bin\"\nbin: hello\nbinargs: \"\"\n",
        ),
        one(
            "testos",
            &["vmlinuz-linux-lts", "initramfs-linux-lts.img"],
            "dispname: TestOS # shown\nmethod: kexec\nkernel: vmlinuz-linux-lts\n\
             initrd: initramfs-linux-lts.img\ncmdline: break\n",
        ),
    ]
}

#[test]
fn its_systems_start_as_they_did() {
    let methods: Vec<Method> = systems().into_iter().map(|system| system.method).collect();
    assert_eq!(
        methods,
        [
            Method::Qemu {
                args: "-cdrom alpine.iso".into()
            },
            Method::Qemu {
                args: "-fda odin1440.img".into()
            },
            Method::Bin {
                bin: "hello".into(),
                args: String::new()
            },
            Method::Kexec {
                kernel: "vmlinuz-linux-lts".into(),
                initrd: vec!["initramfs-linux-lts.img".into()],
                files: Vec::new(),
                cmdline: "break".into()
            },
        ]
    );
}

#[test]
fn the_last_version() {
    let (settings, said) = read(LAST);
    assert_eq!(said, "");
    assert_eq!(settings.timeout.value, 30);
    assert_eq!(settings.seed_time.map(|time| time.value), Some(30));
    assert_eq!(
        settings.host_ip.map(|ip| ip.value),
        Some(Ipv4Addr::new(192, 168, 1, 1))
    );
    assert_eq!(settings.enable_dhcp.map(|on| on.value), Some(true));
    assert_eq!(settings.interface[0].value, "eth0");
    let range = settings.dhcp_range.expect("a range").value;
    assert_eq!(range.addresses(), 101);
    assert_eq!((settings.tracker, settings.http_port()), (true, 10_001));
    assert!(
        settings.enable_tftp.value && settings.bind_interfaces && settings.enable_peer_exchange
    );
    assert!(!settings.bt_enable_lpd);
    assert_eq!(settings.console_log_level, LogLevel::Notice);
    let systems = systems();
    let default = default_system(&settings, &systems);
    assert_eq!(default.map(|system| system.name.as_str()), Some("testos"));
    assert_eq!(menu_timeout(&settings, &systems), 30);
    let tuples: Vec<(System, String)> = systems
        .into_iter()
        .map(|system| (system, String::new()))
        .collect();
    let between = together(&settings, FILE, &tuples);
    assert!(between.iter().all(|problem| !problem.is_error()));
}

/// As its `init` left it: nothing is wrong with it but what the user had yet to decide.
#[test]
fn its_skeleton() {
    let (settings, said) = read(&LAST.replace("default_os: testos", "# default_os:"));
    assert_eq!((settings.default_os, said), (None, String::new()));
}

#[test]
fn the_version_between() {
    let (settings, said) = read(BETWEEN);
    assert_eq!(
        said,
        "Boottorrent.yaml:20: warning: transmission has no effect here\n    \
         remedy: remove the section; this server seeds by itself\n"
    );
    assert_eq!((settings.tracker, settings.http_port()), (true, 10_001));
    assert_eq!(settings.seed_time.map(|time| time.value), Some(0));
    assert!(!settings.bind_interfaces);
}

#[test]
fn the_version_with_hefur() {
    let (settings, said) = read(HEFUR);
    assert_eq!(
        said,
        "Boottorrent.yaml:23: warning: transmission has no effect here\n    \
         remedy: remove the section; this server seeds by itself\n"
    );
    assert_eq!((settings.tracker, settings.http_port()), (true, 10_001));
    assert_eq!(settings.port.map(|port| port.line), Some(Some(21)));
    assert_eq!(settings.enable_dhcp.map(|on| on.value), Some(false));
    let systems = systems();
    let offers: Vec<&str> = systems
        .iter()
        .map(|system| system.name.as_str())
        .filter(|name| offered(&settings, name))
        .collect();
    assert_eq!(offers, ["freedos", "testos"]);
    assert_eq!(menu_timeout(&settings, &systems), -1);
    let default = default_system(&settings, &systems);
    assert_eq!(default.map(|system| system.name.as_str()), Some("testos"));

    let (settings, _) = read(&HEFUR.replace("enable: True\n    port", "enable: 0\n    port"));
    assert!(!settings.tracker, "it asked for no type there");
    let (settings, said) = read(&format!("{HEFUR}\nopentracker:\n  enable: False\n"));
    assert!(!settings.tracker && settings.port.is_none());
    assert!(said.contains(":19: warning: hefur has no effect"), "{said}");
}

#[test]
fn its_first_weeks() {
    let (settings, said) = read(FIRST);
    assert!(!said.contains("error"), "{said}");
    assert!(said.contains("unknown key aria2.seed, ignored"), "{said}");
    assert!(!said.contains("dnsmasq"), "{said}");
    assert_eq!(settings.timeout.value, 30);
}
