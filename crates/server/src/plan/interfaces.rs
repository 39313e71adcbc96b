//! The interfaces to serve on: each one that is named, or the only one that could be meant. And which words of the
//! file are about which of them, where they are several: an address or a range is about the interface in whose subnet it
//! lies, and a subnet behind a relay agent about the one that the way there begins at.

use std::net::Ipv4Addr;

use catalog::{Placed, Problem, Settings};
use pxe::wire::{Place, Wish};

use super::agree::dhcp;
use crate::host::Host;
use crate::interface::{self, Asked, Interface, Seen, private, routes};
use crate::options::Serve;

/// The interfaces, if they can give what is asked of them. At least one.
pub(super) fn interfaces(
    args: &Serve,
    settings: &Settings,
    file: &str,
    host: &Host,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Interface>> {
    let seen = match &host.interfaces {
        Ok(seen) => seen,
        Err(error) => {
            let what = format!("the kernel does not name its interfaces: {error}");
            problems.push(Problem::error("interface", what, "start with sudo"));
            return None;
        }
    };
    let named = named(args, settings);
    let alone = named.len() == 1;
    let mut found = Vec::new();
    for by in &named {
        let asked = Asked {
            flag: by.flag,
            named: by.file,
            host_ip: settings
                .host_ip
                .filter(|ip| alone || has(seen, by.name(), ip.value)),
            spare: spare(args, settings, host, (!alone).then_some(&found[..])),
            file,
        };
        match interface::choose(seen, &asked) {
            Ok(one) => found.push(one),
            Err(problem) => problems.push(problem),
        }
    }
    if found.len() < named.len() {
        return None;
    }
    match &found[..] {
        [one] => problems.extend(address_beside_another(args, one)),
        several => {
            problems.extend(address_for_several(args));
            problems.extend(overlapping(several));
        }
    }
    problems.extend(found.iter().filter_map(managed));
    let (names, addresses) = together(&found);
    problems.extend(catalog::on_interface(settings, file, &names, &addresses));
    Some(found)
}

/// A range of the file that is in the subnet of none of the interfaces.
pub(super) fn unfit_range(settings: &Settings, file: &str, all: &[Interface]) -> Option<Problem> {
    let (names, addresses) = together(all);
    catalog::range_on_interface(settings, file, &names, &addresses)
}

/// What to call all of them, and where they are.
fn together(all: &[Interface]) -> (String, Vec<(Ipv4Addr, u8)>) {
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    (names.join(" and "), all.iter().map(network).collect())
}

/// Who names an interface: the command line or the file, or neither, where the only one that could be meant is looked
/// for.
#[derive(Clone, Copy, Default)]
struct Named<'a> {
    flag: Option<&'a str>,
    file: Option<&'a Placed<String>>,
}

impl Named<'_> {
    fn name(&self) -> &str {
        let file = self.file.map(|name| name.value.as_str());
        self.flag.or(file).unwrap_or_default()
    }
}

/// Each interface that is named, once. The command line's hold, where there are any.
fn named<'a>(args: &'a Serve, settings: &'a Settings) -> Vec<Named<'a>> {
    let flags = args.iface.iter().map(|flag| Named {
        flag: Some(flag),
        file: None,
    });
    let file = settings
        .interface
        .iter()
        .filter(|_| args.iface.is_empty())
        .map(|name| Named {
            flag: None,
            file: Some(name),
        });
    let mut all: Vec<Named<'a>> = Vec::new();
    for one in flags.chain(file) {
        if all.iter().all(|before| before.name() != one.name()) {
            all.push(one);
        }
    }
    if all.is_empty() {
        all.push(Named::default());
    }
    all
}

fn has(seen: &[Seen], name: &str, ip: Ipv4Addr) -> bool {
    let mut named = seen.iter().filter(|one| one.name == name);
    named.any(|one| one.addresses.iter().any(|(address, _)| *address == ip))
}

/// The address that an interface without one is given: where the server might be the only one who gives addresses,
/// and nowhere else. The command line names it, or the file by what it says of the room, or it is a free one. Of
/// several interfaces these are `before`, and no two may be in one network.
fn spare(
    args: &Serve,
    settings: &Settings,
    host: &Host,
    before: Option<&[Interface]>,
) -> Option<(Ipv4Addr, u8)> {
    match dhcp(args, settings) {
        Some(Wish::Auto | Wish::Full) => {}
        Some(Wish::Proxy) | None => return None,
    }
    let range = settings.dhcp_range.map(|range| range.value);
    let in_range = range.and_then(|range| private::beside(range.start, range.end, range.netmask));
    let host_ip = settings.host_ip.map(|ip| {
        let prefix = in_range.map_or(24, |(_, prefix)| prefix);
        (ip.value, prefix)
    });
    let own = || {
        let seen = host.interfaces.iter().flatten();
        seen.flat_map(|one| one.addresses.iter().copied())
    };
    let taken = || own().chain(before.into_iter().flatten().map(network));
    let named = args.address.map(|named| (named.address, named.prefix));
    match named.or(host_ip).or(in_range) {
        // Another interface's: this one cannot have it too.
        Some((asked, _)) if before.is_none() && own().any(|(address, _)| address == asked) => None,
        Some(asked) if before.is_none() || taken().all(|one| !private::overlap(one, asked)) => {
            Some(asked)
        }
        _ => {
            let routes = host
                .routes
                .iter()
                .map(|route| (route.network, route.prefix));
            private::free(&taken().chain(routes).collect::<Vec<_>>())
        }
    }
}

