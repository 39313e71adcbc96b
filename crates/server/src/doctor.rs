//! `bt-server doctor`: looks at this computer and at the wire, and says what keeps a room from booting, each with its
//! remedy. Changes nothing.
//!
//! In reading order: `finding` is what it says; `room` decides about interface, link, address and routes, `ports` about
//! ports, `firewall` about packet filters with `nft` and `managers`; `look` reads all they decide from. Whether
//! somebody else gives addresses is found out as the server itself does ([`crate::doors::wire`]), and what is in oss as
//! `bt-server check` does.

mod finding;
mod firewall;
mod look;
mod managers;
mod nft;
mod ports;
mod room;
mod vlan;

use std::collections::BTreeSet;
use std::io;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use catalog::Problem;
use clap::Args;
use pxe::wire::{Place, Role, Watch, Wish};
use report::Mac;

use crate::check::{self, Sources};
use crate::doors::wire::{self, Wire};
use crate::host::Host;
use crate::interface::{self, Seen, manager};
use crate::options::Serve;
use crate::plan::{self, Checked};
use crate::screen;

pub use finding::{Finding, Severity, Sheet};

/// Longer than the wire needs to be silent, so that every answer is one.
const LISTEN: Duration = Duration::from_secs(20);

/// What the doctor looks at: the run that is meant.
#[derive(Args, Clone, Debug, Default)]
#[command(
    after_help = "Run it as root, or it cannot look at the wire, at the firewall and at other users' programs.
Exit codes: 0 nothing is in the way (there may be warnings), 1 something is, 2 wrong command line"
)]
pub struct Doctor {
    /// The options of `start`, for the run that is meant.
    #[command(flatten)]
    pub serve: Serve,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// Examines, and prints what was found.
#[must_use]
pub fn run(args: &Doctor) -> ExitCode {
    let sheet = examine(args);
    let text = match args.json {
        true => serde_json::to_string_pretty(&sheet).unwrap_or_default() + "\n",
        false => sheet.to_string(),
    };
    screen::print(&text);
    match sheet.has_errors() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    }
}

/// Looks at everything that a run with these options would depend on.
#[must_use]
pub fn examine(args: &Doctor) -> Sheet {
    let host = Host::look();
    let mut sheet = Sheet::default();
    match &host.interfaces {
        Ok(seen) => {
            let named = args.named();
            for name in &named {
                match room::pick(seen, name.as_deref()) {
                    Ok(chosen) => {
                        sheet.interfaces.push(chosen.name.clone());
                        let unserved: Vec<Seen> = seen
                            .iter()
                            .filter(|one| !named.contains(&Some(one.name.clone())))
                            .cloned()
                            .collect();
                        let mut findings = room::interfaces(chosen, &unserved);
                        findings.extend(network(args, chosen, seen, &host));
                        let findings = findings.into_iter();
                        sheet
                            .findings
                            .extend(findings.map(|finding| match named.len() {
                                1 => finding,
                                _ => finding.of(&chosen.name),
                            }));
                    }
                    Err(finding) => sheet.findings.push(finding),
                }
            }
        }
        Err(error) => {
            let what = format!("the kernel does not name its interfaces: {error}");
            sheet
                .findings
                .push(Finding::error("interface", what, "run it with sudo"));
        }
    }
    sheet
        .findings
        .extend(files(plan::check_on(&args.serve, &host)));
    sheet
}

/// An interface of the room, and everything that packets meet on their way to the server.
fn network(args: &Doctor, chosen: &Seen, seen: &[Seen], host: &Host) -> Vec<Finding> {
    let name = &chosen.name;
    let now = interface::now(name).unwrap_or_default();
    let mut findings = Vec::new();
    findings.extend(look::vlan(name).map(|vlan| vlan::finding(name, &vlan)));
    findings.push(room::link(chosen, now.link, look::speed(chosen)));
    findings.push(room::address(chosen));
    findings.extend(room::managed(chosen));
    findings.extend(room::ways(
        chosen,
        seen,
        &host.routes,
        look::is_strict(name),
    ));

    let ports = plan::ports(&args.serve);
    let doors = ports::doors(ports);
    // What every port is tried at where there is no address yet: a server at any address would be in the way.
    let address = chosen
        .addresses
        .first()
        .map_or(Ipv4Addr::UNSPECIFIED, |(address, _)| *address);
    let looked: Vec<ports::Looked> = doors
        .iter()
        .map(|door| look::port(*door, name, address))
        .collect();
    findings.extend(ports::findings(&looked));
    findings.extend(firewall::findings(&look::firewalls(name), name, &doors));
    if ports.dhcp {
        findings.push(match (now.link, chosen.mac) {
            (true, Some(mac)) => {
                if !args.json {
                    eprintln!(
                        "listening on {name} for other DHCP servers, {} s",
                        pxe::wire::SILENCE.as_secs()
                    );
                }
                others(chosen, listen(name, Mac(mac), address))
            }
            _ => Finding::note(
                "DHCP",
                "without a link nobody can be asked who else gives addresses",
            ),
        });
    }
    findings
}

