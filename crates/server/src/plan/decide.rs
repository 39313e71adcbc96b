//! From what was read and checked to a run: for each network what machines and firmware are told. Pure.

use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::Duration;

use catalog::manifest::{self, Manifest, SeedUntil};
use catalog::{Settings, WhoBoots};
use pxe::script;
use pxe::wire::Place;

use super::interfaces::Share;
use super::{Library, Network, Plan, agree, machines};
use crate::bind::Ports;
use crate::check::LoadedSystem;
use crate::interface::Interface;
use crate::options::Serve;
use crate::prepare::Rehash;
use crate::shelf::Shelf;
use crate::user::User;

/// The lease where the configuration names none: long enough for a lesson, short enough that the
/// addresses of yesterday's machines are free again.
const DEFAULT_LEASE: Duration = Duration::from_secs(4 * 3600);

/// The addresses that may be given away.
pub(super) fn pool(pxe: &pxe::Settings) -> Result<pxe::Pool, pxe::PoolError> {
    pxe::Pool::new(pxe.server, pxe.prefix, pxe.range, pxe.router)
}

pub(super) fn decide(
    args: &Serve,
    library: Library,
    ports: Ports,
    systems: Vec<LoadedSystem>,
    rooms: Vec<(Interface, Share)>,
    shelf: &Shelf,
    user: Option<User>,
) -> Plan {
    let settings = &library.settings;
    let named = named(&systems);
    let who = catalog::who_boots(settings, &named);
    let network = |(interface, share): (Interface, Share)| {
        let http = SocketAddrV4::new(interface.address, ports.http);
        let mut shelf = shelf.clone();
        put_scripts(&mut shelf, http);
        let pxe = firmware_settings(args, settings, &interface, share, ports);
        let range = pool(&pxe).map_or((interface.address, interface.address), |pool| pool.range());
        Network {
            manifest: Manifest {
                machines: machines::entries(&who),
                ..manifest(settings, &named, http, ports.peer)
            },
            announce: settings.tracker.then(|| format!("http://{http}/announce")),
            interface,
            place: Place::default(),
            shelf,
            pxe,
            range,
            unfit_range: None,
        }
    };
    Plan {
        networks: rooms.into_iter().map(network).collect(),
        who,
        boot_again: args.boot_again.clone(),
        ports,
        dhcp: agree::dhcp(args, settings),
        user,
        systems,
        rehash: if args.rehash {
            Rehash::Everything
        } else {
            Rehash::Changed
        },
        state: PathBuf::new(),
        library,
    }
}

impl Plan {
    /// What the machines of a network are told where `systems` are what is offered, and who boots. The systems
    /// themselves are left out.
    #[must_use]
    pub fn told(&self, network: &Network, systems: &[LoadedSystem]) -> (Manifest, WhoBoots) {
        let settings = &self.library.settings;
        let named = named(systems);
        let who = catalog::who_boots(settings, &named);
        let http = SocketAddrV4::new(network.interface.address, self.ports.http);
        let manifest = Manifest {
            machines: machines::entries(&who),
            ..manifest(settings, &named, http, self.ports.peer)
        };
        (manifest, who)
    }
}

fn named(systems: &[LoadedSystem]) -> Vec<catalog::System> {
    systems.iter().map(|one| one.system.clone()).collect()
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
        remote_shell: settings.remote_shell,
        layer: None,
        shell: settings.shell.clone(),
        machines: Vec::new(),
        systems: Vec::new(),
    }
}

fn firmware_settings(
    args: &Serve,
    settings: &Settings,
    interface: &Interface,
    share: Share,
    ports: Ports,
) -> pxe::Settings {
    let lan = &settings.network;
    pxe::Settings {
        server: interface.address,
        prefix: interface.prefix,
        range: share.range,
        lease: match settings.lease() {
            Some(catalog::LeaseTime::Lasts(time)) => time,
            // RFC 2131, section 3.3: all ones mean for ever.
            Some(catalog::LeaseTime::Infinite) => Duration::from_secs(u64::from(u32::MAX)),
            None => DEFAULT_LEASE,
        },
        // Where nothing is said: a private room has no way out; what the machines need is on this server.
        router: share.router,
        dns: lan.dns.iter().map(|server| server.value).collect(),
        ntp: lan.ntp.iter().map(|server| server.value).collect(),
        domain: lan.domain.as_ref().map(|domain| domain.value.clone()),
        subnets: share.subnets,
        // Set once it is known that they hold together.
        machines: pxe::Machines::default(),
        http_port: ports.http,
        loader: args.loader,
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
