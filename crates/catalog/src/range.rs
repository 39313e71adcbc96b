//! `dhcp_range`: the addresses to hand out, written as dnsmasq writes them.

use std::{net::Ipv4Addr, time::Duration};

/// `start,end[,netmask][,lease]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DhcpRange {
    /// First address.
    pub start: Ipv4Addr,
    /// Last address, not below `start`.
    pub end: Ipv4Addr,
    /// The subnet's mask where the file gives one.
    pub netmask: Option<Ipv4Addr>,
    /// How long a lease lasts.
    pub lease: LeaseTime,
}

/// How long a lease lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseTime {
    /// So long, at least two minutes.
    Lasts(Duration),
    /// For ever.
    Infinite,
}
