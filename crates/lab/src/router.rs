//! A router: one computer with a foot in each of several rooms, which carries IP packets between them
//! and, as every router, no broadcasts.

use std::fs;
use std::net::Ipv4Addr;

use anyhow::{Context, Result};

use crate::{Host, Room};

/// The prefix length of every network it is in.
const PREFIX: u8 = 24;
/// The switch for it, of the network namespace that looks at the file (Documentation/networking/ip-sysctl.rst).
const FORWARDING: &str = "/proc/sys/net/ipv4/ip_forward";

/// A router. It ends with the room it was plugged into first; drop the others before.
#[derive(Debug)]
pub struct Router {
    host: Host,
    /// Its address in the first room.
    address: Ipv4Addr,
    /// Its interfaces in the other rooms, and its addresses there.
    beyond: Vec<(String, Ipv4Addr)>,
}

impl Router {
    /// A router that is in `room` alone, at `address`. Networks have 24 bits.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn plug_into(room: &mut Room, address: Ipv4Addr) -> Result<Router> {
        let host = room.host(Some((address, PREFIX)))?;
        host.namespace().enter(|| {
            fs::write(FORWARDING, "1").with_context(|| format!("cannot write {FORWARDING}"))
        })?;
        Ok(Router {
            host,
            address,
            beyond: Vec::new(),
        })
    }

    /// Plugs it into another room as well, at `address` there.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn reach(&mut self, room: &mut Room, address: Ipv4Addr) -> Result<()> {
        let interface = format!("eth{}", self.beyond.len() + 1);
        room.plug_in(&self.host, &interface, address, PREFIX)?;
        self.beyond.push((interface, address));
        Ok(())
    }

    /// Tells `host`, in the first room, the way to the other rooms.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn show_the_way(&self, host: &Host) -> Result<()> {
        for (_, address) in &self.beyond {
            let [a, b, c, _] = address.octets();
            let via = self.address;
            host.namespace()
                .ip(&format!("route add {a}.{b}.{c}.0/{PREFIX} via {via}"))?;
        }
        Ok(())
    }

    /// The computer that it is, where programs can run.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Its interfaces in the rooms beyond the first, in their order, and its addresses there.
    pub fn beyond(&self) -> impl Iterator<Item = (&str, Ipv4Addr)> {
        let beyond = self.beyond.iter();
        beyond.map(|(interface, address)| (interface.as_str(), *address))
    }
}
