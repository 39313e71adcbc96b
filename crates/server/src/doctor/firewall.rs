//! Whether a firewall keeps machines out, who manages it, and the exact command that opens it. Decides from what was
//! read; reads nothing.
//!
//! The kernel's own rules are what counts, wherever they can be read; the manager's are asked where they cannot. The
//! remedy is always in the manager's words, since it would undo what is done behind its back.

use super::finding::Finding;
use super::managers::{Ufw, Zone, ufw_lets_in};
use super::nft::{ChainName, Fate, Probe, Ruleset};
use super::ports::{Door, name};
use crate::holder::Protocol;

const ABOUT: &str = "firewall";
/// Any of the ports that TFTP sends its data from; machines answer there.
const DATA: u16 = 50_000;

/// What was read of firewalls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Read {
    /// The kernel's rules; nothing where nft is not installed or may not be asked.
    pub(crate) ruleset: Option<Ruleset>,
    /// firewalld's zone of the interface, where firewalld runs, and what it lets in.
    pub(crate) firewalld: Option<(String, Option<Zone>)>,
    /// ufw's rules, where it is switched on; empty where they may not be read.
    pub(crate) ufw: Option<Ufw>,
    /// `iptables-legacy -S INPUT`, where the kernel has tables of that kind, which nft does not show.
    pub(crate) legacy: Option<String>,
    /// `net.bridge.bridge-nf-call-iptables` for an interface that is a bridge: what passes from port to port passes the
    /// firewall too.
    pub(crate) bridge_filtered: bool,
}

impl Read {
    /// Whether the manager of a chain lets machines in to a door, where it says so; of other chains it knows nothing. It is
    /// asked where the rules compare what only a packet shows: those of ufw begin with the kind of the address that a packet
    /// is for.
    fn manager_lets_in(&self, owner: Owner, interface: &str, door: &Door) -> Option<bool> {
        match owner {
            Owner::Firewalld => {
                let (_, zone) = self.firewalld.as_ref()?;
                Some(zone.as_ref()?.lets_in(door.protocol, door.port))
            }
            Owner::Ufw => {
                let ufw = self.ufw.as_ref().filter(|ufw| !ufw.rules.is_empty())?;
                Some(ufw_lets_in(ufw, interface, door.protocol, door.port))
            }
            Owner::Nobody => None,
        }
    }
}

/// The manager that made a chain.
#[derive(Clone, Copy, Debug)]
enum Owner {
    Firewalld,
    Ufw,
    /// A person, or a program that is not known here.
    Nobody,
}

impl Owner {
    /// firewalld has a table of its own. ufw puts chains of its own below those of iptables' table filter.
    fn of(chain: &ChainName, ruleset: &Ruleset) -> Owner {
        let is_of_iptables =
            ["ip", "ip6"].contains(&chain.family.as_str()) && chain.table == "filter";
        let is_of_ufw = chain.name == "INPUT" || chain.name.starts_with("ufw-");
        if chain.table == "firewalld" {
            Owner::Firewalld
        } else if is_of_iptables && is_of_ufw && ruleset.has("ufw-") {
            Owner::Ufw
        } else {
            Owner::Nobody
        }
    }
}

