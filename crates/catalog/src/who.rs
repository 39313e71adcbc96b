//! Who boots, and as what: the entries of `machines`, each complete with what wider ones and the room's settings
//! say, so that the one with the longest pattern is all that has to be looked at.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use report::MacPattern;

use crate::first::{default_of, named};
use crate::settings::{Boot, MachineRule, Unknown};
use crate::{Method, Placed, Problem, Settings, System, nearest::nearest};

/// The rules of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WhoBoots {
    /// For machines that an entry fits: the longest pattern's holds.
    pub rules: Vec<MachineTold>,
    /// For all others. They get the room's default and timeout.
    pub others: Boot,
}

/// All that holds for one machine, or for all that a pattern fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineTold {
    /// Whom it is for.
    pub pattern: MacPattern,
    /// Its name.
    pub name: Option<String>,
    /// The address that is kept for it.
    pub address: Option<Ipv4Addr>,
    /// Folder name of the system that starts by itself.
    pub default: Option<String>,
    /// Seconds the menu waits; negative for ever, as where nothing is the default.
    pub timeout: i64,
    /// Whether it boots from here.
    pub boot: Boot,
}

/// What the settings come to with these systems.
///
/// A machine whose default is a system of method `local`, and starts by itself, is left to its own disk: that is
/// decided before it fetches anything, because a kernel that runs cannot give the machine back to its firmware.
pub fn who_boots(settings: &Settings, systems: &[System]) -> WhoBoots {
    of_all(settings, &systems.iter().collect::<Vec<_>>())
}

fn of_all(settings: &Settings, systems: &[&System]) -> WhoBoots {
    let room = default_of(settings, systems);
    let written = Written::of(settings);
    let told = |rule: &MachineRule| {
        let pattern = rule.pattern.value;
        let os = written.said(pattern, |rule| rule.os.as_ref());
        let default = os.and_then(|os| named(&os.value, systems)).or(room);
        let timeout = written.said(pattern, |rule| rule.timeout);
        let timeout = default.map_or(-1, |_| timeout.unwrap_or(settings.timeout).value);
        let boot = written.said(pattern, |rule| rule.boot);
        let boot = boot.map_or(Boot::default(), |boot| boot.value);
        MachineTold {
            pattern,
            name: rule.name.as_ref().map(|name| name.value.clone()),
            address: rule.address.map(|address| address.value),
            default: default.map(|system| system.name.clone()),
            timeout,
            boot: match boot {
                Boot::Always | Boot::Once if is_own_disk(default, timeout) => Boot::Local,
                boot => boot,
            },
        }
    };
    WhoBoots {
        rules: settings.machines.rules.iter().map(told).collect(),
        others: match settings.machines.unknown.map(|unknown| unknown.value) {
            Some(Unknown::Ignore) => Boot::Ignore,
            _ if is_own_disk(room, settings.timeout.value) => Boot::Local,
            _ => Boot::Always,
        },
    }
}

/// A menu that waits for ever is there to be looked at, whatever it shows first.
fn is_own_disk(default: Option<&System>, timeout: i64) -> bool {
    default.is_some_and(|system| system.method == Method::Local) && timeout >= 0
}

/// The entries by whom they are for.
struct Written<'a>(BTreeMap<MacPattern, &'a MachineRule>);

impl<'a> Written<'a> {
    fn of(settings: &'a Settings) -> Self {
        let rules = settings.machines.rules.iter();
        Written(rules.map(|rule| (rule.pattern.value, rule)).collect())
    }

