//! What the responder must know of the site: plain values.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use crate::machines::Machines;
use crate::plan::Loader;

/// Who gives the addresses on this wire.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub enum Mode {
    /// We do: addresses and loaders.
    #[default]
    Full,
    /// Another server does: firmware gets only what to boot, beside the other server's offer
    /// (proxyDHCP, PXE specification 2.1, section 2.2.3), and nobody gets an address.
    Proxy,
    /// Another bt-server does, and says what to boot: nobody is answered but who keeps an address of
    /// ours.
    Second,
}

/// What the responder must know of the site.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's address on the served interface: server identifier, next-server, URLs.
    pub server: Ipv4Addr,
    /// That interface's prefix length.
    pub prefix: u8,
    /// The first and last address to give away; all of the subnet when not set.
    pub range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// How long a lease lasts.
    pub lease: Duration,
    /// The default gateway machines are told, if any.
    pub router: Option<Ipv4Addr>,
    /// The name servers machines are told. At most 8 are used.
    pub dns: Vec<Ipv4Addr>,
    /// The time servers machines are told. At most 4 are used.
    pub ntp: Vec<Ipv4Addr>,
    /// The domain machines are told that they are in.
    pub domain: Option<String>,
    /// Subnets behind relay agents. Machines of others get no address from us.
    pub subnets: Vec<RelayedSubnet>,
    /// Who boots, and what is different for some machines.
    pub machines: Machines,
    /// The server's HTTP port.
    pub http_port: u16,
    /// What machines load first.
    pub loader: Loader,
}

/// A subnet whose machines reach us through a relay agent (RFC 1542), which puts its own address
/// in that subnet into their requests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RelayedSubnet {
    /// Any address of it; what lies beyond the prefix does not count.
    pub network: Ipv4Addr,
    /// Its prefix length.
    pub prefix: u8,
    /// The first and last address to give away; all of the subnet when not set.
    pub range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// The default gateway its machines are told; the relay agent when not set.
    pub router: Option<Ipv4Addr>,
}

impl Settings {
    /// Where files are fetched by HTTP.
    pub(crate) fn http(&self) -> SocketAddrV4 {
        SocketAddrV4::new(self.server, self.http_port)
    }

    /// No more of anything than fits a reply to the smallest client beside what it boots.
    pub(crate) fn within_bounds(mut self) -> Self {
        self.dns.truncate(8);
        self.ntp.truncate(4);
        // A label of a domain name has 63 bytes, a name 253 (RFC 1035, section 2.3.4).
        self.domain = self.domain.filter(|name| (1..=253).contains(&name.len()));
        self
    }
}
