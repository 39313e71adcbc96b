//! The real program on wires of every kind: silent, with another DHCP server on it, with one that comes later; and on
//! interfaces of every kind: without an address, beside others, coming and going.

#[path = "../common/mod.rs"]
mod common;
mod company;
mod interfaces;
mod one_offer;
mod several;
mod unfollowed;
mod wires;
mod world;
