//! Somebody else's DHCP server: dnsmasq, as it stands in many rooms already.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::{Context, Result};
use lab::Host;

/// A running one; it gives 10.77.0.50 to 10.77.0.99 on a host that has an address in 10.77.0.0/24.
pub(crate) struct Dnsmasq(Child);

impl Dnsmasq {
    /// Starts it on `host` with further `options`.
    pub(crate) fn start(host: &Host, scratch: &Path, options: &[&str]) -> Result<Dnsmasq> {
        let dnsmasq = host
            .command("dnsmasq")
            .args(["--no-daemon", "--conf-file=/dev/null", "--port=0"])
            .args(["--user=root", "--pid-file=", "--dhcp-authoritative"])
            .arg("--dhcp-range=10.77.0.50,10.77.0.99")
            .arg(format!(
                "--dhcp-leasefile={}",
                scratch.join("dnsmasq.leases").display()
            ))
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start dnsmasq")?;
        Ok(Dnsmasq(dnsmasq))
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The address of the host that it runs on in most tests.
pub(crate) const OTHER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
