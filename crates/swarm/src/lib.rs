//! Getting a torrent's bytes to every machine of a room.
//!
//! [`core`] decides and [`net`] acts. The core holds the rules of BitTorrent: what a message means,
//! which block to ask of whom, who is slow, who lies. It sees no socket, no file and no clock, so
//! that the very same code runs in a room of simulated machines. The shell in [`net`] moves the
//! bytes: connections, files and the tracker. [`sim`] is such a room.
//!
//! This crate never knows what the bytes are for, and draws nothing on a screen.

pub mod core;
pub mod net;
pub mod sim;
