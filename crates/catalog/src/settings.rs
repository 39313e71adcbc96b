//! `Boottorrent.yaml` as types: what holds for the whole room.

use std::net::Ipv4Addr;

pub use crate::manifest::SeedUntil;
use crate::{DhcpRange, LeaseTime, Placed, Shell};

mod lan;
mod machines;
mod network;
mod read;

pub use lan::{Network, Subnet};
pub use machines::{Boot, MachineRule, Machines, Unknown};
pub use read::settings;

/// Everything `Boottorrent.yaml` can say. The default is what holds where there is no such file;
/// options are `None` where the file says nothing, so that a command line can tell that it
/// overrides something.
///
/// Field names are the file's key names; the sections `dnsmasq`, `opentracker` and `aria2` keep the
/// names of the programs the original project started, although none of them runs here.
///
/// A key that is not known is ignored with a warning, as the original ignored it. At the file's top and in
/// `boottorrent` it is an error where it is near a known key or belongs into another section: it was meant for
/// that one, and without it something else might be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `boottorrent.timeout`: seconds the menu waits for a person, at most a year; 0 starts the default at
    /// once, negative waits for ever. See [`crate::menu_timeout`] for what the menu is told.
    pub timeout: Placed<i64>,
    /// `boottorrent.default_os`: folder name or dispname of the system that starts by itself. See
    /// [`crate::default_system`].
    pub default_os: Option<Placed<String>>,
    /// `boottorrent.seed_time`: seconds a machine seeds **at least** before it starts the system; 0
    /// or negative: at once.
    pub seed_time: Option<Placed<i64>>,
    /// `boottorrent.seed_until`: what ends seeding where `seed_time` is not set.
    pub seed_until: Option<Placed<SeedUntil>>,
    /// `boottorrent.seed_max`: upper bound in seconds for `seed_until`.
    pub seed_max: Option<Placed<u64>>,
    /// `boottorrent.shell`: who gets a shell at a machine.
    pub shell: Shell,
    /// `boottorrent.host_ip`: this server's address as the machines see it; without it, the
    /// interface's own.
    pub host_ip: Option<Placed<Ipv4Addr>>,
    /// `boottorrent.display_oss`, a key of the original's first versions: names of the folders in oss that are
    /// offered; empty where the file names none, and then all of them are. See [`crate::offered`].
    pub display_oss: Vec<Placed<String>>,
    /// `boottorrent.remote_shell`: whether `bt-server shell` opens one on machines that are in phase 1. Whoever can
    /// send from this server's address can then do anything there, and the wire carries it unencrypted.
    pub remote_shell: bool,
    /// `boottorrent.multicast`: whether pieces may be sent to all machines at a time where their ways out are slow.
    pub multicast: bool,
    /// `dnsmasq.enable_dhcp`: true looks at the wire and decides, false never answers DHCP.
    pub enable_dhcp: Option<Placed<bool>>,
    /// `dnsmasq.enable_tftp`: without it only firmware that is iPXE gets a loader from here.
    pub enable_tftp: Placed<bool>,
    /// `dnsmasq.interface`: names of the interfaces to serve, in the file's order; empty where
    /// the file names none.
    pub interface: Vec<Placed<String>>,
    /// `dnsmasq.bind_interfaces`: bind to the interfaces' addresses only. This server always does; dnsmasq
    /// answers only on the chosen interfaces in either case.
    pub bind_interfaces: bool,
    /// `dnsmasq.dhcp_range`: the addresses to hand out; without it, the interface's subnet.
    pub dhcp_range: Option<Placed<DhcpRange>>,
    /// `dnsmasq.user`: the user the server drops to.
    pub user: Option<Placed<String>>,
    /// `opentracker.enable` (in earlier versions `hefur.enable`): the tracker only, never the HTTP port.
    pub tracker: bool,
    /// `opentracker.port` (`hefur.port`): the one HTTP port. See [`Settings::http_port`].
    pub port: Option<Placed<u16>>,
    /// `aria2.bt_enable_lpd`: the machines and the server's seed look for each other by multicast (BEP 14).
    pub bt_enable_lpd: bool,
    /// `aria2.enable_peer_exchange`: machines tell each other whom they know (BEP 11).
    pub enable_peer_exchange: bool,
    /// `aria2.console_log_level`: how much the machines' downloader says.
    pub console_log_level: LogLevel,
    /// The section `network`.
    pub network: Network,
    /// The section `machines`. See [`crate::who_boots`] for what it comes to.
    pub machines: Machines,
}

/// How much the machines' downloader says on its console, by aria2's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What is going on.
    Info,
    /// What matters.
    #[default]
    Notice,
    /// What is odd.
    Warn,
    /// What failed.
    Error,
}

impl LogLevel {
    /// Every level's name as the file writes it.
    pub const NAMES: [&'static str; 5] = ["debug", "info", "notice", "warn", "error"];

    /// The level of this name.
    pub fn named(name: &str) -> Option<LogLevel> {
        use LogLevel::{Debug, Error, Info, Notice, Warn};
        let levels = [Debug, Info, Notice, Warn, Error];
        let at = Self::NAMES.iter().position(|known| *known == name)?;
        levels.get(at).copied()
    }
}

impl Settings {
    /// The HTTP port where neither the file nor the command line names one.
    pub const HTTP_PORT: u16 = 6969;

    /// Whether machines can find each other at all: by the tracker or by looking around.
    pub fn machines_meet(&self) -> bool {
        self.tracker || self.bt_enable_lpd
    }

    /// How long an address is given for, where this file says so: `network.lease`, or what `dhcp_range` ends
    /// with. A range without a time means dnsmasq's hour, as it did there.
    pub fn lease(&self) -> Option<LeaseTime> {
        let range = self.dhcp_range.map(|range| range.value.lease);
        let of_range = range.map(|lease| lease.unwrap_or(LeaseTime::OF_A_RANGE));
        self.network.lease.map(|lease| lease.value).or(of_range)
    }

    /// The HTTP port this file asks for.
    pub fn http_port(&self) -> u16 {
        self.port.map_or(Self::HTTP_PORT, |port| port.value)
    }
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            timeout: Placed::default_of(30),
            default_os: None,
            seed_time: None,
            seed_until: None,
            seed_max: None,
            shell: Shell::default(),
            host_ip: None,
            display_oss: Vec::new(),
            remote_shell: false,
            multicast: true,
            enable_dhcp: None,
            enable_tftp: Placed::default_of(true),
            interface: Vec::new(),
            bind_interfaces: true,
            dhcp_range: None,
            user: None,
            tracker: true,
            port: None,
            bt_enable_lpd: false,
            enable_peer_exchange: true,
            console_log_level: LogLevel::default(),
            network: Network::default(),
            machines: Machines::default(),
        }
    }
}
