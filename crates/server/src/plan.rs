//! What this run will do: the configuration, the command line and the interface taken together.
//! Flags beat the file, and it says so. Looks at the machine, opens and changes nothing.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;

use catalog::manifest::{self, Manifest, SeedUntil};
use catalog::{Problem, Settings, WhoBoots};
use pxe::script;
use pxe::wire::{Place, Role, Wish};

use crate::args::Serve;
use crate::bind::Ports;
use crate::check::{self, LoadedSystem, Sources, Understood};
use crate::host::Host;
use crate::interface::Interface;
use crate::once::Again;
use crate::prepare::Rehash;
use crate::shelf::Shelf;
use crate::state;
use crate::user::{User, Users};

mod agree;
mod machines;

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
    /// What is wanted of DHCP; `None` where it is off.
    pub dhcp: Option<Wish>,
    /// What the interface says of the network.
    pub place: Place,
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
    /// Why the range of the file cannot be used. Then no address may be given away.
    pub unfit_range: Option<Problem>,
    /// Who boots, and as what.
    pub who: WhoBoots,
    /// Machines that boot once and may boot again.
    pub boot_again: Vec<Again>,
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

impl Plan {
    /// What is in the way of a role that was found to be safe: addresses are to be given, and there are none.
    #[must_use]
    pub fn in_the_way_of(&self, role: &Role) -> Option<&Problem> {
        let problem = self.unfit_range.as_ref();
        problem.filter(|_| *role == Role::Full)
    }
}

/// Reads and checks everything a run on this computer depends on, and finds all problems in one go.
#[must_use]
pub fn check(args: &Serve) -> Checked {
    check_on(args, &Host::look())
}

/// The same on a computer that was looked at before.
#[must_use]
pub fn check_on(args: &Serve, host: &Host) -> Checked {
    let (mut loaded, user) = load(args, &host.users);
    let mut problems = std::mem::take(&mut loaded.problems);
    let file = loaded.settings_name();
    let mut settings = std::mem::take(&mut loaded.settings);
    let ports = agree::ports(args, &settings);
    if !ports.dhcp {
        // The original wanted a range in any case; where another server gives addresses it has no meaning, nor have
        // other words about addresses.
        settings.dhcp_range = None;
        settings.network = catalog::Network::default();
        for rule in &mut settings.machines.rules {
            rule.address = None;
        }
    }
    let user = user.map_err(|problem| problems.push(problem)).ok();
    let interface = match (loaded.understood, &args.iface) {
        // What the unread file says about it is not known, and is not to be complained about.
        (Understood::No, None) => None,
        _ => agree::interface(args, &settings, &file, host, &mut problems),
    };
    let shelf = shelf(args).map_err(|problem| problems.push(problem)).ok();
    if let (Some(folder), Some(user)) = (&args.state, &user) {
        problems.extend(state::look(folder, user.as_ref()));
    }
    problems.extend(agree::told_twice(args, &settings, &file));
    problems.extend(agree::ports_apart(args, &settings, &file, ports));
    problems.extend(agree::loader_without_tftp(args, &settings, &file));

    let (Some(interface), Some(shelf), Some(user)) = (interface, shelf, user) else {
        return Checked {
            plan: None,
            problems,
        };
    };
    let served = [(interface.address, interface.prefix)];
    let unfit = catalog::range_on_interface(&settings, &file, &interface.name, &served);
    problems.extend(
        unfit
            .iter()
            .map(|unfit| match agree::needs_its_range(args, &settings) {
                true => unfit.clone(),
                false => agree::not_yet_an_error(unfit),
            }),
    );
    let systems = std::mem::take(&mut loaded.systems);
    problems.extend(agree::guests_without_qemu(&systems, &shelf));
    let place = agree::place(host, &interface);
    let mut plan = decide(args, &settings, ports, systems, interface, shelf, user);
    plan.place = place;
    if unfit.is_some() {
        plan.pxe.range = None;
    }
    plan.unfit_range = unfit;
    match machines::rules(&plan.who) {
        Ok(rules) => plan.pxe.machines = rules,
        Err(conflict) => {
            let remedy = "correct the section machines";
            problems.push(Problem::error(&file, conflict.to_string(), remedy));
        }
    }
    // A range that the checks above found wrong already is not told twice. The plan stays, so that
    // what else is in the way is found too; with an error nobody follows it.
    let pool = pool(&plan.pxe);
    if let (Err(error), true, false) = (&pool, ports.dhcp, problems.iter().any(Problem::is_error)) {
        problems.push(agree::unusable_range(
            &settings,
            &file,
            &plan.interface,
            error,
        ));
    }
    Checked {
        plan: Some(plan),
        problems,
    }
}

