//! The whole chain with the finished bt-server: real firmware, real kernels, real packets.
//!
//! The virtual machines take most of the time of all tests: each boot proves as much as it can.

mod firmware;
mod guests;
mod installer;
mod menu;
mod original;
mod own_disk;
mod programs;
mod proxy;
mod relay;
mod room;
mod server;
mod two;
mod vlan;