/// Asks the wire as the server does before it answers anybody.
fn listen(name: &str, mac: Mac, own: Ipv4Addr) -> io::Result<Option<Role>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let watch = Watch::new(Wish::Auto, Place::default(), own, mac);
        let seen = wire::Seen::nothing(name, mac, watch);
        let mut wire = Wire::new(wire::open(name)?, seen)?;
        let role = async {
            loop {
                if let Some(role) = wire.changed().await? {
                    return Ok(role);
                }
            }
        };
        tokio::time::timeout(LISTEN, role).await.ok().transpose()
    })
}

/// What the wire's answer means.
fn others(chosen: &Seen, heard: io::Result<Option<Role>>) -> Finding {
    let about = "DHCP";
    match heard {
        Ok(Some(Role::Full)) => Finding::ok(about, "nobody else gives addresses here"),
        Ok(Some(Role::Proxy { why })) if room::is_bare(chosen) => {
            let what = format!(
                "{why}, and {} has no address: bt-server does not take one itself there",
                chosen.name
            );
            let remedy = manager::ask_for_an_address(chosen.manager, &chosen.name);
            Finding::error(about, what, remedy)
        }
        Ok(Some(Role::Proxy { why })) => {
            let remedy = "nothing, if that server is to give the addresses; otherwise turn it off for this network";
            Finding::warning(
                about,
                format!("{why}; beside it bt-server is a proxy and gives none"),
                remedy,
            )
        }
        Ok(Some(Role::Second { first })) => {
            let what = format!(
                "another bt-server boots this room, {first}: this one would be a second seed"
            );
            Finding::note(about, what)
        }
        Ok(Some(Role::SameWire { served_from })) => {
            let what = wire::same_wire(served_from);
            Finding::warning(about, what, "name one of the two interfaces only")
        }
        Ok(None) => {
            let what = "the link did not stay up long enough to hear whether others give addresses";
            Finding::warning(about, what, "look again once it does")
        }
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let what = "whether others give addresses can only root find out";
            Finding::note(about, what).remedy("run it with sudo")
        }
        Err(error) => {
            let what = format!("whether others give addresses cannot be found out: {error}");
            Finding::warning(
                about,
                what,
                "put right what is wrong with ports and link, and look again",
            )
        }
    }
}

/// What there is to boot, as the user sees it who will serve it.
fn files(checked: Checked) -> Vec<Finding> {
    let Checked { plan, problems } = checked;
    let mut findings: Vec<Finding> = problems
        .iter()
        .filter(|problem| !of_the_interface(problem))
        .map(problem)
        .collect();
    if let Some(plan) = &plan {
        let size = report::bytes(plan.systems.iter().map(check::LoadedSystem::size).sum());
        let (count, who) = (plan.systems.len(), plan.user.as_ref());
        let who = who.map_or("this user".to_owned(), |user| format!("user {}", user.name));
        let plural = if count == 1 { "system" } else { "systems" };
        findings.push(Finding::ok(
            "files",
            format!("phase 1; {count} {plural}, {size}, readable by {who}"),
        ));
    }
    findings
}

/// What `network` has said in its own words.
fn of_the_interface(problem: &Problem) -> bool {
    matches!(problem.file.as_str(), "interface" | "--iface")
        || problem.what.starts_with("dnsmasq.interface")
}

fn problem(problem: &Problem) -> Finding {
    let line = problem
        .line
        .map_or_else(String::new, |line| format!(":{line}"));
    let found = problem.value.as_ref();
    let found = found.map_or_else(String::new, |value| format!(" (found: {value})"));
    let what = format!("{}{line}: {}{found}", problem.file, problem.what);
    match problem.is_error() {
        true => Finding::error("files", what, &problem.remedy),
        false => Finding::warning("files", what, &problem.remedy),
    }
}

impl Doctor {
    /// The interfaces that the command line or the configuration names, each once; or none, once, where the only one that
    /// could be meant is looked for.
    fn named(&self) -> Vec<Option<String>> {
        let mut named = self.serve.iface.clone();
        if named.is_empty() {
            let sources = Sources {
                config: self.serve.config.clone(),
                oss: self.serve.oss.clone(),
                as_user: None,
            };
            let settings = check::settings(&sources).settings;
            named.extend(settings.interface.into_iter().map(|name| name.value));
        }
        if named.is_empty() {
            return vec![None];
        }
        let mut before = BTreeSet::new();
        named.retain(|name| before.insert(name.clone()));
        named.into_iter().map(Some).collect()
    }
}
