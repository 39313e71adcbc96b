//! Where command line, file and computer must agree: the user, the ports and the range; for interfaces see
//! [`super::interfaces`]. Each problem is told at the place that asked for it.

use catalog::{Placed, Problem, Settings, Severity};
use pxe::Loader;
use pxe::wire::Wish;

use crate::bind::Ports;
use crate::check::LoadedSystem;
use crate::interface::Interface;
use crate::options::{Dhcp, Serve};
use crate::prepare::{starts_in_qemu, unfit_file};
use crate::shelf::Shelf;
use crate::user::{Unfit, User, Users};

/// The seed's port where the command line names none.
const PEER_PORT: u16 = 6881;

/// What is to be answered by DHCP; nothing at all where it is off.
pub(super) fn dhcp(args: &Serve, settings: &Settings) -> Option<Wish> {
    let written = settings.enable_dhcp.as_ref().map(|enable| enable.value);
    let from_file = match written {
        Some(false) => Dhcp::Off,
        Some(true) | None => Dhcp::Auto,
    };
    match args.dhcp.unwrap_or(from_file) {
        Dhcp::Auto => Some(Wish::Auto),
        Dhcp::Full => Some(Wish::Full),
        Dhcp::Proxy => Some(Wish::Proxy),
        Dhcp::Off => None,
    }
}

/// Which doors are opened, and where.
pub(super) fn ports(args: &Serve, settings: &Settings) -> Ports {
    let http = args.http_port.unwrap_or_else(|| settings.http_port());
    // Nobody asked for the seed's port: it makes way. The original had the tracker there without harm.
    let peer = if http == PEER_PORT {
        PEER_PORT + 1
    } else {
        PEER_PORT
    };
    Ports {
        dhcp: dhcp(args, settings).is_some(),
        tftp: settings.enable_tftp.value,
        http,
        peer: args.peer_port.unwrap_or(peer),
    }
}

/// Ports that cannot be had together, found before one of them is said to be in use by ourselves.
pub(super) fn ports_apart(
    args: &Serve,
    settings: &Settings,
    file: &str,
    ports: Ports,
) -> Option<Problem> {
    let named = settings.port.filter(|_| args.http_port.is_none());
    let (file, what) = match named {
        Some(_) => (file, "opentracker.port is the port of --peer-port too"),
        None => ("ports", "is the port of HTTP and of the seed alike"),
    };
    (ports.http == ports.peer).then(|| {
        Problem::error(file, what, "choose another --http-port or --peer-port")
            .at(named.and_then(|port| port.line))
            .found(ports.http.to_string())
    })
}

/// A loader of those that are fetched by TFTP, where nothing is.
pub(super) fn loader_without_tftp(
    args: &Serve,
    settings: &Settings,
    file: &str,
) -> Option<Problem> {
    let loader = match args.loader {
        Loader::Lpxelinux => "lpxelinux",
        Loader::Pxelinux => "pxelinux",
        Loader::Shim => "shim",
        Loader::Auto | Loader::Ipxe => return None,
    };
    if settings.enable_tftp.value {
        return None;
    }
    let what = format!("dnsmasq.enable_tftp is off, and --loader {loader} is fetched by TFTP");
    let remedy = "write enable_tftp: True, or leave out --loader";
    let problem = Problem::error(file, what, remedy);
    Some(problem.at(settings.enable_tftp.line).found("False"))
}

/// The user who serves.
pub(super) fn user(
    args: &Serve,
    settings: &Settings,
    file: &str,
    users: &Users,
) -> Result<Option<User>, Problem> {
    let named = settings.user.as_ref().filter(|_| args.user.is_none());
    let wanted = args.user.as_deref();
    let wanted = wanted.or(named.map(|name| name.value.as_str()));
    users.target(wanted).map_err(|error| match (error, named) {
        (error @ Unfit::Unreadable(_), _) => {
            let remedy = "run `chmod a+r /etc/passwd`, or start with sudo as an ordinary user";
            Problem::error("user", error.to_string(), remedy)
        }
        (error, Some(name)) => {
            let what = format!("dnsmasq.user cannot be had: {error}");
            let remedy = "write user: nobody, or remove the line";
            let problem = Problem::error(file, what, remedy).at(name.line);
            problem.found(&name.value)
        }
        (error, None) => {
            let remedy = "name an ordinary user of this machine with --user";
            Problem::error("user", error.to_string(), remedy)
        }
    })
}

