//! What a person reads at the start and at the end of a run. Text only: it decides nothing.

use std::fmt::Write as _;
use std::io::Write as _;

use catalog::memory::Need;
use catalog::{Boot, Method};
use comfy_table::{ContentArrangement, Table, presets};
use pxe::wire::Role;
use report::Step;

use crate::check::LoadedSystem;
use crate::doors::wire;
use crate::journal::{Dropped, Machine, Snapshot};
use crate::plan::{Network, Plan};

/// The one screen that says what runs now, in one of the plan's networks. Where there are several, what holds for all
/// of them is told once, by the first that is ready.
pub fn ready(plan: &Plan, network: &Network, role: Option<&Role>, is_first: bool) {
    let interface = &network.interface;
    let address = interface.address;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "bt-server {} on {}, {address}/{}",
        env!("CARGO_PKG_VERSION"),
        interface.name,
        interface.prefix
    );
    if !interface.has_address {
        let name = &interface.name;
        let _ = writeln!(
            text,
            "  lent   {name} had no address: it has this one until the end of the run"
        );
    }
    let dhcp = dhcp(network, role);
    let _ = writeln!(text, "  DHCP   {dhcp}");
    let _ = writeln!(
        text,
        "  TFTP   {}",
        if plan.ports.tftp {
            format!("{address}:69")
        } else {
            "off".into()
        }
    );
    let tracker = if network.announce.is_some() {
        "with the tracker"
    } else {
        "tracker off"
    };
    let _ = writeln!(
        text,
        "  HTTP   {}/api/v1/machines, {tracker}",
        network.manifest.server
    );
    let _ = writeln!(text, "  seed   {address}:{}", plan.ports.peer);
    if is_first {
        text += &of_all(plan);
    }
    text += "ready: switch the machines on. Ctrl-C ends and prints what each machine did.\n";
    print(&text);
}

/// What holds for all networks.
fn of_all(plan: &Plan) -> String {
    let mut text = String::new();
    match &plan.user {
        Some(user) => {
            let _ = writeln!(
                text,
                "  user   {} (uid {}), no capability kept",
                user.name, user.uid
            );
        }
        None => {
            let _ = writeln!(text, "  user   unchanged: not started as root");
        }
    }
    text + &systems(plan)
}

/// Which role it took, and why.
fn dhcp(network: &Network, role: Option<&Role>) -> String {
    let address = network.interface.address;
    match role {
        Some(Role::Full) => {
            let (first, last) = network.range;
            format!("full server, gives {first} to {last} but its own; nobody else answered")
        }
        Some(Role::Proxy { why }) => format!("proxy, gives no addresses: {why}"),
        Some(Role::Second { first }) => {
            format!(
                "silent: the bt-server at {first} boots this room, and this one is a second seed"
            )
        }
        Some(Role::SameWire { served_from }) => {
            format!("silent: {}", wire::same_wire(*served_from))
        }
        None => format!(
            "off; the other server must name next-server {address} and file pxelinux.0 or lpxelinux.0"
        ),
    }
}

/// Writes to standard output. A reader that went away (`bt-server | head`) must not end the server.
pub fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// What can be booted, and what starts by itself.
#[must_use]
pub fn systems(plan: &Plan) -> String {
    let mut text = String::new();
    for one in &plan.systems {
        let system = &one.system;
        let (name, method) = (&system.dispname, system.method.name());
        let _ = match system.method {
            // Nothing is fetched, and the machine leaves phase 1.
            Method::Local => writeln!(text, "  boots  {name} ({method})"),
            _ => writeln!(
                text,
                "  boots  {name} ({method}, {}; on machines with {} of memory or more)",
                report::bytes(one.size()),
                report::bytes(need(plan, one).installed()),
            ),
        };
        if system.method_line.is_none() {
            let _ = writeln!(text, "         by its files: {}", inferred(&system.method));
        }
    }
    if plan.who.others == Boot::Local {
        text += "  menu   for machines that the section machines names; the others go on with their own disks\n";
        return text + &who(plan);
    }
    let manifest = &plan.first().manifest;
    let name = manifest.default.as_ref();
    let shown = plan
        .systems
        .iter()
        .map(|s| &s.system)
        .find(|s| Some(&s.name) == name)
        .map(|s| &s.dispname);
    let _ = match (shown, manifest.timeout) {
        (Some(name), 0) => writeln!(text, "  menu   starts {name} at once"),
        (Some(name), seconds) if seconds > 0 => {
            writeln!(text, "  menu   starts {name} after {seconds} s")
        }
        _ => writeln!(
            text,
            "  menu   waits for a person; set default_os in Boottorrent.yaml to start one by itself"
        ),
    };
    text + &who(plan)
}

