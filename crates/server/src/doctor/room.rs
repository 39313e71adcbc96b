//! The way to the room: which interface, what is at its other end, its address, and where else packets could go.
//! Decides from what was read; reads nothing.

use std::net::Ipv4Addr;

use super::finding::Finding;
use crate::interface::routes::{self, Route};
use crate::interface::{Kind, Seen};

/// Bytes of a system that people can imagine, and what headers and acknowledgements cost beside them.
const SYSTEM: f64 = 1e9;
const HEADERS: f64 = 1.06;

/// The speed of a link, as its card says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Speed {
    /// Mbit/s.
    pub(crate) megabits: u32,
    /// Both ends take turns.
    pub(crate) half_duplex: bool,
}

/// The interface that is meant: the named one, or the only one that could be.
///
/// # Errors
/// A finding with what there is.
pub(crate) fn pick<'s>(seen: &'s [Seen], named: Option<&str>) -> Result<&'s Seen, Finding> {
    let about = "interface";
    if let Some(name) = named {
        let found = seen.iter().find(|interface| interface.name == name);
        let found = found.filter(|interface| interface.kind != Kind::Loopback);
        return found.ok_or_else(|| {
            let what = format!("{name} is no interface that reaches other machines");
            Finding::error(
                about,
                what,
                format!("name one that does with --iface: {}", candidates(seen)),
            )
        });
    }
    // As the server itself chooses: cards before what only might be one, and of several the only one in use.
    let has_card = seen.iter().any(|interface| interface.kind == Kind::Wired);
    let kind = if has_card { Kind::Wired } else { Kind::Unknown };
    let could_be = |interface: &&Seen| interface.kind == kind && interface.mac.is_some();
    let in_use = |interface: &&Seen| interface.up && !interface.addresses.is_empty();
    let all: Vec<&Seen> = seen.iter().filter(could_be).collect();
    let used: Vec<&Seen> = all.iter().copied().filter(in_use).collect();
    match (&all[..], &used[..]) {
        ([one], _) | (_, [one]) => Ok(one),
        ([], _) => {
            let what = "this machine has no wired network interface";
            Err(Finding::error(
                about,
                what,
                format!(
                    "plug in a card, or name another with --iface: {}",
                    candidates(seen)
                ),
            ))
        }
        _ => {
            let what = "several interfaces could be the room's";
            Err(Finding::error(
                about,
                what,
                format!("name it with --iface: {}", candidates(seen)),
            ))
        }
    }
}

/// The chosen interface, and what else this machine has.
pub(crate) fn interfaces(chosen: &Seen, seen: &[Seen]) -> Vec<Finding> {
    let name = &chosen.name;
    let about = "interface";
    let mut findings = vec![match chosen.kind {
        Kind::Wireless => Finding::warning(
            about,
            format!(
                "{name} is Wi-Fi: no firmware boots over radio, access points keep machines apart (client isolation), \
                 and all of them share its slow uplink"
            ),
            "connect this computer by cable and name that interface with --iface",
        ),
        _ => Finding::ok(about, format!("{name}, {}", kind(chosen.kind))),
    }];
    let others: Vec<String> = seen
        .iter()
        .filter(|other| other.name != *name && other.kind != Kind::Loopback && other.up)
        .map(|other| format!("{} ({})", other.name, kind(other.kind)))
        .collect();
    if !others.is_empty() {
        findings.push(Finding::ok(
            about,
            format!("not served: {}", others.join(", ")),
        ));
    }
    findings
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Wired => "wired",
        Kind::Loopback => "loopback",
        Kind::Wireless => "Wi-Fi",
        Kind::Inner => "a bridge, tap or tunnel inside this machine",
        Kind::Unknown => "taken for a cable",
    }
}

fn candidates(seen: &[Seen]) -> String {
    let all = seen.iter().filter(|one| one.kind != Kind::Loopback);
    let named: Vec<String> = all
        .map(|one| format!("{} ({})", one.name, kind(one.kind)))
        .collect();
    match named.is_empty() {
        true => "there is none".to_owned(),
        false => named.join(", "),
    }
}