/// Whose rules they are.
#[derive(Clone, Debug)]
enum Manager {
    Firewalld(String),
    Ufw,
    Iptables(&'static str),
    Nft(ChainName),
}

/// What is to be said of firewalls, for machines that come in by `interface` to these doors.
pub(crate) fn findings(read: &Read, interface: &str, doors: &[Door]) -> Vec<Finding> {
    // Other servers are listened for before any firewall, so port 68 may stay closed.
    let doors: Vec<&Door> = doors.iter().filter(|door| door.port != 68).collect();
    let mut findings = match (&read.ruleset, &read.firewalld, &read.ufw) {
        (Some(ruleset), ..) => by_the_kernel(read, ruleset, interface, &doors),
        (None, Some((zone, Some(rules))), _) => {
            let closed = |door: &&&Door| !rules.lets_in(door.protocol, door.port);
            closed_by(
                &Manager::Firewalld(zone.clone()),
                interface,
                doors.iter().filter(closed).copied(),
            )
        }
        (None, None, Some(ufw)) if !ufw.rules.is_empty() => {
            let closed = |door: &&&Door| !ufw_lets_in(ufw, interface, door.protocol, door.port);
            closed_by(
                &Manager::Ufw,
                interface,
                doors.iter().filter(closed).copied(),
            )
        }
        (None, Some((zone, None)), _) => vec![not_seen(
            &Manager::Firewalld(zone.clone()),
            interface,
            &doors,
        )],
        (None, None, Some(_)) => vec![not_seen(&Manager::Ufw, interface, &doors)],
        (None, None, None) => {
            let what =
                "the kernel's rules cannot be read: only root may, and nft must be installed";
            vec![
                Finding::note(ABOUT, what)
                    .remedy("run it with sudo; look yourself: sudo nft list ruleset"),
            ]
        }
    };
    if read.legacy.as_deref().is_some_and(drops) {
        let manager = Manager::Iptables("iptables-legacy");
        let what = format!(
            "{} has rules that drop, and they are not judged here",
            manager.name()
        );
        findings.push(Finding::warning(
            ABOUT,
            what,
            manager.opens(interface, &doors),
        ));
    }
    if findings.is_empty() {
        let ports: Vec<String> = doors.iter().map(|door| door.port()).collect();
        findings.push(Finding::ok(
            ABOUT,
            format!("machines are let in to {}", ports.join(" ")),
        ));
    }
    findings
}

fn by_the_kernel(read: &Read, ruleset: &Ruleset, interface: &str, doors: &[&Door]) -> Vec<Finding> {
    let fate = |protocol, port, answers| {
        ruleset.fate(&Probe {
            interface,
            protocol,
            port,
            answers,
        })
    };
    let mut closed = Vec::new();
    let mut closing = None;
    // Each with the doors that it may drop.
    let mut unsure: Vec<(ChainName, Vec<String>)> = Vec::new();
    for door in doors {
        let dropping = match fate(door.protocol, door.port, false) {
            Fate::Passes => continue,
            Fate::Dropped(chain) => Some(chain),
            Fate::MayBeDropped(chains) => {
                let asked = ask_managers(read, ruleset, interface, door, chains);
                for chain in asked.doubtful {
                    match unsure.iter_mut().find(|(known, _)| *known == chain) {
                        Some((_, ports)) => ports.push(door.port()),
                        None => unsure.push((chain, vec![door.port()])),
                    }
                }
                asked.closing
            }
        };
        if let Some(chain) = dropping {
            closed.push(*door);
            closing.get_or_insert(chain);
        }
    }
    let mut findings = Vec::new();
    if let Some(chain) = closing {
        let manager = manager(read, ruleset, chain);
        findings.extend(closed_by(&manager, interface, closed.into_iter()));
    }
    // Machines answer TFTP's data at ports that no rule can name.
    if let Fate::Dropped(chain) = fate(Protocol::Udp, DATA, true) {
        let what = format!(
            "{chain} drops answers to what this machine sent, so no file gets through by TFTP"
        );
        let remedy = format!("nft 'insert rule {chain} ct state established,related accept'");
        findings.push(Finding::error(ABOUT, what, remedy));
    }
    for (chain, ports) in unsure {
        let ports = ports.join(" ");
        let what = format!("{chain} may drop {ports}, by what only a packet itself shows");
        findings.push(Finding::note(ABOUT, what).remedy(format!("nft list chain {chain}")));
    }
    let between = Probe {
        interface,
        protocol: Protocol::Tcp,
        port: doors.last().map_or(0, |door| door.port),
        answers: false,
    };
    if read.bridge_filtered && ruleset.drops_forwarded(&between) {
        let what =
            format!("the firewall drops what machines on the bridge {interface} send each other");
        let remedy = "sysctl net.bridge.bridge-nf-call-iptables=0";
        findings.push(Finding::warning(ABOUT, what, remedy));
    }
    findings
}

/// What managers say of chains that may drop.
#[derive(Default)]
struct Asked {
    /// One that does, by its manager's word.
    closing: Option<ChainName>,
    /// Those that nobody knows about. None where one drops: then it is known.
    doubtful: Vec<ChainName>,
}

fn ask_managers(
    read: &Read,
    ruleset: &Ruleset,
    interface: &str,
    door: &Door,
    chains: Vec<ChainName>,
) -> Asked {
    let mut asked = Asked::default();
    for chain in chains {
        match read.manager_lets_in(Owner::of(&chain, ruleset), interface, door) {
            Some(true) => {}
            Some(false) => {
                let closing = Some(chain);
                let doubtful = Vec::new();
                return Asked { closing, doubtful };
            }
            None => asked.doubtful.push(chain),
        }
    }
    asked
}

/// Who made the rules of a chain: another one's command does not open it.
fn manager(read: &Read, ruleset: &Ruleset, chain: ChainName) -> Manager {
    match Owner::of(&chain, ruleset) {
        Owner::Firewalld => {
            let zone = read.firewalld.as_ref().map(|(zone, _)| zone.clone());
            Manager::Firewalld(zone.unwrap_or_else(|| "public".to_owned()))
        }
        Owner::Ufw => Manager::Ufw,
        Owner::Nobody
            if (&*chain.family, &*chain.table, &*chain.name) == ("ip", "filter", "INPUT") =>
        {
            Manager::Iptables("iptables")
        }
        Owner::Nobody => Manager::Nft(chain),
    }
}

fn closed_by<'d>(
    manager: &Manager,
    interface: &str,
    closed: impl Iterator<Item = &'d Door>,
) -> Vec<Finding> {
    let closed: Vec<&Door> = closed.collect();
    if closed.is_empty() {
        return Vec::new();
    }
    let ports: Vec<String> = closed.iter().map(|door| door.port()).collect();
    let what = format!(
        "{} keeps machines out of {}",
        manager.name(),
        ports.join(" ")
    );
    vec![Finding::error(
        ABOUT,
        what,
        manager.opens(interface, &closed),
    )]
}

