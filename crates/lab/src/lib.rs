//! Test worlds on one Linux computer: private switches made of network namespaces, hosts on
//! them, and virtual machines that boot from the network.
//!
//! A [`Room`] is one switch. [`Room::host`] plugs in a namespace with an address, where ordinary
//! programs run; [`Room::machine`] plugs in a QEMU machine that knows nothing but its firmware. A
//! [`Router`] joins rooms, and a [`RelayAgent`] on it carries DHCP between them.
//! [`BtServer`] runs the server on a host, [`TargetOs`] is a small system worth booting. Tests,
//! benches and the demo all live in these rooms.
//!
//! Nothing here touches the network, the interfaces or the named namespaces of the computer it
//! runs on, and nothing is left behind: namespaces have no name and end with their last process,
//! and those processes are ended by a watcher that outlives even a killed test. Everything needs
//! root; [`need_root`] says so in one sentence.
//!
//! The crate holds no product code and the product never depends on it.

#![forbid(unsafe_code)]

mod accelerator;
mod bt_server;
pub mod built;
mod classroom;
mod console;
mod foreign;
mod glyphs;
mod http;
mod journal;
mod machine;
mod namespace;
mod own_disk;
mod photograph;
mod qmp;
mod relay;
mod room;
mod router;
mod scratch;
mod shape;
mod stop;
mod target_os;
mod watcher;

pub use accelerator::Accelerator;
pub use bt_server::{BtServer, Call};
pub use classroom::{Classroom, Plan, Start};
pub use console::Console;
pub use foreign::{Foreign, Kea};
pub use glyphs::Glyphs;
pub use http::{get, get_part};
pub use journal::{MachineView, Machines, TimedStep};
pub use machine::{Firmware, Machine, Nic, Spec};
pub use namespace::{Namespace, need_root};
pub use own_disk::OwnDisk;
pub use photograph::Photograph;
pub use relay::RelayAgent;
pub use room::{Host, Room};
pub use router::Router;
pub use scratch::Scratch;
pub use shape::Apart;
pub use stop::{Stop, until};
pub use target_os::{TargetOs, noise};
