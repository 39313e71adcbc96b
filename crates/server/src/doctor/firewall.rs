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
    /// Whether the manager of the kernel's rules lets machines in to a door, where it says so. It is asked where the rules
    /// compare what only a packet shows: those of ufw begin with the kind of the address that a packet is for.
    fn manager_lets_in(&self, ruleset: &Ruleset, interface: &str, door: &Door) -> Option<bool> {
        if ruleset.has("firewalld") {
            let (_, zone) = self.firewalld.as_ref()?;
            return Some(zone.as_ref()?.lets_in(door.protocol, door.port));
        }
        let ufw = self.ufw.as_ref().filter(|ufw| !ufw.rules.is_empty())?;
        ruleset
            .has("ufw-")
            .then(|| ufw_lets_in(ufw, interface, door.protocol, door.port))
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
    let (mut closed, mut unsure) = (Vec::new(), Vec::new());
    let (mut closing, mut doubtful) = (None, None);
    for door in doors {
        match fate(door.protocol, door.port, false) {
            Fate::Passes => {}
            Fate::Dropped(chain) => {
                closed.push(*door);
                closing.get_or_insert(chain);
            }
            Fate::MayBeDropped(chain) => match read.manager_lets_in(ruleset, interface, door) {
                Some(true) => {}
                Some(false) => {
                    closed.push(*door);
                    closing.get_or_insert(chain);
                }
                None => {
                    unsure.push(door.port());
                    doubtful.get_or_insert(chain);
                }
            },
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
    if let Some(chain) = doubtful {
        let what = format!(
            "{chain} may drop {}, by what only a packet itself shows",
            unsure.join(" ")
        );
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

/// Who made the rules: firewalld and ufw are known by the names of their tables and chains.
fn manager(read: &Read, ruleset: &Ruleset, chain: ChainName) -> Manager {
    if let Some((zone, _)) = read.firewalld.as_ref().filter(|_| ruleset.has("firewalld")) {
        Manager::Firewalld(zone.clone())
    } else if ruleset.has("firewalld") {
        Manager::Firewalld("public".to_owned())
    } else if ruleset.has("ufw-") {
        Manager::Ufw
    } else if chain.family == "ip" && chain.table == "filter" && chain.name == "INPUT" {
        Manager::Iptables("iptables")
    } else {
        Manager::Nft(chain)
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
