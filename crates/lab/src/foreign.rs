//! Somebody else's DHCP server: dnsmasq, as it stands in many rooms already. It knows nothing of bt-server.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result};

use crate::Host;

/// A running dnsmasq. Dropping it ends it.
#[derive(Debug)]
pub struct Foreign(Child);

impl Foreign {
    /// The first and the last address it gives away.
    pub const RANGE: (Ipv4Addr, Ipv4Addr) =
        (Ipv4Addr::new(10, 77, 0, 50), Ipv4Addr::new(10, 77, 0, 99));

    /// Starts it on `host` with further `options`; its leases lie in `scratch`.
    pub fn dhcp(host: &Host, scratch: &Path, options: &[&str]) -> Result<Foreign> {
        let (first, last) = Foreign::RANGE;
        let leases = scratch.join("foreign.leases");
        let dnsmasq = host
            .command("dnsmasq")
            .args(["--no-daemon", "--conf-file=/dev/null", "--port=0"])
            .args(["--user=root", "--pid-file=", "--dhcp-authoritative"])
            .arg(format!("--interface={}", host.interface()))
            .arg(format!("--dhcp-leasefile={}", leases.display()))
            .arg(format!("--dhcp-range={first},{last}"))
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start nsenter and dnsmasq")?;
        Ok(Foreign(dnsmasq))
    }

    /// Whether an address is one of its range.
    pub fn gives(address: Ipv4Addr) -> bool {
        (Foreign::RANGE.0..=Foreign::RANGE.1).contains(&address)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
