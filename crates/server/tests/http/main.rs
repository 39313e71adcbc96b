//! The HTTP door over a real socket on loopback: what loaders, machines and BitTorrent clients get.

mod announce;
mod connections;
mod door;
mod files;
mod look;
mod machines;
mod multicast;
mod sharing;
mod stats;
mod waiting;
