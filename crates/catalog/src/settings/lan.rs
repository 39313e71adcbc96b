//! The section `network`: what machines are told besides their address, and the subnets behind relay agents.

use std::net::Ipv4Addr;

use super::network::address;
use crate::{
    LeaseTime, Placed, Problem, Severity,
    range::{hosts, network},
    yaml::section::Section,
};

/// The section `network`. Everything is optional: a room needs none of it to boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Network {
    /// `router`: the default gateway that machines are told.
    pub router: Option<Placed<Ipv4Addr>>,
    /// `dns`: the name servers that machines are told.
    pub dns: Vec<Placed<Ipv4Addr>>,
    /// `ntp`: the time servers that machines are told.
    pub ntp: Vec<Placed<Ipv4Addr>>,
    /// `domain`: the domain that machines are told they are in.
    pub domain: Option<Placed<String>>,
    /// `lease`: how long an address is given for. See [`crate::Settings::lease`].
    pub lease: Option<Placed<LeaseTime>>,
    /// `subnets`: other subnets, whose machines reach this server through a relay agent.
    pub subnets: Vec<Placed<Subnet>>,
}

/// A subnet behind a relay agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// Its first address, which no machine has.
    pub network: Ipv4Addr,
    /// Its prefix length, 1 to 30.
    pub prefix: u8,
    /// The first and last address to give away there; without it, all of the subnet.
    pub range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// The default gateway of its machines.
    pub router: Option<Ipv4Addr>,
}

impl Subnet {
    /// Whether a machine can have this address there.
    pub fn holds(&self, address: Ipv4Addr) -> bool {
        let (first, last) = hosts(self.network, self.prefix);
        (first..=last).contains(&address)
    }

    /// Whether the two have addresses in common.
    pub(crate) fn overlaps(&self, other: Ipv4Addr, prefix: u8) -> bool {
        let shorter = self.prefix.min(prefix);
        network(self.network, shorter) == network(other, shorter)
    }
}

/// More name or time servers than anybody has; a reply must fit the smallest client.
const MOST_SERVERS: usize = 4;

/// `dhcp_range` is the line of a lease time that the section `dnsmasq` names.
pub(super) fn lan(
    mut section: Section<'_>,
    dhcp_range: Option<u64>,
    lan: &mut Network,
) -> Vec<Problem> {
    lan.router = written_address(&mut section, "router", "192.168.1.254");
    lan.dns = servers(&mut section, "dns");
    lan.ntp = servers(&mut section, "ntp");
    lan.domain = domain(&mut section);
    lan.lease = lease(&mut section, dhcp_range);
    let mut problems = Vec::new();
    for mut entry in section.sections("subnets") {
        let line = entry.line();
        let read = subnet(&mut entry);
        if let Some(subnet) = read {
            let overlapping =
                |other: &&Placed<Subnet>| subnet.overlaps(other.value.network, other.value.prefix);
            match lan.subnets.iter().find(overlapping) {
                Some(other) => {
                    let what = "has addresses in common with another entry";
                    let at = other.line.unwrap_or_default();
                    let remedy = format!("keep either this entry or the one in line {at}");
                    let shown = format!("{}/{}", subnet.network, subnet.prefix);
                    entry.refuse("subnet", &Placed { value: shown, line }, what, remedy);
                }
                None => lan.subnets.push(Placed {
                    value: subnet,
                    line,
                }),
            }
        }
        problems.extend(entry.finish(Severity::Error, |_| None));
    }
    problems.extend(section.finish(Severity::Error, |_| None));
    problems
}

/// One address, or nothing and a problem.
pub(super) fn written_address(
    section: &mut Section<'_>,
    key: &'static str,
    example: &str,
) -> Option<Placed<Ipv4Addr>> {
    let written = section.text(key, example)?;
    let found = host(written.value.trim());
    if found.is_none() {
        let remedy = format!("write for example {key}: {example}, or remove the line");
        section.refuse(key, &written, "must be an IPv4 address", remedy);
    }
    Some(Placed {
        value: found?,
        line: written.line,
    })
}

/// An address that a computer can have.
fn host(text: &str) -> Option<Ipv4Addr> {
    address(text).filter(|address| {
        !(address.is_unspecified()
            || address.is_loopback()
            || address.is_multicast()
            || address.is_broadcast())
    })
}