/// Cable, speed and duplex.
pub(crate) fn link(chosen: &Seen, has_link: bool, speed: Option<Speed>) -> Finding {
    let (about, name) = ("link", &chosen.name);
    if !chosen.up && is_bare(chosen) {
        let what = format!(
            "{name} is down; bt-server switches it on for its run, and until then nothing of the wire can be seen"
        );
        return Finding::warning(about, what, format!("ip link set {name} up"));
    }
    if !chosen.up {
        return Finding::error(
            about,
            format!("{name} is down"),
            format!("ip link set {name} up"),
        );
    }
    if !has_link {
        let what = format!(
            "{name} has no link: no cable, or nothing that is switched on at its other end"
        );
        let remedy =
            format!("plug it in and switch that on, until `ip link show {name}` says LOWER_UP");
        return Finding::error(about, what, remedy);
    }
    let Some(Speed {
        megabits,
        half_duplex,
    }) = speed
    else {
        return Finding::ok(about, "up; its speed is not told");
    };
    let takes = |megabits: f64| SYSTEM * 8.0 * HEADERS / (megabits * 1e6);
    if half_duplex {
        let what = format!(
            "{megabits} Mbit/s in half duplex: sending and receiving take turns, and a room that shares gets a \
             fraction of it"
        );
        return Finding::warning(
            about,
            what,
            format!("let both ends negotiate: ethtool -s {name} autoneg on"),
        );
    }
    if megabits < 1000 {
        let what = format!(
            "{megabits} Mbit/s: 1 GB needs {:.0} s to leave this server, at 1000 Mbit/s {:.0} s",
            takes(f64::from(megabits.max(1))),
            takes(1000.0)
        );
        let remedy = format!(
            "use a gigabit port and a cable with all eight wires, and look again: ethtool {name}"
        );
        return Finding::warning(about, what, remedy);
    }
    Finding::ok(about, format!("{megabits} Mbit/s, full duplex"))
}

/// Whether it has no address that others could know of: those of 169.254/16 it gave to itself.
pub(crate) fn is_bare(chosen: &Seen) -> bool {
    let mut addresses = chosen.addresses.iter();
    addresses.all(|(address, _)| address.is_link_local())
}

/// Who else cares for it, and takes back what it did not give.
pub(crate) fn managed(chosen: &Seen) -> Option<Finding> {
    let (about, name) = ("address", &chosen.name);
    let manager = chosen.manager?;
    Some(if is_bare(chosen) {
        let what = format!(
            "{} cares for {name} and may take back the address that bt-server gives it",
            manager.name()
        );
        Finding::warning(about, what, manager.leave_alone(name))
    } else {
        Finding::note(about, format!("{} cares for {name}", manager.name()))
    })
}

/// The address on it.
pub(crate) fn address(chosen: &Seen) -> Finding {
    let (about, name) = ("address", &chosen.name);
    let by_hand = format!("to choose it yourself: ip address add 10.77.0.1/24 dev {name}");
    let own = chosen
        .addresses
        .iter()
        .find(|(address, _)| !address.is_link_local());
    match (own, chosen.addresses.first()) {
        (None, None) => {
            let what = "none; where nobody else gives addresses, bt-server takes a private one for its run";
            Finding::warning(about, what, by_hand)
        }
        (None, Some((address, prefix))) => {
            let what = format!(
                "{address}/{prefix} only, which this machine made up because nobody gave it one"
            );
            Finding::warning(about, what, by_hand)
        }
        (Some((address, prefix)), _) if *prefix > 30 => {
            let what = format!("{address}/{prefix}: that network has no room for other machines");
            Finding::error(
                about,
                what,
                format!("ip address add 10.77.0.1/24 dev {name}"),
            )
        }
        (Some((address, prefix)), _) if chosen.leased.contains(address) => Finding::note(
            about,
            format!(
                "{address}/{prefix}, from a DHCP server: beside it bt-server is a proxy and gives no addresses"
            ),
        ),
        (Some((address, prefix)), _) => Finding::ok(about, format!("{address}/{prefix}")),
    }
}

/// Where packets go that are for nobody here, and other interfaces that may take the room's answers. `strict` is
/// whether the kernel drops what comes in where its answer would not go out (rp_filter).
pub(crate) fn ways(chosen: &Seen, seen: &[Seen], routes: &[Route], strict: bool) -> Vec<Finding> {
    let (about, name) = ("route", &chosen.name);
    let mut findings = Vec::new();
    if routes::way_out(routes, name).is_some() {
        let what = format!(
            "the default route leads through {name}: this looks like a network with a router and a DHCP server, and \
             bt-server is a proxy in it"
        );
        let remedy = format!(
            "nothing, if that is so; if the room is its own network: ip route delete default dev {name}"
        );
        findings.push(Finding::warning(about, what, remedy));
    }
    let shares = |other: &&Seen| {
        let network = |(address, prefix): &(Ipv4Addr, u8)| {
            u32::from(*address)
                .checked_shr(32 - u32::from(*prefix))
                .unwrap_or(0)
        };
        let same = |one: &(Ipv4Addr, u8)| {
            let mut own = chosen.addresses.iter();
            own.any(|own| own.1 == one.1 && network(own) == network(one))
        };
        other.name != *name && other.up && other.addresses.iter().any(same)
    };
    if let Some(other) = seen.iter().find(shares) {
        let dropped = match strict {
            true => ", and the kernel drops what comes in on the other (rp_filter)",
            false => "",
        };
        let what = format!(
            "{} is in the same network as {name}: answers may leave there{dropped}",
            other.name
        );
        findings.push(Finding::warning(
            about,
            what,
            format!("ip link set {} down", other.name),
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            about,
            format!("no default route through {name}"),
        ));
    }
    findings
}

#[cfg(test)]
mod tests;