fn network(interface: &Interface) -> (Ipv4Addr, u8) {
    (interface.address, interface.prefix)
}

/// An address on the command line that is not the one to be served on.
fn address_beside_another(args: &Serve, found: &Interface) -> Option<Problem> {
    let asked = args.address?;
    let name = &found.name;
    let has = network(found);
    if has == (asked.address, asked.prefix) {
        return None;
    }
    let what = format!(
        "is for an interface without one, and {name} has {}/{}",
        has.0, has.1
    );
    let remedy = format!(
        "leave it out, or take the other away: ip address del {}/{} dev {name}",
        has.0, has.1
    );
    let problem = Problem::error("--address", what, remedy);
    Some(problem.found(format!("{}/{}", asked.address, asked.prefix)))
}

fn address_for_several(args: &Serve) -> Option<Problem> {
    let asked = args.address?;
    let what = "is for one interface, and several are named";
    let remedy = "leave it out: each interface without an address gets a free one";
    let problem = Problem::error("--address", what, remedy);
    Some(problem.found(format!("{}/{}", asked.address, asked.prefix)))
}

/// Two interfaces in one network: machines there would be answered twice, and the kernel would answer from either.
fn overlapping(several: &[Interface]) -> Option<Problem> {
    let pairs = several.iter().enumerate();
    let mut pairs = pairs.flat_map(|(at, one)| several[at + 1..].iter().map(move |two| (one, two)));
    let (one, two) = pairs.find(|(one, two)| private::overlap(network(one), network(two)))?;
    let what = format!("{} and {} are in one network", one.name, two.name);
    let remedy =
        "serve on one of them, or give the other an address in a network of its own".to_owned();
    let shown = [one, two].map(|one| format!("{}/{}", one.address, one.prefix));
    Some(Problem::error("interface", what, remedy).found(shown.join(", ")))
}

/// Somebody who will take the address away again that the server gives the interface.
fn managed(found: &Interface) -> Option<Problem> {
    let manager = found.manager.filter(|_| !found.has_address)?;
    let name = &found.name;
    let what = format!(
        "{} cares for {name} and may take away the address that it gets for this run",
        manager.name()
    );
    let remedy = format!(
        "if machines lose the server, free {name} first: {}",
        manager.leave_alone(name)
    );
    Some(Problem::warning("interface", what, remedy))
}

/// What the interface says of the network it is in.
pub(super) fn place(host: &Host, interface: &Interface) -> Place {
    let mut seen = host.interfaces.iter().flatten();
    let seen = seen.find(|seen| seen.name == interface.name);
    let leased = seen.filter(|seen| seen.leased.contains(&interface.address));
    Place {
        leased: leased.map(|_| interface.address),
        gateway: routes::way_out(&host.routes, &interface.name),
    }
}

/// What of the file is about one interface of `all`.
#[derive(Clone, Debug, Default)]
pub(super) struct Share {
    /// The range to give away.
    pub(super) range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// The default gateway.
    pub(super) router: Option<Ipv4Addr>,
    /// Subnets behind relay agents.
    pub(super) subnets: Vec<pxe::RelayedSubnet>,
}

/// Shares out what the file says of networks: one for each of `all`, in their order.
pub(super) fn shares(
    settings: &Settings,
    file: &str,
    host: &Host,
    all: &[Interface],
    problems: &mut Vec<Problem>,
) -> Vec<Share> {
    let alone = all.len() == 1;
    let range = settings.dhcp_range.map(|range| range.value);
    let router = settings.network.router.map(|router| router.value);
    let share = |one: &Interface| Share {
        range: range
            .filter(|range| alone || range.fits(one.address, one.prefix))
            .map(|range| (range.start, range.end)),
        router: router.filter(|router| alone || private::overlap((*router, 32), network(one))),
        subnets: Vec::new(),
    };
    let mut shares: Vec<Share> = all.iter().map(share).collect();
    for subnet in &settings.network.subnets {
        let at = match alone {
            true => Some(0),
            false => leads_to(host, all, &subnet.value),
        };
        match at {
            Some(at) => shares[at].subnets.push(relayed(&subnet.value)),
            None => problems.push(no_way(subnet, file, all)),
        }
    }
    shares
}

/// The interface at which the way to a subnet begins.
fn leads_to(host: &Host, all: &[Interface], subnet: &catalog::Subnet) -> Option<usize> {
    let there = (subnet.network, subnet.prefix);
    let leads = |route: &&routes::Route| {
        let to = (route.network, route.prefix);
        route.prefix <= subnet.prefix && (route.prefix == 0 || private::overlap(to, there))
    };
    let route = host.routes.iter().filter(leads);
    let route = route.max_by_key(|route| route.prefix)?;
    all.iter().position(|one| one.name == route.interface)
}

fn no_way(subnet: &Placed<catalog::Subnet>, file: &str, all: &[Interface]) -> Problem {
    let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
    let names = names.join(" or ");
    let there = format!("{}/{}", subnet.value.network, subnet.value.prefix);
    let what = format!(
        "network.subnets holds a subnet to which no route leads by {names}, so that it is not known where its relay agent \
         asks"
    );
    let remedy = format!(
        "tell this computer the way: ip route add {there} via ROUTER dev {}",
        all[0].name
    );
    Problem::error(file, what, remedy)
        .at(subnet.line)
        .found(there)
}

fn relayed(subnet: &catalog::Subnet) -> pxe::RelayedSubnet {
    pxe::RelayedSubnet {
        network: subnet.network,
        prefix: subnet.prefix,
        range: subnet.range,
        router: subnet.router,
    }
}

#[cfg(test)]
mod tests;
