//! What can be booted: `Boottorrent.yaml` and `oss/NAME/config.yaml` as types, and the manifest
//! that tells a machine what it may start.
//!
//! Text goes in, types and a list of [`Problem`]s come out; every problem names its file, line,
//! value and remedy, and one pass finds all of them. What a file lacks is missing at the line of the section that
//! lacks it. This crate never opens a file, never talks to
//! a network and knows nothing of torrents but their names and the hashes of their files.
//!
//! With the feature `yaml` off only [`Method`], [`manifest`], [`cmdline`], [`memory`], [`mod@shell`] and the readers of
//! heads ([`executable`], [`kernel`]) remain: that is the client's half, which reads JSON.
#![forbid(unsafe_code)]

pub mod cmdline;
pub mod executable;
pub mod kernel;
pub mod manifest;
pub mod memory;
mod method;
pub mod shell;

#[cfg(feature = "yaml")]
mod first;
#[cfg(feature = "yaml")]
mod nearest;
#[cfg(feature = "yaml")]
mod problem;
#[cfg(feature = "yaml")]
mod range;
#[cfg(feature = "yaml")]
mod settings;
#[cfg(feature = "yaml")]
pub mod signature;
#[cfg(feature = "yaml")]
mod system;
#[cfg(feature = "yaml")]
mod together;
#[cfg(feature = "yaml")]
mod who;
#[cfg(feature = "yaml")]
mod yaml;

pub use method::Method;
pub use shell::Shell;
#[cfg(feature = "yaml")]
pub use {
    first::{default_system, menu_timeout},
    problem::{Checked, Placed, Problem, Severity},
    range::{DhcpRange, LeaseTime},
    settings::{
        Boot, LogLevel, MachineRule, Machines, Network, SeedUntil, Settings, Subnet, Unknown,
        settings,
    },
    system::{Head, PayloadFile, System, is_image, system, system_of},
    together::{display_oss, offered, on_interface, range_on_interface, together},
    who::{MachineTold, WhoBoots, who_boots},
    yaml::text::{LONGEST_FILE, decode},
};
