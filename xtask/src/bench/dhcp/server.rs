//! The DHCP servers, each told to give the same addresses, and to write its leases down as it does by itself.

use std::fs;
use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use lab::{BtServer, Host, Room};

use super::super::process::Process;
use super::super::serving::Serving;
use super::super::tools::Tools;
use crate::places;

/// The network's bits, here and for the relay.
pub(super) const PREFIX: u8 = 16;
/// As many addresses as the largest pool of ours has.
const FIRST: &str = "10.77.1.0";
const LAST: &str = "10.77.64.255";
/// `@…@` is filled in. Kea's own defaults but for who is served, and no line for each packet.
const KEA: &str = r#"{ "Dhcp4": {
    "interfaces-config": { "interfaces": [ "eth0" ], "dhcp-socket-type": "udp" },
    "lease-database": { "type": "memfile", "name": "@HOME@/leases.csv" },
    "valid-lifetime": 3600,
    "subnet4": [ { "subnet": "10.77.0.0/16", "pools": [ { "pool": "@FIRST@ - @LAST@" } ] } ],
    "loggers": [ { "name": "kea-dhcp4", "severity": "WARN", "output_options": [ { "output": "stderr" } ] } ]
} }
"#;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Program {
    Ours,
    Dnsmasq,
    Kea,
}

impl Program {
    /// All of them, ours first.
    pub(super) const ALL: [Program; 3] = [Program::Ours, Program::Dnsmasq, Program::Kea];

    /// By its name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Program::Ours => "ours",
            Program::Dnsmasq => "dnsmasq",
            Program::Kea => "kea",
        }
    }

    /// Starts it on `host`, with its files in the room and what it prints in `logs`.
    pub(super) fn start(
        self,
        room: &Room,
        host: &Host,
        tools: &Tools,
        logs: &Path,
    ) -> Result<Serving> {
        let home = room.scratch().join(self.name());
        fs::create_dir(&home)?;
        let log = logs.join("server.log");
        match self {
            Program::Ours => ours(room, host, &home, &log),
            Program::Dnsmasq => dnsmasq(host, &home, &log),
            Program::Kea => kea(host, tools, &home, &log),
        }
    }
}

fn ours(room: &Room, host: &Host, home: &Path, log: &Path) -> Result<Serving> {
    let oss = home.join("oss");
    fs::create_dir_all(oss.join("small"))?;
    fs::write(oss.join("small/vmlinuz"), "a kernel")?;
    fs::write(oss.join("small/initrd.img"), "its initrd")?;
    let settings =
        format!("boottorrent:\n  version: 0\ndnsmasq:\n  dhcp_range: {FIRST},{LAST},1h\n");
    fs::write(home.join("Boottorrent.yaml"), settings)?;
    let program = lab::built::bt_server(&places::target())?;
    let options = ["--dhcp", "full"];
    BtServer::start(room, host, &program, &oss, &options, log).map(Serving::Ours)
}

fn dnsmasq(host: &Host, home: &Path, log: &Path) -> Result<Serving> {
    let mut command = host.command("dnsmasq");
    command
        .args(["--keep-in-foreground", "--conf-file=/dev/null", "--port=0"])
        .args(["--user=root", "--log-facility=-", "--quiet-dhcp"])
        .args(["--interface=eth0", "--no-ping", "--dhcp-lease-max=20000"])
        .arg(format!("--dhcp-range={FIRST},{LAST},255.255.0.0,1h"))
        .arg(format!(
            "--dhcp-leasefile={}",
            home.join("leases").display()
        ))
        .arg(format!("--pid-file={}", home.join("pid").display()));
    Process::start(&mut command, log).map(Serving::Other)
}

fn kea(host: &Host, tools: &Tools, home: &Path, log: &Path) -> Result<Serving> {
    let config = home.join("kea.json");
    let text = KEA
        .replace("@HOME@", &home.display().to_string())
        .replace("@FIRST@", FIRST)
        .replace("@LAST@", LAST);
    fs::write(&config, text)?;
    let mut command = host.command(tools.kea());
    command
        .arg("-c")
        .arg(&config)
        .env("KEA_PIDFILE_DIR", home)
        .env("KEA_LOCKFILE_DIR", home);
    Process::start(&mut command, log).map(Serving::Other)
}
