//! The rules of the swarm, without sockets, files or clocks.
#![forbid(unsafe_code)]
