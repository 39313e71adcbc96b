//! Looks at this computer for the doctor: files of the kernel and of others, ports that are opened and closed again,
//! and what three programs print when they are only asked. Changes nothing and decides nothing.
//!
//! Files of /sys and /run may be those of another network namespace than this one's; what is read there is believed
//! only where it fits.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::{Command, Stdio};

use socket2::{Domain, Protocol as Transport, Socket, Type};

use super::firewall;
use super::managers::{self, Ufw, Zone};
use super::nft::Ruleset;
use super::ports::{self, Door, Looked, Program};
use super::room::Speed;
use super::vlan::{self, Vlan};
use crate::holder::{self, Protocol};
use crate::interface::Seen;

/// The kernel's word for a speed that is not known is -1.
const FASTEST: u32 = 1_000_000;

/// What the card says of its link, where /sys shows this very interface.
pub(crate) fn speed(chosen: &Seen) -> Option<Speed> {
    let read = |file: &str| text(&format!("/sys/class/net/{}/{file}", chosen.name));
    let own = report::Mac(chosen.mac?).to_string();
    if read("address")?.trim() != own {
        return None;
    }
    let megabits = read("speed")?.trim().parse().ok()?;
    Some(Speed {
        megabits,
        half_duplex: read("duplex").is_some_and(|duplex| duplex.trim() == "half"),
    })
    .filter(|speed| (1..=FASTEST).contains(&speed.megabits))
}

/// Which VLAN an interface is, if it is one; of the network namespace this thread is in.
pub(crate) fn vlan(interface: &str) -> Option<Vlan> {
    vlan::read(&text(&format!("/proc/thread-self/net/vlan/{interface}"))?)
}

/// Whether the kernel drops what comes in where its answer would not go out: the stricter of both settings counts
/// (rp_filter in the kernel's ip-sysctl).
pub(crate) fn is_strict(interface: &str) -> bool {
    let setting = |of: &str| setting(&format!("net/ipv4/conf/{of}/rp_filter")).unwrap_or(0);
    setting("all").max(setting(interface)) == 1
}

/// Who has a port, and whether it can be opened.
pub(crate) fn port(door: Door, interface: &str, address: Ipv4Addr) -> Looked {
    let opens = match opened(&door, interface, address) {
        Ok(()) => Some(true),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Some(false),
        Err(_) => None,
    };
    let holder = holder::of(door.protocol, door.port).into_iter().next();
    let program = holder.map(|holder| {
        let read = |file: &str| text(&format!("/proc/{}/{file}", holder.pid)).unwrap_or_default();
        Program {
            unit: ports::unit(&read("cgroup")),
            libvirt: ports::libvirt_network(&read("cmdline")),
            holder,
        }
    });
    Looked {
        door,
        program,
        opens,
    }
}

/// Opens the port as the server would, and closes it.
fn opened(door: &Door, interface: &str, address: Ipv4Addr) -> io::Result<()> {
    let (kind, transport) = match door.protocol {
        Protocol::Udp => (Type::DGRAM, Transport::UDP),
        Protocol::Tcp => (Type::STREAM, Transport::TCP),
    };
    let socket = Socket::new(Domain::IPV4, kind, Some(transport))?;
    // DHCP clients share their port; a connection that ended a moment ago keeps no server from its own.
    socket.set_reuse_address(door.port == 68 || door.protocol == Protocol::Tcp)?;
    let address = match door.on_device {
        true => {
            socket.bind_device(Some(interface.as_bytes()))?;
            Ipv4Addr::UNSPECIFIED
        }
        false => address,
    };
    socket.bind(&SocketAddrV4::new(address, door.port).into())
}

/// Everything there is to read of firewalls.
pub(crate) fn firewalls(interface: &str) -> firewall::Read {
    let ruleset = printed("nft", &["-j", "list", "ruleset"]);
    let ufw_is_on =
        text("/etc/ufw/ufw.conf").is_some_and(|settings| managers::ufw_is_on(&settings));
    let legacy = text("/proc/thread-self/net/ip_tables_names");
    let legacy = legacy.filter(|tables| tables.lines().any(|table| table == "filter"));
    let is_bridge = Path::new("/sys/class/net")
        .join(interface)
        .join("bridge")
        .is_dir();
    firewall::Read {
        ruleset: ruleset.and_then(|json| Ruleset::read(&json)),
        firewalld: runs("firewalld").then(|| firewalld(interface)),
        ufw: ufw_is_on.then(ufw),
        legacy: legacy.and_then(|_| printed("iptables-legacy", &["-S", "INPUT"])),
        bridge_filtered: is_bridge && setting("net/bridge/bridge-nf-call-iptables") == Some(1),
    }
}

fn ufw() -> Ufw {
    let settings = text("/etc/default/ufw").unwrap_or_default();
    Ufw {
        rules: text("/etc/ufw/user.rules").unwrap_or_default(),
        lets_in_others: managers::ufw_lets_in_others(&settings),
    }
}

/// firewalld's zone of the interface, and what it lets in: what it says itself, or else its files.
fn firewalld(interface: &str) -> (String, Option<Zone>) {
    let asked = printed(
        "firewall-cmd",
        &[&format!("--get-zone-of-interface={interface}")],
    );
    let asked = asked
        .map(|zone| zone.trim().to_owned())
        .filter(|zone| !zone.is_empty());
    let zone = asked.unwrap_or_else(|| {
        let settings = text("/etc/firewalld/firewalld.conf").unwrap_or_default();
        let zones = zones(Path::new("/etc/firewalld/zones"));
        let named = managers::zone_of(&zones, interface);
        named
            .unwrap_or_else(|| managers::default_zone(&settings))
            .to_owned()
    });
    let rules = printed("firewall-cmd", &[&format!("--zone={zone}"), "--list-all"]);
    (zone, rules.map(|list| Zone::read(&list)))
}

fn zones(folder: &Path) -> Vec<(String, String)> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let zone = |path: &Path| {
        Some((
            path.file_stem()?.to_str()?.to_owned(),
            fs::read_to_string(path).ok()?,
        ))
    };
    files.filter_map(|file| zone(&file.path())).collect()
}

/// Does a program of this name run in this network namespace? Where another's namespace may not be looked at it counts
/// as this one.
fn runs(name: &str) -> bool {
    let own = fs::read_link("/proc/thread-self/ns/net").ok();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut folders = processes.map(|process| process.path());
    folders.any(|folder| {
        let named =
            fs::read_to_string(folder.join("comm")).is_ok_and(|comm| comm.trim_end() == name);
        named && fs::read_link(folder.join("ns/net")).map_or(true, |other| Some(other) == own)
    })
}

/// What a program prints; nothing where it is not installed or fails.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn setting(path: &str) -> Option<u32> {
    text(&format!("/proc/sys/{path}"))?.trim().parse().ok()
}

/// The text of a file; names in it may be in any encoding.
fn text(path: &str) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
