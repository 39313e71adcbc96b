//! What goes wrong in a room, done to real machines: cables are pulled out, lose packets and are slow, the
//! server is killed, machines may not meet. Everybody who stays gets every byte, and soon.
//!
//! Cables have a speed here, so that what matters is what went over the wire and not how busy the
//! computer is.

#[path = "../common/mod.rs"]
mod common;
mod crash;
mod isolated;
mod lossy;
mod machine;
mod multicast;
mod slow;
mod vanish;

use common::{fetch, tree, world};
