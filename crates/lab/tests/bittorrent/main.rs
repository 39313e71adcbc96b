//! BitTorrent and its payloads: programs that we did not write fetch from our server and share with
//! our client, and systems that are hard to carry arrive as they are.
//!
//! Each of those programs runs as its users run it; aria2 and libtorrent without the means of finding peers
//! beside the tracker, Transmission as it is.

mod archive;
mod client;
#[path = "../common/mod.rs"]
mod common;
mod connect_back;
mod large;
mod names;
mod programs;
mod several;
mod web_seed;

use common::{fetch, tree, world};
