//! `bt-server doctor` in a room: it finds each fault that is planted, names what helps, and finds nothing where nothing
//! is wrong.

mod dnsmasq;
mod managers;

use std::ffi::OsStr;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{BtServer, Host, Room, Stop, built};
use serde_json::Value;

use dnsmasq::Dnsmasq;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);
/// From a start to its effect, on a busy computer.
const SOON: Duration = Duration::from_secs(60);

/// A computer that wants to know whether it can serve a room.
struct Patient {
    host: Host,
    room: Room,
    program: PathBuf,
    oss: PathBuf,
    /// The process whose view of files it has, where that is one of its own.
    view: Option<u32>,
}

/// What the doctor said.
#[derive(Debug)]
struct Diagnosis {
    code: Option<i32>,
    findings: Vec<Found>,
}

#[derive(Clone, Debug)]
struct Found {
    severity: String,
    about: String,
    what: String,
    remedy: String,
}

/// Cargo's folder.
fn target() -> Result<&'static Path> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
    folder.context("a target folder")
}

impl Patient {
    fn new(address: Option<Ipv4Addr>) -> Result<Patient> {
        let mut room = Room::new(&Stop::never())?;
        let host = room.host(address.map(|address| (address, 24)))?;
        let oss = room.scratch().join("oss");
        fs::create_dir_all(oss.join("small"))?;
        fs::write(oss.join("small/vmlinuz"), "a kernel")?;
        fs::write(oss.join("small/initrd.img"), "its initrd")?;
        let home = BtServer::alone(&room, &built::bt_server(target()?)?)?;
        Ok(Patient {
            host,
            room,
            program: home.join("bt-server"),
            oss,
            view: None,
        })
    }

