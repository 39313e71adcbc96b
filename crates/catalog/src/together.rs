//! What only shows when the room's settings and all its systems are seen at once.

use std::net::Ipv4Addr;

use crate::{
    Placed, Problem, Settings, System,
    first::default_of,
    nearest::nearest,
    range::{hosts, netmask},
    who,
};

/// Whether a folder of oss is offered: `display_oss` names it, or does not say which are.
pub fn offered(settings: &Settings, folder: &str) -> bool {
    let mut names = settings.display_oss.iter();
    settings.display_oss.is_empty() || names.any(|name| name.value == folder)
}

/// What `display_oss` names that is not in oss, and what of oss it leaves out. `folders` are the names of all
/// folders there.
pub fn display_oss(settings: &Settings, settings_file: &str, folders: &[&str]) -> Vec<Problem> {
    let unknown = |name: &&Placed<String>| !folders.contains(&name.value.as_str());
    let mut problems: Vec<Problem> = settings
        .display_oss
        .iter()
        .filter(unknown)
        .map(|name| {
            let remedy = match nearest(&name.value, folders.iter().copied()) {
                Some(near) => format!("write {near}"),
                None => format!("write the name of a folder: {}", folders.join(", ")),
            };
            let what = "boottorrent.display_oss names a folder that is not in oss";
            let problem = Problem::error(settings_file, what, remedy);
            problem.at(name.line).found(&name.value)
        })
        .collect();
    let left_out = folders.iter().filter(|name| !offered(settings, name));
    let left_out: Vec<&str> = left_out.copied().collect();
    if let (Some(first), false) = (settings.display_oss.first(), left_out.is_empty()) {
        let what = "boottorrent.display_oss leaves out folders of oss, which are not offered";
        let remedy = "add their names, or remove display_oss to offer every folder";
        let problem = Problem::warning(settings_file, what, remedy);
        problems.push(problem.at(first.line).found(left_out.join(", ")));
    }
    problems
}

/// Everything wrong between the settings and the systems, each system with the file its problems
/// are shown under.
pub fn together(
    settings: &Settings,
    settings_file: &str,
    systems: &[(System, String)],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(same_dispname(systems));
    let alone: Vec<&System> = systems.iter().map(|(system, _)| system).collect();
    problems.extend(no_default(settings, settings_file, &alone));
    problems.extend(who::with_systems(settings, settings_file, &alone));
    problems
}

/// The menu shows nothing but dispnames: two alike cannot be told apart.
fn same_dispname(systems: &[(System, String)]) -> impl Iterator<Item = Problem> {
    systems
        .iter()
        .enumerate()
        .filter_map(|(at, (system, file))| {
            let first = |(other, _): &&(System, String)| other.dispname == system.dispname;
            let (_, taken_by) = systems[..at].iter().find(first)?;
            let what = format!("dispname is the same as in {taken_by}");
            let remedy = "give each system a dispname of its own";
            let problem = Problem::error(file, what, remedy);
            Some(problem.at(system.dispname_line).found(&system.dispname))
        })
}

fn no_default(settings: &Settings, file: &str, systems: &[&System]) -> Option<Problem> {
    if systems.is_empty() || default_of(settings, systems).is_some() {
        return None;
    }
    let names = || systems.iter().map(|system| system.dispname.as_str());
    if let Some(named) = &settings.default_os {
        let folders = systems.iter().map(|system| system.name.as_str());
        let near = nearest(&named.value, names().chain(folders));
        let remedy = match near {
            Some(near) => format!("write default_os: {near}"),
            None => format!(
                "write the folder's name or the dispname of one of: {}",
                names().collect::<Vec<_>>().join(", ")
            ),
        };
        let what = match settings.display_oss.is_empty() {
            true => "boottorrent.default_os names no system",
            false => "boottorrent.default_os names no system that display_oss offers",
        };
        let problem = Problem::error(file, what, remedy);
        return Some(problem.at(named.line).found(&named.value));
    }
    let example = names().next().unwrap_or_default();
    let remedy = format!("write below `boottorrent:` for example default_os: {example}");
    match settings.timeout.value {
        0 => {
            let what = "boottorrent.timeout starts the default at once, but no default_os says which of several systems that is";
            let problem = Problem::error(file, what, remedy);
            Some(problem.at(settings.timeout.line).found("0"))
        }
        1.. => {
            let what =
                "without boottorrent.default_os and with several systems the menu waits for ever";
            let problem = Problem::warning(
                file,
                what,
                format!("{remedy}, or timeout: -1 if waiting is meant"),
            );
            Some(problem.at(settings.timeout.line))
        }
        _ => None,
    }
}

/// A `dhcp_range` that is not inside a subnet of the interface: an error wherever this server is to give addresses.
/// Where another one gives them, nothing is given of it.
pub fn range_on_interface(
    settings: &Settings,
    settings_file: &str,
    interface: &str,
    addresses: &[(Ipv4Addr, u8)],
) -> Option<Problem> {
    let range = settings.dhcp_range.as_ref()?;
    let &(address, prefix) = addresses.first()?;
    let fits = |&(address, prefix): &(Ipv4Addr, u8)| range.value.fits(address, prefix);
    if addresses.iter().any(fits) {
        return None;
    }
    let (first, last) = hosts(address, prefix);
    let what =
        format!("dnsmasq.dhcp_range is not inside the subnet of {interface}, {address}/{prefix}");
    let remedy = format!("choose addresses from {first} to {last}, or remove the line");
    let found = format!("{} to {}", range.value.start, range.value.end);
    let problem = Problem::error(settings_file, what, remedy);
    Some(problem.at(range.line).found(found))
}

/// What the settings ask of an interface that its addresses (with prefix lengths) cannot give, whatever this server
/// turns out to be there; see [`range_on_interface`] for the rest.
pub fn on_interface(
    settings: &Settings,
    settings_file: &str,
    interface: &str,
    addresses: &[(Ipv4Addr, u8)],
) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(&(address, prefix)) = addresses.first() else {
        return problems;
    };
    let (first, last) = hosts(address, prefix);
    if let Some(host) = &settings.host_ip
        && addresses.iter().all(|(address, _)| *address != host.value)
    {
        let what = format!("boottorrent.host_ip is not an address of {interface}");
        let remedy = format!("write host_ip: {address}, or remove the line");
        let problem = Problem::error(settings_file, what, remedy);
        problems.push(problem.at(host.line).found(host.value.to_string()));
    }
    if let Some(range) = &settings.dhcp_range {
        let own = addresses.iter().map(|&(_, prefix)| netmask(prefix));
        if let Some(mask) = range.value.netmask
            && own.clone().all(|own| own != mask)
        {
            let what = format!(
                "dnsmasq.dhcp_range has another netmask than {interface}, whose netmask machines get"
            );
            let own = own.map(|own| own.to_string()).collect::<Vec<_>>();
            let remedy = format!("write {}, or leave the netmask out", own.join(" or "));
            let problem = Problem::warning(settings_file, what, remedy);
            problems.push(problem.at(range.line).found(mask.to_string()));
        }
    }
    let ends = (first, last);
    problems.extend(who::on_interface(
        settings,
        settings_file,
        interface,
        addresses,
        ends,
    ));
    problems
}