/// Systems that start in QEMU, where this phase 1 has none: everything else can be booted all the same.
pub(super) fn guests_without_qemu(systems: &[LoadedSystem], shelf: &Shelf) -> Vec<Problem> {
    let guests = systems.iter().filter(|one| starts_in_qemu(&one.system));
    let problem = |one: &LoadedSystem| {
        let what = "starts in QEMU, and this bt-server was built without it: machines cannot start this system";
        let remedy = "build it with `cargo xtask dist`, or name with --phase1 what `cargo xtask phase1` made";
        Problem::warning(&one.config, what, remedy).at(one.system.method_line)
    };
    match shelf.qemu() {
        Some(_) => Vec::new(),
        None => guests.map(problem).collect(),
    }
}

/// Systems whose kernel or program no machine of this room can run: the menu shows them, and why not.
pub(super) fn unfit(systems: &[LoadedSystem]) -> Vec<Problem> {
    let problem = |one: &LoadedSystem| {
        let what = format!("no machine can start this system: {}", unfit_file(one)?);
        let remedy = "put one for 64-bit PCs into the folder";
        Some(Problem::warning(&one.config, what, remedy).at(one.system.method_line))
    };
    systems.iter().filter_map(problem).collect()
}

/// What the command line says although the file says something else.
pub(super) fn told_twice(args: &Serve, settings: &Settings, file: &str) -> Vec<Problem> {
    let named = |flag: &String| settings.interface.iter().any(|name| name.value == *flag);
    let other_interface = !args.iface.iter().all(named);
    let interface = settings.interface.first().filter(|_| other_interface);
    // Each flag, the key it beats, and where the file says something else.
    let said = [
        (
            "--iface",
            "dnsmasq.interface",
            interface.map(|name| name.line),
        ),
        (
            "--http-port",
            "opentracker.port",
            differs(settings.port.as_ref(), args.http_port.as_ref()),
        ),
        (
            "--user",
            "dnsmasq.user",
            differs(settings.user.as_ref(), args.user.as_ref()),
        ),
        (
            "--dhcp",
            "dnsmasq.enable_dhcp",
            differs(
                settings.enable_dhcp.as_ref(),
                args.dhcp.map(|mode| mode != Dhcp::Off).as_ref(),
            ),
        ),
    ];
    let differing = said
        .into_iter()
        .filter_map(|(flag, key, line)| Some((flag, key, line?)));
    let problem = |(flag, key, line): (&str, &str, Option<u64>)| {
        let what = format!(
            "{key} is set here, and {flag} on the command line says otherwise; the command line holds"
        );
        Problem::warning(file, what, format!("leave out {flag} or {key}")).at(line)
    };
    differing.map(problem).collect()
}

/// The line of a key that a flag contradicts.
fn differs<T: PartialEq>(key: Option<&Placed<T>>, flag: Option<&T>) -> Option<Option<u64>> {
    let (key, flag) = (key?, flag?);
    (key.value != *flag).then_some(key.line)
}

/// Whether the range of the file is used whatever is found on the wire, for somebody said that this server is to give
/// addresses: by a flag, or in the words of the original, for which `enable_dhcp: True` meant just that.
pub(super) fn needs_its_range(args: &Serve, settings: &Settings) -> bool {
    let written = settings.enable_dhcp.as_ref().map(|enable| enable.value);
    match args.dhcp {
        Some(Dhcp::Full) => true,
        Some(Dhcp::Auto | Dhcp::Proxy | Dhcp::Off) => false,
        None => written == Some(true),
    }
}

/// A range that does not fit the interface, told as what it is as long as it may not be used at all.
pub(super) fn not_yet_an_error(unfit: &Problem) -> Problem {
    let what = format!(
        "{}; it is not used where another server gives addresses, and elsewhere this one does not start",
        unfit.what
    );
    Problem {
        severity: Severity::Warning,
        what,
        ..unfit.clone()
    }
}

/// A range with nothing in it to give away, whether it is the file's (`is_named`) or all of the subnet.
pub(super) fn unusable_range(
    settings: &Settings,
    file: &str,
    interface: &Interface,
    is_named: bool,
    error: &pxe::PoolError,
) -> Problem {
    match settings.dhcp_range.filter(|_| is_named) {
        Some(range) => {
            let what = format!("dnsmasq.dhcp_range cannot be used: {error}");
            let remedy = "set it to free addresses of that subnet, or remove the line";
            Problem::error(file, what, remedy).at(range.line)
        }
        None => {
            let what = format!("{} cannot serve a room: {error}", interface.name);
            let remedy = "give it an address in a wider network, such as 10.77.0.1/24";
            Problem::error("interface", what, remedy)
        }
    }
}
