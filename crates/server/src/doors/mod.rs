//! The doors machines knock at, in the order they knock.
//!
//! Each door is one task that owns what it decides with, gets its socket already bound, tells the
//! journal what happened, and ends when `stop` is cancelled. Doors hold no protocol decisions:
//! those are in `pxe` and `tracker`.

pub mod arp;
pub mod connect_back;
pub mod dhcp;
pub mod ear;
pub mod follow;
pub mod http;
pub mod lsd;
pub mod multicast;
pub mod neighbour;
pub mod pxe4011;
mod quota;
pub mod second;
mod sparingly;
pub mod tftp;
pub mod udp;
pub mod wire;
