//! A serving bt-server in a room, machines that fetch from it, and folders whose bytes are known.
#![allow(dead_code, reason = "shared by several tests, none of which uses all")]

pub(crate) mod fetch;
pub(crate) mod tree;
pub(crate) mod world;
