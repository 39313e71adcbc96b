//! An environment made for the project of 2018, started as it was: `start` in its folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use lab::{Classroom, Foreign, Machine, MachineView, Nic, Plan, Spec, Start, Stop, TargetOs};
use report::{ChosenBy, Door, Step};

use crate::room::{BOOT, FOREIGN, MIB, SERVER, SOON, bt_server, target, wait_for_stage};

/// The tracker's port in the original's own example.
pub(crate) const PORT: u16 = 10001;

/// What the tests vary of the original's settings.
pub(crate) struct Original {
    pub(crate) timeout: i32,
    /// A folder's name.
    pub(crate) default_os: &'static str,
    pub(crate) enable_dhcp: &'static str,
    pub(crate) enable_tftp: &'static str,
    pub(crate) opentracker: &'static str,
}

impl Original {
    /// `Boottorrent.yaml` with every key of the original's last version.
    pub(crate) fn settings(&self) -> String {
        let Original {
            timeout,
            default_os,
            enable_dhcp,
            enable_tftp,
            opentracker,
        } = self;
        format!(
            "boottorrent:
  version: 0
  timeout: {timeout}
  default_os: {default_os}
  seed_time: 0
  host_ip: {SERVER}

dnsmasq:
  enable_dhcp: {enable_dhcp}
  enable_tftp: {enable_tftp}
  interface: eth0
  bind_interfaces: False
  dhcp_range: \"10.77.0.50,10.77.0.150,12h\"
  user: nobody

opentracker:
  enable: {opentracker}
  port: {PORT}

aria2:
  bt_enable_lpd: True
  enable_peer_exchange: True
  console_log_level: notice
"
        )
    }
}

/// Three systems, one of each of its methods. Only the first is started here.
pub(crate) fn three_systems(oss: &Path) -> anyhow::Result<()> {
    TargetOs::build(&target().join("phase1"), "small", MIB)?.write_to(oss)?;
    let system = |name: &str, config: &str, file: &str, content: &[u8]| {
        let folder = oss.join(name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("config.yaml"), config)?;
        fs::write(folder.join(file), content)?;
        fs::set_permissions(folder.join(file), fs::Permissions::from_mode(0o755))
    };
    let floppy = "dispname: A floppy\nmethod: bin-qemu-x86_64\nargs: \"-fda boot.img\"\n";
    system("floppy", floppy, "boot.img", &[0; 1_474_560])?;
    let hello = "dispname: Hello\nmethod: \"bin\"\nbin: hello\nbinargs: \"\"\n";
    system("hello", hello, "hello", b"#!/bin/sh\necho hello\n")?;
    // Of the original's own making; no system.
    fs::write(oss.join("README.rst"), "Put systems here.\n")?;
    Ok(())
}

