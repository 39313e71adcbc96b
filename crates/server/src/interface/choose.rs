//! Which interface serves the room: the one that is named, or the only one that could be meant.

use std::net::Ipv4Addr;

use catalog::{Placed, Problem};
use report::Mac;

use super::{Interface, Kind, Seen};

/// What is asked of the interface, and where that was written.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// `--iface`, which beats the file.
    pub flag: Option<&'a str>,
    /// `dnsmasq.interface`, or one of those it names.
    pub named: Option<&'a Placed<String>>,
    /// `boottorrent.host_ip`: picks one of several addresses.
    pub host_ip: Option<Placed<Ipv4Addr>>,
    /// What an interface without an address is given for the run; without this it must have one.
    pub spare: Option<(Ipv4Addr, u8)>,
    /// The name under which problems of the settings are shown.
    pub file: &'a str,
}

/// Who named the interface that is being looked at.
#[derive(Clone, Copy)]
enum By<'a> {
    Flag(&'a str),
    File(&'a Placed<String>),
    /// Nobody: it was the only one.
    Itself(&'a str),
}

/// Finds the interface to serve on.
///
/// Where nobody named one, the only wired interface that is up and has an address is taken: the wire is looked
/// at before anybody is answered, and the start screen names it. Where none has an address and there is a spare
/// one, it is the only wired card. Of several none is taken.
///
/// # Errors
/// A problem that says what is missing and lists what there is.
pub fn choose(seen: &[Seen], asked: &Asked<'_>) -> Result<Interface, Problem> {
    let by = match (asked.flag, asked.named) {
        (Some(flag), _) => By::Flag(flag),
        (None, Some(one)) => By::File(one),
        (None, None) => By::Itself(&the_only_one(seen, asked)?.name),
    };
    let Some(found) = seen.iter().find(|interface| interface.name == by.name()) else {
        let remedy = format!("name one that exists: {}", candidates(seen));
        return Err(asked.problem(by, "names no interface of this machine", &remedy));
    };
    let name = by.name();
    if found.kind == Kind::Loopback {
        let what = "is the loopback interface; no machine can be reached there";
        let remedy = format!("name the interface of the room: {}", candidates(seen));
        return Err(asked.problem(by, what, &remedy));
    }
    let bare = asked.spare.is_some() && is_bare(found);
    if !found.up && !bare {
        let remedy = format!("bring it up: ip link set {name} up");
        return Err(asked.problem(by, "is down", &remedy));
    }
    let Some(mac) = found.mac else {
        let remedy = "name a wired Ethernet interface";
        return Err(asked.problem(by, "has no Ethernet address", remedy));
    };
    let (address, prefix) = match asked.spare {
        Some(spare) if bare => spare,
        _ => address(found, by, asked)?,
    };
    if prefix > 30 {
        let what = format!("has {address}/{prefix}: that network has no room for other machines");
        let remedy = "give it an address in a network of /30 or wider, such as 10.77.0.1/24";
        return Err(asked.problem(by, &what, remedy));
    }
    Ok(Interface {
        name: found.name.clone(),
        mac: Mac(mac),
        address,
        prefix,
        has_address: !bare,
        up: found.up,
        manager: found.manager,
    })
}

/// Whether an interface has no address that others could know of: those of 169.254/16 it gave to itself, because
/// nobody else did (RFC 3927).
fn is_bare(interface: &Seen) -> bool {
    let mut addresses = interface.addresses.iter();
    addresses.all(|(address, _)| address.is_link_local())
}

/// The only interface that could be meant, where none is named.
fn the_only_one<'s>(seen: &'s [Seen], asked: &Asked<'_>) -> Result<&'s Seen, Problem> {
    let has_host_ip = |interface: &&Seen| {
        let mut addresses = interface.addresses.iter();
        asked
            .host_ip
            .is_some_and(|ip| addresses.any(|(address, _)| *address == ip.value))
    };
    if let Some(named) = seen.iter().find(has_host_ip) {
        return Ok(named);
    }
    // Cards count before what only might be one.
    let has_card = seen.iter().any(|interface| interface.kind == Kind::Wired);
    let kind = if has_card { Kind::Wired } else { Kind::Unknown };
    let could_be = |interface: &&Seen| {
        interface.kind == kind
            && interface.up
            && interface.mac.is_some()
            && !interface.addresses.is_empty()
    };
    let mut possible = seen.iter().filter(could_be);
    let bare_card = |interface: &&Seen| {
        interface.kind == Kind::Wired && interface.mac.is_some() && is_bare(interface)
    };
    let mut cards = seen
        .iter()
        .filter(|_| asked.spare.is_some())
        .filter(bare_card);
    let what = match (possible.next(), possible.next()) {
        (Some(one), None) => return Ok(one),
        (None, _) if let (Some(card), None) = (cards.next(), cards.next()) => return Ok(card),
        (None, _) => "none is named, and no wired interface is up and has an IPv4 address",
        (Some(_), Some(_)) => "none is named, and several could be the room's",
    };
    let remedy = format!(
        "name the room's with --iface or dnsmasq.interface, and give it an address if it has none: {}",
        candidates(seen)
    );
    Err(Problem::error("interface", what, remedy))
}

/// The address to serve on: `host_ip`, or the first.
fn address(found: &Seen, by: By<'_>, asked: &Asked<'_>) -> Result<(Ipv4Addr, u8), Problem> {
    let Some(ip) = asked.host_ip else {
        let remedy = format!(
            "give it one, for example: ip address add 10.77.0.1/24 dev {}",
            found.name
        );
        let first = found.addresses.first().copied();
        return first.ok_or_else(|| asked.problem(by, "has no IPv4 address", &remedy));
    };
    let mut addresses = found.addresses.iter();
    let own = addresses.find(|(address, _)| *address == ip.value);
    own.copied().ok_or_else(|| {
        let has: Vec<String> = found
            .addresses
            .iter()
            .map(|(address, prefix)| format!("{address}/{prefix}"))
            .collect();
        let has = match has.is_empty() {
            true => "no IPv4 address".to_owned(),
            false => has.join(", "),
        };
        let name = &found.name;
        let what = format!("boottorrent.host_ip is not an address of {name}, which has {has}");
        let remedy = match found.addresses.first() {
            Some((address, _)) => format!("write host_ip: {address}, or remove the line"),
            None => format!("give it one: ip address add {}/24 dev {name}", ip.value),
        };
        let problem = Problem::error(asked.file, what, remedy);
        problem.at(ip.line).found(ip.value.to_string())
    })
}

impl Asked<'_> {
    /// A problem at the place where the interface was named.
    fn problem(&self, by: By<'_>, what: &str, remedy: &str) -> Problem {
        let problem = match by {
            By::Flag(_) => Problem::error("--iface", what, remedy),
            By::File(name) => {
                let what = format!("dnsmasq.interface {what}");
                Problem::error(self.file, what, remedy).at(name.line)
            }
            By::Itself(_) => Problem::error("interface", what, remedy),
        };
        problem.found(by.name())
    }
}

impl<'a> By<'a> {
    fn name(self) -> &'a str {
        match self {
            By::Flag(name) | By::Itself(name) => name,
            By::File(name) => &name.value,
        }
    }
}

/// The interfaces that could serve a room, for a remedy: `eth0 (10.0.0.1/24), eth1 (no address)`.
fn candidates(seen: &[Seen]) -> String {
    let list: Vec<String> = seen
        .iter()
        .filter(|interface| interface.kind != Kind::Loopback && interface.mac.is_some())
        .map(|interface| match interface.addresses.first() {
            Some((address, prefix)) => format!("{} ({address}/{prefix})", interface.name),
            None => format!("{} (no address)", interface.name),
        })
        .collect();
    if list.is_empty() {
        "this machine has none".to_owned()
    } else {
        list.join(", ")
    }
}

#[cfg(test)]
mod tests;