    /// What the longest pattern says that says anything, of those that fit all that `pattern` does.
    fn said<T>(
        &self,
        pattern: MacPattern,
        key: impl Fn(&'a MachineRule) -> Option<T>,
    ) -> Option<T> {
        let mut rules = pattern.and_wider().filter_map(|wider| self.0.get(&wider));
        rules.find_map(|rule| key(rule))
    }
}

/// What shows only when all entries are seen at once.
pub(crate) fn among_themselves(file: &str, settings: &Settings) -> Vec<Problem> {
    let written = Written::of(settings);
    let mut problems = Vec::new();
    for rule in &settings.machines.rules {
        let boot = written.said(rule.pattern.value, |rule| rule.boot);
        if rule.boot.is_none()
            && let Some(Placed {
                value: Boot::Ignore,
                line: Some(line),
            }) = boot
        {
            let what = format!(
                "machines.list has an entry for what line {line} ignores, so it has no effect"
            );
            let remedy = "write boot: always in this entry, or remove it";
            let problem = Problem::warning(file, what, remedy).at(rule.pattern.line);
            problems.push(problem.found(rule.pattern.value.to_string()));
        }
    }
    let all = settings.machines.rules.iter();
    let all = all
        .map(|rule| rule.pattern)
        .find(|p| p.value == MacPattern::ALL);
    if let (Some(all), Some(unknown)) = (all, settings.machines.unknown)
        && unknown.value == Unknown::Ignore
    {
        let line = all.line.unwrap_or_default();
        let what =
            format!("machines.unknown has no effect: the entry in line {line} fits every machine");
        let remedy = "remove one of the two";
        problems.push(
            Problem::warning(file, what, remedy)
                .at(unknown.line)
                .found("ignore"),
        );
    }
    problems
}

/// What entries say of systems that does not fit those there are.
pub(crate) fn with_systems(settings: &Settings, file: &str, systems: &[&System]) -> Vec<Problem> {
    if systems.is_empty() {
        return Vec::new();
    }
    let rules = settings.machines.rules.iter();
    let os = rules.clone().filter_map(|rule| rule.os.as_ref());
    let unknown = os.filter(|os| named(&os.value, systems).is_none());
    let mut problems: Vec<Problem> = unknown
        .map(|os| no_such_system(settings, file, systems, os))
        .collect();
    let told = of_all(settings, systems);
    for (rule, told) in rules.zip(&told.rules) {
        let timeout = rule.timeout.filter(|seconds| seconds.value >= 0);
        if let (Some(timeout), None, None) = (timeout, &told.default, &rule.os) {
            let what =
                "machines.list.timeout has no effect: nothing says which of several systems starts";
            let remedy = "write os: in this entry, or default_os: in the section boottorrent";
            let problem = Problem::warning(file, what, remedy).at(timeout.line);
            problems.push(problem.found(timeout.value.to_string()));
        }
    }
    let boots = |boot: Boot| matches!(boot, Boot::Always | Boot::Once);
    if told.others == Boot::Local && !told.rules.iter().any(|rule| boots(rule.boot)) {
        let what = "no machine boots: the system that starts by itself is each machine's own disk";
        let remedy =
            "write another default_os, name another os: in the section machines, or timeout: -1";
        let line = settings.default_os.as_ref().and_then(|named| named.line);
        problems.push(Problem::warning(file, what, remedy).at(line));
    }
    problems
}

fn no_such_system(
    settings: &Settings,
    file: &str,
    systems: &[&System],
    os: &Placed<String>,
) -> Problem {
    let names = || systems.iter().map(|system| system.dispname.as_str());
    let folders = systems.iter().map(|system| system.name.as_str());
    let remedy = match nearest(&os.value, names().chain(folders)) {
        Some(near) => format!("write os: {near}"),
        None => format!(
            "write the folder's name or the dispname of one of: {}",
            names().collect::<Vec<_>>().join(", ")
        ),
    };
    let what = match settings.display_oss.is_empty() {
        true => "machines.list.os names no system",
        false => "machines.list.os names no system that display_oss offers",
    };
    let problem = Problem::error(file, what, remedy).at(os.line);
    problem.found(&os.value)
}

/// Addresses of machines and gateways that an interface with these addresses (and prefix lengths) cannot serve.
/// `first` and `last` are those that a machine can have there.
pub(crate) fn on_interface(
    settings: &Settings,
    file: &str,
    interface: &str,
    addresses: &[(Ipv4Addr, u8)],
    (first, last): (Ipv4Addr, Ipv4Addr),
) -> Vec<Problem> {
    let lan = &settings.network;
    let here = |host: Ipv4Addr| {
        let mut subnets = addresses
            .iter()
            .map(|&(own, prefix)| crate::range::hosts(own, prefix));
        subnets.any(|(first, last)| (first..=last).contains(&host))
    };
    let own = |host: Ipv4Addr| addresses.iter().any(|(own, _)| *own == host);
    let gateway = |host: Ipv4Addr| {
        let relayed = lan.subnets.iter().filter_map(|subnet| subnet.value.router);
        lan.router
            .map(|router| router.value)
            .into_iter()
            .chain(relayed)
            .any(|router| router == host)
    };
    let mut problems = Vec::new();
    let mut refuse = |placed: &Placed<Ipv4Addr>, what: String, remedy: String| {
        let problem = Problem::error(file, what, remedy).at(placed.line);
        problems.push(problem.found(placed.value.to_string()));
    };
    if let Some(router) = lan.router.filter(|router| !here(router.value)) {
        let what = format!(
            "network.router is not inside the subnet of {interface}, so that machines cannot reach it"
        );
        let remedy = format!("choose an address from {first} to {last}, or remove the line");
        refuse(&router, what, remedy);
    }
    for reserved in settings
        .machines
        .rules
        .iter()
        .filter_map(|rule| rule.address)
    {
        let host = reserved.value;
        let relayed = lan.subnets.iter().any(|subnet| subnet.value.holds(host));
        let free = format!("choose another address from {first} to {last}");
        if own(host) {
            refuse(
                &reserved,
                "machines.list.address is this server's own".to_owned(),
                free,
            );
        } else if gateway(host) {
            refuse(
                &reserved,
                "machines.list.address is the router's".to_owned(),
                free,
            );
        } else if !here(host) && !relayed {
            let what = format!("machines.list.address is not inside the subnet of {interface}");
            let remedy = format!(
                "choose an address from {first} to {last}, or add its subnet to network.subnets"
            );
            refuse(&reserved, what, remedy);
        }
    }
    for subnet in &lan.subnets {
        if addresses
            .iter()
            .any(|&(own, prefix)| subnet.value.overlaps(own, prefix))
        {
            let what = format!(
                "network.subnets holds the subnet of {interface} itself, which needs no relay agent"
            );
            let remedy = "remove the entry; dhcp_range in the section dnsmasq says which addresses are given there";
            let placed = Placed {
                value: subnet.value.network,
                line: subnet.line,
            };
            refuse(&placed, what, remedy.to_owned());
        }
    }
    problems
}