    /// A command that runs on it.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        match self.view {
            None => self.host.command(program),
            Some(process) => {
                let mut command = self.host.command("nsenter");
                command.arg(format!("--mount=/proc/{process}/ns/mnt"));
                command.arg(program);
                command
            }
        }
    }

    /// Runs the doctor as a person would, but for the form of what it says.
    fn examine(&self, options: &[&str]) -> Result<Diagnosis> {
        let mut command = self.command(&self.program);
        command.args([
            "doctor",
            "--json",
            "--iface",
            self.host.interface(),
            "--oss",
        ]);
        let output = command.arg(&self.oss).args(options).output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let sheet: Value = serde_json::from_str(&said)
            .with_context(|| format!("{said}{}", String::from_utf8_lossy(&output.stderr)))?;
        let text =
            |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let findings = sheet["findings"].as_array().context("no findings")?.iter();
        let findings = findings.map(|finding| Found {
            severity: text(finding, "severity"),
            about: text(finding, "about"),
            what: text(finding, "what"),
            remedy: text(finding, "remedy"),
        });
        Ok(Diagnosis {
            code: output.status.code(),
            findings: findings.collect(),
        })
    }

    /// Runs a remedy on the patient.
    fn take(&self, remedy: &str) -> Result<()> {
        let output = self.command("sh").args(["-c", remedy]).output()?;
        ensure!(
            output.status.success(),
            "{remedy}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }
}

impl Diagnosis {
    /// Those that are not as they should be.
    fn faults(&self) -> Vec<&Found> {
        let all = self.findings.iter();
        all.filter(|one| ["warning", "error"].contains(&&*one.severity))
            .collect()
    }

    /// The only fault there is.
    fn fault(&self) -> Result<&Found> {
        let faults = self.faults();
        ensure!(faults.len() == 1, "{self:#?}");
        Ok(faults[0])
    }
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn where_nothing_is_wrong_it_finds_nothing() -> Result<()> {
    let patient = Patient::new(Some(SERVER))?;
    let diagnosis = patient.examine(&[])?;
    assert!(
        diagnosis.faults().is_empty() && diagnosis.code == Some(0),
        "{diagnosis:#?}"
    );
    for about in [
        "interface",
        "link",
        "address",
        "route",
        "ports",
        "firewall",
        "DHCP",
        "files",
    ] {
        let fine = |one: &Found| one.about == about && one.severity == "ok";
        assert!(
            diagnosis.findings.iter().any(fine),
            "{about} was not looked at: {diagnosis:#?}"
        );
    }
    Ok(())
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn a_cable_that_is_not_plugged_in() -> Result<()> {
    let patient = Patient::new(Some(SERVER))?;
    patient.room.switch().ip("link set p1 down")?;
    let diagnosis = patient.examine(&[])?;
    let fault = diagnosis.fault()?;
    assert_eq!(
        (fault.about.as_str(), diagnosis.code),
        ("link", Some(1)),
        "{diagnosis:#?}"
    );
    assert!(fault.what.contains("no link"), "{fault:?}");
    // As on a card that is switched off.
    patient.host.namespace().ip("link set eth0 down")?;
    let diagnosis = patient.examine(&["--dhcp", "off"])?;
    let fault = diagnosis.fault()?;
    assert_eq!(fault.remedy, "ip link set eth0 up");
    patient.room.switch().ip("link set p1 up")?;
    patient.take(&fault.remedy)?;
    assert_eq!(patient.examine(&["--dhcp", "off"])?.code, Some(0));
    Ok(())
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn an_interface_without_an_address() -> Result<()> {
    let patient = Patient::new(None)?;
    let diagnosis = patient.examine(&[])?;
    let fault = diagnosis.fault()?;
    assert_eq!(
        (fault.about.as_str(), diagnosis.code),
        ("address", Some(0)),
        "{diagnosis:#?}"
    );
    let command = fault.remedy.rsplit(": ").next().context("a command")?;
    patient.take(command)?;
    assert!(patient.examine(&["--dhcp", "off"])?.faults().is_empty());
    Ok(())
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn of_several_interfaces_those_that_are_not_named_are_told_as_not_served() -> Result<()> {
    let patient = Patient::new(Some(SERVER))?;
    let mut rooms = [Room::new(&Stop::never())?, Room::new(&Stop::never())?];
    for (room, (name, address)) in rooms
        .iter_mut()
        .zip([("eth1", [10, 78, 0, 1]), ("eth2", [10, 79, 0, 1])])
    {
        room.plug_in(&patient.host, name, address.into(), 24)?;
    }
    let unserved = |options: &[&str]| -> Result<Vec<String>> {
        let diagnosis = patient.examine(&[&["--dhcp", "off"], options].concat())?;
        let told = diagnosis.findings.into_iter().map(|one| one.what);
        let told = told.filter_map(|what| Some(what.split_once("not served: ")?.1.to_owned()));
        Ok(told.collect())
    };
    let names = |told: &str| ["eth0", "eth1", "eth2"].map(|name| told.contains(name));
    let alone = unserved(&[])?;
    assert_eq!(alone.len(), 1, "{alone:?}");
    assert_eq!(names(&alone[0]), [false, true, true], "{alone:?}");
    let two = unserved(&["--iface", "eth1"])?;
    assert_eq!(two.len(), 2, "{two:?}");
    for told in &two {
        assert_eq!(names(told), [false, false, true], "{told}");
    }
    let all = unserved(&["--iface", "eth1", "--iface", "eth2"])?;
    assert!(all.is_empty(), "{all:?}");
    Ok(())
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn another_dhcp_server_on_the_wire() -> Result<()> {
    let mut patient = Patient::new(Some(SERVER))?;
    let other = patient.room.host(Some((OTHER, 24)))?;
    let _dnsmasq = Dnsmasq::start(&other, patient.room.scratch())?;
    let diagnosis = patient.examine(&[])?;
    let fault = diagnosis.fault()?;
    assert_eq!(
        (fault.about.as_str(), diagnosis.code),
        ("DHCP", Some(0)),
        "{diagnosis:#?}"
    );
    assert!(fault.what.contains(&OTHER.to_string()), "{fault:?}");
    Ok(())
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn another_bt_server_on_the_wire_is_no_fault() -> Result<()> {
    let mut patient = Patient::new(Some(SERVER))?;
    let other = patient.room.host(Some((OTHER, 24)))?;
    let log = patient.room.scratch().join("other.log");
    let (room, oss) = (&patient.room, &patient.oss);
    let mut first = BtServer::start(room, &other, &patient.program, oss, &[], &log)?;
    first.wait_until_it_serves(&other, SOON)?;
    let diagnosis = patient.examine(&[])?;
    assert!(diagnosis.faults().is_empty(), "{diagnosis:#?}");
    let named = format!("another bt-server boots this room, {OTHER}:6969");
    let told = |one: &Found| one.severity == "note" && one.what.starts_with(&named);
    assert!(diagnosis.findings.iter().any(told), "{diagnosis:#?}");
    Ok(())
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn ports_that_others_have() -> Result<()> {
    let patient = Patient::new(Some(SERVER))?;
    let dnsmasq = Dnsmasq::start(&patient.host, patient.room.scratch())?;
    let _web = patient
        .host
        .namespace()
        .enter(|| Ok(TcpListener::bind((SERVER, 6969))?))?;
    let diagnosis = patient.examine(&[])?;
    assert_eq!(diagnosis.code, Some(1), "{diagnosis:#?}");
    let held_by = |port: &str, pid: u32| {
        let who = format!("process {pid})");
        let named = |one: &&Found| {
            one.about == "ports" && one.what.contains(port) && one.what.contains(&who)
        };
        diagnosis
            .findings
            .iter()
            .find(named)
            .cloned()
            .with_context(|| format!("{port}: {diagnosis:#?}"))
    };
    for port in ["DHCP 67/udp", "TFTP 69/udp"] {
        let fault = held_by(port, dnsmasq.id())?;
        assert!(
            fault.severity == "error" && fault.what.contains("dnsmasq"),
            "{fault:?}"
        );
        assert!(
            fault.remedy.starts_with(&format!("kill {}", dnsmasq.id())),
            "{fault:?}"
        );
    }
    let fault = held_by("HTTP 6969/tcp", std::process::id())?;
    assert!(
        fault.severity == "error" && fault.remedy.contains("--http-port"),
        "{fault:?}"
    );
    let elsewhere = patient.examine(&["--dhcp", "off", "--http-port", "8080"])?;
    assert!(
        !elsewhere
            .findings
            .iter()
            .any(|one| one.what.contains("HTTP")),
        "{elsewhere:#?}"
    );
    Ok(())
}

#[test]
#[ignore = "needs root, nft and target/dist/bt-server; cargo xtask test runs it"]
fn a_firewall_that_keeps_machines_out_until_its_remedy_is_taken() -> Result<()> {
    let patient = Patient::new(Some(SERVER))?;
    patient.take(
        "nft 'table inet room { chain input { type filter hook input priority 0; policy drop; \
         ct state established,related accept; iifname \"lo\" accept; udp dport 69 accept; }\n}'",
    )?;
    let diagnosis = patient.examine(&[])?;
    let fault = diagnosis.fault()?;
    assert_eq!(
        (fault.about.as_str(), diagnosis.code),
        ("firewall", Some(1)),
        "{diagnosis:#?}"
    );
    assert!(
        fault
            .what
            .ends_with("keeps machines out of 67/udp 4011/udp 6969/tcp 6881/tcp"),
        "{fault:?}"
    );
    patient.take(&fault.remedy)?;
    let diagnosis = patient.examine(&[])?;
    assert!(diagnosis.faults().is_empty(), "{diagnosis:#?}");
    Ok(())
}

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn a_default_route_through_the_room() -> Result<()> {
    let patient = Patient::new(Some(SERVER))?;
    patient
        .host
        .namespace()
        .ip("route add default via 10.77.0.254")?;
    let diagnosis = patient.examine(&["--dhcp", "off"])?;
    let fault = diagnosis.fault()?;
    assert_eq!(
        (fault.about.as_str(), diagnosis.code),
        ("route", Some(0)),
        "{diagnosis:#?}"
    );
    let command = fault.remedy.rsplit(": ").next().context("a command")?;
    patient.take(command)?;
    assert!(patient.examine(&["--dhcp", "off"])?.faults().is_empty());
    Ok(())
}