/// One address or a list of them.
fn servers(section: &mut Section<'_>, key: &'static str) -> Vec<Placed<Ipv4Addr>> {
    let example = "[192.168.1.254]";
    let written = section.texts(key, example);
    let mut servers = Vec::new();
    for written in written.map(|list| list.value).unwrap_or_default() {
        match host(written.value.trim()) {
            Some(address) => servers.push(written.map(|_| address)),
            None => {
                let remedy = format!("write for example {key}: {example}");
                section.refuse(key, &written, "must hold IPv4 addresses", remedy);
            }
        }
    }
    if let Some(line) = servers.get(MOST_SERVERS).map(|beyond| beyond.line) {
        let what = format!("names more than {MOST_SERVERS}, and machines are told no more");
        section.warn(key, line, &what, "remove the others");
        servers.truncate(MOST_SERVERS);
    }
    servers
}

/// A name as RFC 1035 has them (section 2.3.1), with digits in front too (RFC 1123, section 2.1).
fn domain(section: &mut Section<'_>) -> Option<Placed<String>> {
    let written = section.text("domain", "lab.example")?;
    let name = written.value.trim().trim_end_matches('.').to_owned();
    if name.len() <= 253 && name.split('.').all(is_label) {
        return Some(written.map(|_| name));
    }
    let what = "must be a domain: letters, digits and hyphens with points between them";
    section.refuse(
        "domain",
        &written,
        what,
        "write for example domain: lab.example",
    );
    None
}

/// One part of a name.
pub(super) fn is_label(label: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let edges = label.starts_with('-') || label.ends_with('-');
    (1..=63).contains(&label.len()) && label.chars().all(fits) && !edges
}

fn lease(section: &mut Section<'_>, dhcp_range: Option<u64>) -> Option<Placed<LeaseTime>> {
    let written = section.text("lease", "12h")?;
    let lease = match LeaseTime::parse(written.value.trim()) {
        Ok(lease) => lease,
        Err(wrong) => {
            let remedy = "write for example lease: 12h";
            section.refuse("lease", &written, &wrong.to_string(), remedy);
            return None;
        }
    };
    if let Some(line) = dhcp_range {
        let what =
            format!("is told twice: dnsmasq.dhcp_range in line {line} ends with a lease time too");
        let remedy = format!("remove this line, or the lease time in line {line}");
        section.refuse("lease", &written, &what, remedy);
    }
    Some(written.map(|_| lease))
}

fn subnet(entry: &mut Section<'_>) -> Option<Subnet> {
    let example = "10.78.0.0/24";
    let written = entry.text("subnet", example);
    let range = entry.text("range", "\"10.78.0.50,10.78.0.150\"");
    let router = written_address(entry, "router", "10.78.0.1");
    let Some(written) = written else {
        entry.lacks("subnet", "", format!("write for example subnet: {example}"));
        return None;
    };
    let Some((named, prefix)) = cidr(written.value.trim()) else {
        let what = "must be a subnet with a prefix length of 1 to 30";
        entry.refuse(
            "subnet",
            &written,
            what,
            format!("write for example subnet: {example}"),
        );
        return None;
    };
    let subnet = Subnet {
        network: network(named, prefix).into(),
        prefix,
        range: None,
        router: router.map(|router| router.value),
    };
    let (first, last) = hosts(subnet.network, prefix);
    if subnet.network != named {
        let what = "is the address of a machine, not of a subnet";
        let remedy = format!("write subnet: {}/{prefix}", subnet.network);
        entry.refuse("subnet", &written, what, remedy);
    }
    if let Some(router) = router.filter(|router| !subnet.holds(router.value)) {
        let what = "is not inside the subnet, so that its machines cannot reach it";
        let remedy = format!("choose an address from {first} to {last}, or remove the line");
        entry.refuse("router", &router, what, remedy);
    }
    let range = range.and_then(|range| {
        let ends = ends(&range.value).filter(|(from, to)| subnet.holds(*from) && subnet.holds(*to));
        if ends.is_none() {
            let what = "must be two addresses of the subnet, the lower one first";
            let remedy = format!("write for example range: \"{first},{last}\", or remove the line");
            entry.refuse("range", &range, what, remedy);
        }
        ends
    });
    Some(Subnet { range, ..subnet })
}

/// `10.78.0.0/24`.
fn cidr(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (written, prefix) = text.split_once('/')?;
    let digits = prefix.bytes().all(|b| b.is_ascii_digit());
    let prefix = prefix.parse().ok().filter(|_| digits);
    Some((
        address(written)?,
        prefix.filter(|length| (1..=30).contains(length))?,
    ))
}

/// `10.78.0.50,10.78.0.150`.
fn ends(text: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let (first, last) = text.split_once(',')?;
    let (first, last) = (address(first.trim())?, address(last.trim())?);
    (first <= last).then_some((first, last))
}
