//! What this run will do: the configuration, the command line and the interface taken together.
//! Flags beat the file, and it says so. Looks at the machine, opens and changes nothing.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use catalog::manifest::{self, Manifest, SeedUntil};
use catalog::{Problem, Settings};
use pxe::script;

use crate::args::{Dhcp, Serve};
use crate::bind::Ports;
use crate::check::{self, LoadedSystem, Sources};
use crate::interface::{self, Interface};
use crate::prepare::Rehash;
use crate::shelf::Shelf;
use crate::user::{self, User};

/// The lease where the configuration names none: long enough for a lesson, short enough that the
/// addresses of yesterday's machines are free again.
const DEFAULT_LEASE: Duration = Duration::from_secs(4 * 3600);

/// A run, decided.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where the room is.
    pub interface: Interface,
    /// Which ports are opened.
    pub ports: Ports,
    /// Who the server becomes; `None` when it is not root and stays who it is.
    pub user: Option<User>,
    /// What can be booted.
    pub systems: Vec<LoadedSystem>,
    /// What machines are told, without the systems.
    pub manifest: Manifest,
    /// The tracker's URL, where the tracker is on.
    pub announce: Option<String>,
    /// Phase 1, loaders and their scripts.
    pub shelf: Shelf,
    /// What firmware is told.
    pub pxe: pxe::Settings,
    /// The first and last address that may be given away.
    pub range: (Ipv4Addr, Ipv4Addr),
    /// Which systems are hashed.
    pub rehash: Rehash,
    /// Where state is kept; set once the folder is ready.
    pub state: PathBuf,
}

/// A plan, if there can be one, and everything that was found on the way.
#[derive(Debug)]
pub struct Checked {
    /// `None` when an error leaves nothing to start.
    pub plan: Option<Plan>,
    /// All problems, errors and warnings.
    pub problems: Vec<Problem>,
}

/// Reads and checks everything a run depends on, and finds all problems in one go.
#[must_use]
pub fn check(args: &Serve) -> Checked {
    let (mut loaded, user) = load(args);
    let mut problems = std::mem::take(&mut loaded.problems);
    let settings = &loaded.settings;
    let file = loaded.settings_name();
    let user = user.map_err(|problem| problems.push(problem)).ok();
    let interface = interface(args, settings, &mut problems);
    let shelf = shelf(args).map_err(|problem| problems.push(problem)).ok();
    if let Some(interface) = &interface {
        let addresses = [(interface.address, interface.prefix)];
        problems.extend(catalog::on_interface(
            settings,
            &file,
            &interface.name,
            &addresses,
        ));
    }
    problems.extend(told_twice(args, settings, &file));
    problems.extend(ports_apart(args, settings));

    let (Some(interface), Some(shelf), Some(user)) = (interface, shelf, user) else {
        return Checked {
            plan: None,
            problems,
        };
    };
    let systems = std::mem::take(&mut loaded.systems);
    let plan = decide(args, settings, systems, interface, shelf, user);
    // A range that the checks above found wrong already is not told twice. The plan stays, so that
    // what else is in the way is found too; with an error nobody follows it.
    let pool = pool(&plan.pxe);
    if let (Err(error), false) = (&pool, problems.iter().any(Problem::is_error)) {
        problems.push(unusable_range(settings, &file, error));
    }
    Checked {
        plan: Some(plan),
        problems,
    }
}

/// The addresses that may be given away.
fn pool(pxe: &pxe::Settings) -> Result<pxe::Pool, pxe::PoolError> {
    pxe::Pool::new(pxe.server, pxe.prefix, pxe.range, pxe.router)
}

fn shelf(args: &Serve) -> Result<Shelf, Problem> {
    let found = match &args.phase1 {
        Some(dir) => Shelf::from_dir(dir),
        None => Shelf::embedded(),
    };
    found.map_err(|e| {
        Problem::error(
            "phase 1",
            format!("{e:#}"),
            "build it with `cargo xtask dist`",
        )
    })
}

/// Loads the configuration and checks it as the user the server will become, whom the
/// configuration itself may name.
fn load(args: &Serve) -> (check::Loaded, Result<Option<User>, Problem>) {
    let mut sources = Sources {
        config: args.config.clone(),
        oss: args.oss.clone(),
        as_user: None,
    };
    let as_user = |user: &Result<Option<User>, Problem>| {
        user.as_ref()
            .ok()
            .and_then(Option::as_ref)
            .map(|user| (user.uid, user.gid))
    };
    let target = |wanted: Option<&str>| {
        user::target(wanted).map_err(|e| {
            Problem::error(
                "user",
                format!("{e:#}"),
                "name an ordinary user with --user",
            )
        })
    };
    let user = target(args.user.as_deref());
    sources.as_user = as_user(&user);
    let loaded = check::load(&sources);
    let (None, Some(named)) = (&args.user, &loaded.settings.user) else {
        return (loaded, user);
    };
    let user = target(Some(&named.value));
    sources.as_user = as_user(&user);
    (check::load(&sources), user)
}

fn interface(args: &Serve, settings: &Settings, problems: &mut Vec<Problem>) -> Option<Interface> {
    let host_ip = settings.host_ip.as_ref().map(|ip| ip.value);
    let named = settings.interface.first().map(|name| name.value.as_str());
    if settings.interface.len() > 1 && args.iface.is_none() {
        let what = "dnsmasq.interface names several interfaces, and this version serves one";
        problems.push(Problem::error(
            "interface",
            what,
            "keep one of them, or name it with --iface",
        ));
    }
    let found = interface::find(args.iface.as_deref().or(named), host_ip);
    found.map_err(|problem| problems.push(problem)).ok()
}