/// What a system takes of a machine's memory, with QEMU's layer where it starts in that.
fn need(plan: &Plan, one: &LoadedSystem) -> Need {
    let layer = match one.system.method {
        Method::Qemu { .. } => plan.first().shelf.qemu().map_or(0, |image| image.len()),
        _ => 0,
    };
    one.need().beside(layer as u64)
}

/// How a system starts that has no config.yaml to say so.
fn inferred(method: &Method) -> String {
    match method {
        Method::Kexec { kernel, initrd, .. } => {
            format!("kernel {kernel}, initrd {}", initrd.join(", "))
        }
        Method::Qemu { args } => format!("QEMU {args}"),
        Method::Bin { bin, args } => format!("program {bin} {args}").trim_end().to_owned(),
        Method::Local => "this machine's own disk".to_owned(),
    }
}

/// For whom something is different; nothing where nothing is.
fn who(plan: &Plan) -> String {
    let rules = &plan.who.rules;
    let kinds = [
        (Boot::Once, "once"),
        (Boot::Local, "own disk"),
        (Boot::Ignore, "ignore"),
    ];
    let counted = kinds.into_iter().filter_map(|(boot, name)| {
        let count = rules.iter().filter(|rule| rule.boot == boot).count();
        (count > 0).then(|| format!(", {name} {count}"))
    });
    let others = match plan.who.others {
        Boot::Ignore => "; all others are ignored",
        _ => "",
    };
    match (rules.len(), others) {
        (0, "") => String::new(),
        (entries, _) => {
            let kinds: String = counted.collect();
            format!("  who    entries for machines {entries}{kinds}{others}\n")
        }
    }
}

/// The table of all machines at the end of a run.
#[must_use]
pub fn table(history: &Snapshot) -> String {
    let mut text = String::new();
    if history.machines.is_empty() {
        text += "no machine asked for anything\n";
    } else {
        let mut table = Table::new();
        table
            .load_style(presets::UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header([
            "machine",
            "address",
            "state",
            "first seen",
            "menu",
            "fetched",
            "started",
            "from server",
            "from machines",
            "gave",
        ]);
        for machine in &history.machines {
            table.add_row(row(machine, history));
        }
        let _ = writeln!(text, "{table}");
    }
    if !history.dropped.is_empty() {
        let list: Vec<String> = history.dropped.iter().map(Dropped::to_string).collect();
        let _ = writeln!(text, "dropped: {}", list.join(", "));
    }
    text
}

fn row(machine: &Machine, history: &Snapshot) -> [String; 10] {
    let at = |wanted: fn(&Step) -> bool| {
        let found = machine.steps.iter().rev().find(|told| wanted(&told.step));
        found.map_or("-".to_owned(), |told| {
            format!("{:.1} s", told.at_ms as f64 / 1000.0)
        })
    };
    let first = machine.steps.first().map_or("-".to_owned(), |told| {
        format!("{:.1} s", told.at_ms as f64 / 1000.0)
    });
    // What machines report is theirs to invent: no sum may overflow.
    let sum = |from_server: bool| {
        let sources = machine.sources.iter();
        let those =
            sources.filter(|source| history.servers.contains(&source.address) == from_server);
        those.fold(0, |sum: u64, source| sum.saturating_add(source.bytes))
    };
    let mac = machine.mac.map(|mac| mac.to_string());
    let mac = mac.unwrap_or_else(|| "unknown".to_owned());
    [
        match &machine.name {
            Some(name) => format!("{name} {mac}"),
            None => mac,
        },
        machine
            .address
            .map_or("-".to_owned(), |address| address.to_string()),
        machine.state.clone(),
        first,
        at(|step| matches!(step, Step::Menu { .. })),
        at(|step| matches!(step, Step::Fetched { .. })),
        at(|step| matches!(step, Step::Starting { .. })),
        report::bytes(sum(true)),
        report::bytes(sum(false)),
        report::bytes(machine.uploaded),
    ]
}
