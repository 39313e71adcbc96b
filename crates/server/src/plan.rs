//! What this run will do: the configuration, the command line and the interfaces taken together.
//! Flags beat the file, and it says so. Looks at the machine, opens and changes nothing.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use catalog::manifest::Manifest;
use catalog::{Problem, WhoBoots};
use pxe::wire::{Place, Role, Wish};

use crate::bind::Ports;
use crate::check::{self, LoadedSystem, Sources, Understood};
use crate::host::Host;
use crate::interface::Interface;
use crate::once::Again;
use crate::options::Serve;
use crate::prepare::Rehash;
use crate::shelf::Shelf;
use crate::state;
use crate::user::{User, Users};

mod agree;
mod decide;
mod interfaces;
mod machines;

pub use decide::put_scripts;
use decide::{decide, pool};

/// A run, decided.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What there is on each interface; at least one.
    pub networks: Vec<Network>,
    /// Which ports are opened on each.
    pub ports: Ports,
    /// What is wanted of DHCP; `None` where it is off.
    pub dhcp: Option<Wish>,
    /// Who the server becomes; `None` when it is not root and stays who it is.
    pub user: Option<User>,
    /// What can be booted.
    pub systems: Vec<LoadedSystem>,
    /// Who boots, and as what.
    pub who: WhoBoots,
    /// Machines that boot once and may boot again.
    pub boot_again: Vec<Again>,
    /// Which systems are hashed.
    pub rehash: Rehash,
    /// Where state is kept; set once the folder is ready.
    pub state: PathBuf,
    /// Where the systems come from.
    pub library: Library,
}

/// Where systems come from, for whoever looks at them again while the server runs.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// What the room's file says. It is read at the start alone.
    pub settings: catalog::Settings,
    /// That file's name, as problems are shown under it.
    pub file: String,
    /// The folder of the systems.
    pub oss: PathBuf,
}

/// One interface and the network that it is in. Machines of two networks do not reach each other, nor the server's
/// address in the other: each is told of one alone.
#[derive(Clone, Debug)]
pub struct Network {
    /// Where the room is.
    pub interface: Interface,
    /// What the interface says of the network.
    pub place: Place,
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
}

impl Network {
    /// What is in the way of a role that was found to be safe: addresses are to be given, and there are none.
    #[must_use]
    pub fn in_the_way_of(&self, role: &Role) -> Option<&Problem> {
        let problem = self.unfit_range.as_ref();
        problem.filter(|_| *role == Role::Full)
    }
}

impl Plan {
    /// The first network: what is the same in all can be read there.
    #[must_use]
    pub fn first(&self) -> &Network {
        &self.networks[0]
    }

    /// The server's addresses, one for each network.
    #[must_use]
    pub fn addresses(&self) -> Vec<Ipv4Addr> {
        let networks = self.networks.iter();
        networks.map(|network| network.interface.address).collect()
    }
}

/// A plan, if there can be one, and everything that was found on the way.
#[derive(Debug)]
pub struct Checked {
    /// `None` when an error leaves nothing to start.
    pub plan: Option<Plan>,
    /// All problems, errors and warnings.
    pub problems: Vec<Problem>,
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
    let interfaces = match (loaded.understood, &args.iface[..]) {
        // What the unread file says about it is not known, and is not to be complained about.
        (Understood::No, []) => None,
        _ => interfaces::interfaces(args, &settings, &file, host, &mut problems),
    };
    let shelf = shelf(args).map_err(|problem| problems.push(problem)).ok();
    if let (Some(folder), Some(user)) = (&args.state, &user) {
        problems.extend(state::look(folder, user.as_ref()));
    }
    problems.extend(agree::told_twice(args, &settings, &file));
    problems.extend(agree::ports_apart(args, &settings, &file, ports));
    problems.extend(agree::loader_without_tftp(args, &settings, &file));

    let (Some(interfaces), Some(shelf), Some(user)) = (interfaces, shelf, user) else {
        return Checked {
            plan: None,
            problems,
        };
    };
    let unfit = interfaces::unfit_range(&settings, &file, &interfaces);
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
    problems.extend(agree::unfit(&systems));
    let shares = interfaces::shares(&settings, &file, host, &interfaces, &mut problems);
    let rooms = interfaces.into_iter().zip(shares).collect();
    let library = Library {
        settings,
        file: file.clone(),
        oss: loaded.oss,
    };
    let mut plan = decide(args, library, ports, systems, rooms, &shelf, user);
    let settings = plan.library.settings.clone();
    let rules = machines::rules(&plan.who).unwrap_or_else(|conflict| {
        let remedy = "correct the section machines";
        problems.push(Problem::error(&file, conflict.to_string(), remedy));
        pxe::Machines::default()
    });
    for network in &mut plan.networks {
        network.place = interfaces::place(host, &network.interface);
        network.pxe.machines = rules.clone();
        if unfit.is_some() {
            network.pxe.range = None;
        }
        network.unfit_range.clone_from(&unfit);
        // A range that the checks above found wrong already is not told twice. The plan stays, so that
        // what else is in the way is found too; with an error nobody follows it.
        let pool = pool(&network.pxe);
        let is_named = network.pxe.range.is_some();
        if let (Err(error), true, false) =
            (&pool, ports.dhcp, problems.iter().any(Problem::is_error))
        {
            let interface = &network.interface;
            problems.push(agree::unusable_range(
                &settings, &file, interface, is_named, error,
            ));
        }
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