/// What the command line says although the file says something else.
fn told_twice(args: &Serve, settings: &Settings, file: &str) -> Vec<Problem> {
    let interface = settings.interface.first();
    let (port, user, enable) = (&settings.port, &settings.user, &settings.enable_dhcp);
    // Each flag, the key it beats, and where the file says something else.
    let said = [
        (
            "--iface",
            "dnsmasq.interface",
            interface
                .filter(|key| args.iface.as_ref().is_some_and(|flag| *flag != key.value))
                .map(|key| key.line),
        ),
        (
            "--http-port",
            "opentracker.port",
            port.as_ref()
                .filter(|key| args.http_port.is_some_and(|flag| flag != key.value))
                .map(|key| key.line),
        ),
        (
            "--user",
            "dnsmasq.user",
            user.as_ref()
                .filter(|key| args.user.as_ref().is_some_and(|flag| *flag != key.value))
                .map(|key| key.line),
        ),
        (
            "--dhcp",
            "dnsmasq.enable_dhcp",
            enable
                .as_ref()
                .filter(|key| {
                    args.dhcp
                        .is_some_and(|flag| (flag != Dhcp::Off) != key.value)
                })
                .map(|key| key.line),
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

/// Ports that cannot be had together, found before one of them is said to be in use by ourselves.
fn ports_apart(args: &Serve, settings: &Settings) -> Option<Problem> {
    let http = args.http_port.unwrap_or_else(|| settings.http_port());
    let what = "is the port of HTTP and of the seed alike";
    (http == args.peer_port).then(|| {
        Problem::error("ports", what, "choose another --http-port or --peer-port")
            .found(http.to_string())
    })
}

fn unusable_range(settings: &Settings, file: &str, error: &pxe::PoolError) -> Problem {
    let line = settings.dhcp_range.as_ref().and_then(|range| range.line);
    Problem::error(
        file,
        error.to_string(),
        "set dnsmasq.dhcp_range to free addresses of that subnet",
    )
    .at(line)
}

fn decide(
    args: &Serve,
    settings: &Settings,
    systems: Vec<LoadedSystem>,
    interface: Interface,
    mut shelf: Shelf,
    user: Option<User>,
) -> Plan {
    let ports = Ports {
        dhcp: match args.dhcp {
            Some(mode) => mode != Dhcp::Off,
            None => settings
                .enable_dhcp
                .as_ref()
                .is_none_or(|enable| enable.value),
        },
        tftp: settings.enable_tftp,
        http: args.http_port.unwrap_or_else(|| settings.http_port()),
        peer: args.peer_port,
    };
    let http = SocketAddrV4::new(interface.address, ports.http);
    shelf.put(script::IPXE_SCRIPT, script::boot_ipxe(http));
    shelf.put(script::PXELINUX_CONFIG, script::pxelinux_config());
    // What the original told a foreign DHCP server to send as option 209.
    shelf.put("pxelinux.cfg", script::pxelinux_config());
    let pxe = firmware_settings(args, settings, &interface, ports);
    let range = pool(&pxe).map_or((interface.address, interface.address), |pool| pool.range());
    Plan {
        announce: settings.tracker.then(|| format!("http://{http}/announce")),
        manifest: manifest(settings, &systems, http, ports.peer),
        interface,
        ports,
        user,
        systems,
        shelf,
        pxe,
        range,
        rehash: if args.rehash {
            Rehash::Everything
        } else {
            Rehash::Changed
        },
        state: PathBuf::new(),
    }
}

fn manifest(
    settings: &Settings,
    systems: &[LoadedSystem],
    http: SocketAddrV4,
    peer: u16,
) -> Manifest {
    let named: Vec<catalog::System> = systems.iter().map(|one| one.system.clone()).collect();
    let seed_time = settings.seed_time.as_ref().map(|seconds| seconds.value);
    // What machines are told is decided: where `seed_time` is set nothing else holds, and where it is
    // not, `seed_until: room` does, whether the file says so or not.
    let room = seed_time.is_none();
    Manifest {
        version: manifest::VERSION,
        timeout: catalog::menu_timeout(settings, &named),
        default: catalog::default_system(settings, &named).map(|system| system.name.clone()),
        seed_time,
        seed_until: room.then_some(SeedUntil::Room),
        seed_max: room.then(|| {
            let set = settings.seed_max.as_ref();
            set.map_or(manifest::SEED_MAX, |seconds| seconds.value)
        }),
        server: format!("http://{http}"),
        seed: Some(SocketAddrV4::new(*http.ip(), peer)),
        systems: Vec::new(),
    }
}

fn firmware_settings(
    args: &Serve,
    settings: &Settings,
    interface: &Interface,
    ports: Ports,
) -> pxe::Settings {
    let range = settings.dhcp_range.as_ref().map(|range| range.value);
    pxe::Settings {
        server: interface.address,
        prefix: interface.prefix,
        range: range.map(|range| (range.start, range.end)),
        lease: match range.map(|range| range.lease) {
            Some(catalog::LeaseTime::Lasts(time)) => time,
            // RFC 2131, section 3.3: all ones mean for ever.
            Some(catalog::LeaseTime::Infinite) => Duration::from_secs(u64::from(u32::MAX)),
            None => DEFAULT_LEASE,
        },
        // A private room has no way out; what the machines need is on this server.
        router: None,
        dns: Vec::new(),
        http_port: ports.http,
        loader: args.loader,
    }
}