/// The ports that a run with these options opens, whatever else may be in its way.
#[must_use]
pub fn ports(args: &Serve) -> Ports {
    let settings = check::settings(&Sources {
        config: args.config.clone(),
        oss: args.oss.clone(),
        as_user: None,
    });
    agree::ports(args, &settings.settings)
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

/// Loads the configuration and checks it as the user who will serve, whom the configuration itself may name.
/// The user is the one to become: none where this process keeps what it is.
fn load(args: &Serve, users: &Users) -> (check::Loaded, Result<Option<User>, Problem>) {
    let sources = Sources {
        config: args.config.clone(),
        oss: args.oss.clone(),
        as_user: None,
    };
    let mut loaded = check::settings(&sources);
    let user = agree::user(args, &loaded.settings, &loaded.settings_name(), users);
    let reader = user.as_ref().ok().and_then(Option::as_ref);
    loaded.read_systems(reader.map(|user| (user.uid, user.gid)));
    (loaded, user.map(|user| user.filter(|_| users.root)))
}

fn decide(
    args: &Serve,
    settings: &Settings,
    ports: Ports,
    systems: Vec<LoadedSystem>,
    interface: Interface,
    mut shelf: Shelf,
    user: Option<User>,
) -> Plan {
    let http = SocketAddrV4::new(interface.address, ports.http);
    put_scripts(&mut shelf, http);
    let pxe = firmware_settings(args, settings, &interface, ports);
    let named: Vec<catalog::System> = systems.iter().map(|one| one.system.clone()).collect();
    let who = catalog::who_boots(settings, &named);
    let range = pool(&pxe).map_or((interface.address, interface.address), |pool| pool.range());
    Plan {
        announce: settings.tracker.then(|| format!("http://{http}/announce")),
        manifest: Manifest {
            machines: machines::entries(&who),
            ..manifest(settings, &named, http, ports.peer)
        },
        who,
        boot_again: args.boot_again.clone(),
        interface,
        ports,
        dhcp: agree::dhcp(args, settings),
        place: Place::default(),
        user,
        systems,
        shelf,
        pxe,
        range,
        unfit_range: None,
        rehash: if args.rehash {
            Rehash::Everything
        } else {
            Rehash::Changed
        },
        state: PathBuf::new(),
    }
}

/// Puts what loaders read on the shelf, as a server at `http` writes it.
pub fn put_scripts(shelf: &mut Shelf, http: SocketAddrV4) {
    shelf.put(script::IPXE_SCRIPT, script::boot_ipxe(http));
    shelf.put(script::PXELINUX_CONFIG, script::pxelinux_config());
    shelf.put(script::GRUB_CONFIG, script::grub_config());
    shelf.put(script::GRUB_CONFIG_BESIDE, script::grub_config());
    // What the original told a foreign DHCP server to send as option 209.
    shelf.put("pxelinux.cfg", script::pxelinux_config());
}

fn manifest(
    settings: &Settings,
    systems: &[catalog::System],
    http: SocketAddrV4,
    peer: u16,
) -> Manifest {
    let seed_time = settings.seed_time.as_ref().map(|seconds| seconds.value);
    // What machines are told is decided: where `seed_time` is set nothing else holds, and where it is
    // not, `seed_until: room` does, whether the file says so or not.
    let room = seed_time.is_none();
    // Nobody is waited for who could not be given anything.
    let longest = match settings.machines_meet() {
        true => settings
            .seed_max
            .map_or(manifest::SEED_MAX, |seconds| seconds.value),
        false => 0,
    };
    Manifest {
        version: manifest::VERSION,
        timeout: catalog::menu_timeout(settings, systems),
        default: catalog::default_system(settings, systems).map(|system| system.name.clone()),
        seed_time,
        seed_until: room.then_some(SeedUntil::Room),
        seed_max: room.then_some(longest),
        server: format!("http://{http}"),
        seed: Some(SocketAddrV4::new(*http.ip(), peer)),
        lpd: settings.bt_enable_lpd,
        exchange: settings.enable_peer_exchange,
        layer: None,
        machines: Vec::new(),
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
    let lan = &settings.network;
    pxe::Settings {
        server: interface.address,
        prefix: interface.prefix,
        range: range.map(|range| (range.start, range.end)),
        lease: match settings.lease() {
            Some(catalog::LeaseTime::Lasts(time)) => time,
            // RFC 2131, section 3.3: all ones mean for ever.
            Some(catalog::LeaseTime::Infinite) => Duration::from_secs(u64::from(u32::MAX)),
            None => DEFAULT_LEASE,
        },
        // Where nothing is said: a private room has no way out; what the machines need is on this server.
        router: lan.router.map(|router| router.value),
        dns: lan.dns.iter().map(|server| server.value).collect(),
        ntp: lan.ntp.iter().map(|server| server.value).collect(),
        domain: lan.domain.as_ref().map(|domain| domain.value.clone()),
        subnets: lan
            .subnets
            .iter()
            .map(|subnet| relayed(&subnet.value))
            .collect(),
        // Set once it is known that they hold together.
        machines: pxe::Machines::default(),
        http_port: ports.http,
        loader: args.loader,
    }
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
mod tests {
    use super::*;

    /// What machines are told leaves nothing for them to decide.
    #[test]
    fn the_manifest_says_when_machines_start() {
        let told = |yaml: &str| {
            let settings = catalog::settings("Boottorrent.yaml", yaml).value;
            let settings = settings.unwrap_or_else(|| panic!("{yaml}"));
            let http = SocketAddrV4::new([10, 77, 0, 1].into(), 6969);
            let told = manifest(&settings, &[], http, 6881);
            (told.seed_time, told.seed_until, told.seed_max)
        };
        let room = Some(SeedUntil::Room);
        for (keys, expected) in [
            ("", (None, room, Some(60))),
            ("  seed_until: room\n", (None, room, Some(60))),
            ("  seed_max: 600\n", (None, room, Some(600))),
            ("  seed_time: 0\n", (Some(0), None, None)),
            (
                "  seed_time: -1\n  seed_until: room\n  seed_max: 600\n",
                (Some(-1), None, None),
            ),
            ("opentracker: {enable: False}\n", (None, room, Some(0))),
            (
                "  seed_max: 600\nopentracker: {enable: False}\n",
                (None, room, Some(0)),
            ),
            (
                "opentracker: {enable: False}\naria2: {bt_enable_lpd: True}\n",
                (None, room, Some(60)),
            ),
            (
                "  seed_time: 30\nopentracker: {enable: False}\n",
                (Some(30), None, None),
            ),
        ] {
            assert_eq!(
                told(&format!("boottorrent:\n  version: 0\n{keys}")),
                expected,
                "{keys}"
            );
        }
    }
}