fn not_seen(manager: &Manager, interface: &str, doors: &[&Door]) -> Finding {
    let what = format!(
        "{} is on, and this user may not see whom it lets in",
        manager.name()
    );
    let remedy = format!(
        "run it with sudo; or open what is needed: {}",
        manager.opens(interface, doors)
    );
    Finding::warning(ABOUT, what, remedy)
}

/// Does a listing of rules drop anything? `-P INPUT DROP`, or a rule that ends so.
fn drops(rules: &str) -> bool {
    let ends = ["-P INPUT DROP", "-j DROP", "-j REJECT"];
    rules
        .lines()
        .any(|line| ends.iter().any(|end| line.contains(end)))
}

impl Manager {
    fn name(&self) -> String {
        match self {
            Manager::Firewalld(zone) => format!("firewalld (zone {zone})"),
            Manager::Ufw => "ufw".to_owned(),
            Manager::Iptables(program) => (*program).to_owned(),
            Manager::Nft(chain) => format!("the chain {chain} of nftables"),
        }
    }

    /// The command that opens these doors to who comes in by `interface`, until the firewall is loaded anew.
    fn opens(&self, interface: &str, doors: &[&Door]) -> String {
        let ports = |protocol| {
            let those = doors.iter().filter(|door| door.protocol == protocol);
            those.map(|door| door.port.to_string()).collect::<Vec<_>>()
        };
        let both: Vec<(&str, Vec<String>)> = [Protocol::Udp, Protocol::Tcp]
            .into_iter()
            .map(|protocol| (name(protocol), ports(protocol)))
            .filter(|(_, ports)| !ports.is_empty())
            .collect();
        let each = |command: &dyn Fn(&str, &[String]) -> String, between: &str| {
            let commands: Vec<String> = both
                .iter()
                .map(|(protocol, ports)| command(protocol, ports))
                .collect();
            commands.join(between)
        };
        match self {
            Manager::Firewalld(zone) => {
                let added: String = doors
                    .iter()
                    .map(|door| format!(" --add-port={}", door.port()))
                    .collect();
                format!("firewall-cmd --zone={zone}{added}")
            }
            Manager::Ufw => each(
                &|protocol, ports| {
                    format!(
                        "ufw allow in on {interface} to any port {} proto {protocol}",
                        ports.join(",")
                    )
                },
                " && ",
            ),
            Manager::Iptables(program) => each(
                &|protocol, ports| {
                    let ports = ports.join(",");
                    format!(
                        "{program} -I INPUT -i {interface} -p {protocol} -m multiport --dports {ports} -j ACCEPT"
                    )
                },
                " && ",
            ),
            Manager::Nft(chain) => {
                let rules = each(
                    &|protocol, ports| {
                        let ports = ports.join(", ");
                        format!(
                            "insert rule {chain} iifname \"{interface}\" {protocol} dport {{ {ports} }} accept"
                        )
                    },
                    "; ",
                );
                format!("nft '{rules}'")
            }
        }
    }
}

#[cfg(test)]
mod tests;