/// A room with an environment of the original in it.
pub(crate) fn open(
    settings: &str,
    options: &[&str],
    logs: &Path,
    furnish: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> Classroom {
    let plan = Plan {
        program: &bt_server(),
        settings,
        start: Start::Environment { port: PORT },
        options,
        has_address: true,
        server_rate: None,
        beside: None,
        logs,
    };
    Classroom::open(&plan, furnish, &Stop::never()).unwrap()
}

/// What the journal knows of `machine`.
fn told(class: &Classroom, machine: &Machine) -> MachineView {
    let all = class.machines().unwrap();
    all.machine(&machine.spec().mac).cloned().unwrap()
}

/// When a step of its boot happened, in milliseconds.
pub(crate) fn at(machine: &MachineView, which: impl Fn(&Step) -> bool) -> u64 {
    let found = machine.steps.iter().find(|timed| which(&timed.step));
    let found = found.unwrap_or_else(|| panic!("no such step: {:#?}", machine.steps));
    found.at_ms
}

/// The names of the files it fetched, and by which doors.
fn files(machine: &MachineView) -> (Vec<&str>, Vec<Door>) {
    let fetched = machine.steps.iter().filter_map(|timed| match &timed.step {
        Step::File {
            name,
            door,
            bytes,
            total,
            ..
        } if bytes == total => Some((name.as_str(), *door)),
        _ => None,
    });
    fetched.unzip()
}

#[test]
#[ignore = "needs root, QEMU and target/dist/bt-server; cargo xtask test runs it"]
fn boot_the_originals_environment_by_tftp_alone() {
    let logs = tempfile::tempdir().unwrap();
    let settings = Original {
        timeout: 0,
        default_os: "small",
        enable_dhcp: "True",
        enable_tftp: "True",
        opentracker: "True",
    }
    .settings();
    let mut class = open(
        &settings,
        &["--loader", "pxelinux"],
        logs.path(),
        three_systems,
    );
    let machine = class.machine(&Spec::new("tftp", Nic::E1000, 1)).unwrap();
    let line = marker(&machine);

    let told = told(&class, &machine);
    let (names, doors) = files(&told);
    for name in [
        "pxelinux.0",
        "ldlinux.c32",
        "bzImage",
        "rootfs.gz",
        "diff.gz",
        "torrents.gz",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert!(
        names.iter().any(|name| name.starts_with("pxelinux.cfg")),
        "{names:?}"
    );
    assert!(doors.iter().all(|door| *door == Door::Tftp), "{doors:?}");

    // timeout: 0 starts the default as soon as it can.
    let menu = at(&told, |step| {
        matches!(
            step,
            Step::Menu {
                systems: 3,
                timeout_s: 0
            }
        )
    });
    let chosen = at(
        &told,
        |step| matches!(step, Step::Chosen { system, by: ChosenBy::Timeout } if system == "small"),
    );
    // Without a countdown: by the server's clock, as its reports came in.
    assert!(chosen - menu < 5000, "{} ms in the menu", chosen - menu);

    // One address, whoever asked: the ROM, the loader, phase 1, and the system under three names.
    let leases = told.steps.iter().filter_map(|timed| match timed.step {
        Step::Lease { address } => Some(address),
        _ => None,
    });
    let mut leases: Vec<_> = leases.collect();
    // The journal keeps the same step once when it comes again at once.
    assert!(leases.len() >= 3, "{leases:?}");
    leases.dedup();
    assert_eq!(leases, [told.address.unwrap()]);
    assert!(line.contains(&format!("address {},", leases[0])), "{line}");
}

#[test]
#[ignore = "needs root, QEMU, dnsmasq and target/dist/bt-server; cargo xtask test runs it"]
fn boot_beside_a_foreign_dhcp_server() {
    let logs = tempfile::tempdir().unwrap();
    // Without a tracker too: the machine knows the server's seed from what it was given.
    let settings = Original {
        timeout: -1,
        default_os: "small",
        enable_dhcp: "False",
        enable_tftp: "True",
        opentracker: "False",
    }
    .settings();
    let mut class = open(&settings, &[], logs.path(), three_systems);
    let other = class.room().host(Some((FOREIGN, 24))).unwrap();
    // The two options that the original's documents tell an administrator to set.
    let file = format!("--dhcp-boot=pxelinux.0,,{SERVER}");
    let options = [file.as_str(), "--dhcp-option-force=209,pxelinux.cfg"];
    let _dnsmasq = Foreign::dhcp(&other, class.room().scratch(), &options).unwrap();

    let mut machine = class.machine(&Spec::new("beside", Nic::Virtio, 2)).unwrap();
    wait_for_stage(&class, &mut machine, "menu");
    // A negative timeout has no timer: a person chooses, and the default is what Enter means.
    assert!(
        !machine.console().contains("starts in"),
        "{}",
        machine.console().tail()
    );
    machine.press(&["ret"]).unwrap();
    marker(&machine);

    let told = told(&class, &machine);
    at(&told, |step| {
        matches!(
            step,
            Step::Menu {
                systems: 3,
                timeout_s: -1
            }
        )
    });
    at(
        &told,
        |step| matches!(step, Step::Chosen { system, by: ChosenBy::Person } if system == "small"),
    );
    let (names, doors) = files(&told);
    assert!(
        names.contains(&"pxelinux.0") && names.contains(&"torrents.gz"),
        "{names:?}"
    );
    assert!(doors.iter().all(|door| *door == Door::Tftp), "{doors:?}");
    let ours = told
        .steps
        .iter()
        .any(|timed| matches!(timed.step, Step::Offer { .. } | Step::Lease { .. }));
    assert!(!ours, "our DHCP server spoke although it is off");
}

/// Waits for the system's word on itself; every byte of it must have arrived.
fn marker(machine: &Machine) -> String {
    let console = machine.console();
    console.wait_for(TargetOs::MARKER, BOOT).unwrap();
    console.wait_for("kernel cmdline", SOON).unwrap();
    let line = console.line_with(TargetOs::MARKER).unwrap();
    assert!(line.contains(TargetOs::INTACT), "{line}");
    line
}
