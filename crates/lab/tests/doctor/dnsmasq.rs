//! A DHCP and TFTP server that is not ours.

use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::Result;
use lab::{Host, Stop, until};

use super::SOON;

/// Somebody else's DHCP and TFTP server. Dropping it ends it.
pub(crate) struct Dnsmasq(Child);

impl Dnsmasq {
    /// Starts it, and waits until it has its ports.
    pub(crate) fn start(host: &Host, scratch: &Path) -> Result<Dnsmasq> {
        let mut command = host.command("dnsmasq");
        command.args([
            "--no-daemon",
            "--conf-file=/dev/null",
            "--port=0",
            "--user=root",
            "--pid-file=",
        ]);
        command.args([
            "--interface=eth0",
            "--dhcp-range=10.77.0.50,10.77.0.99",
            "--dhcp-authoritative",
        ]);
        command.arg(format!(
            "--dhcp-leasefile={}",
            scratch.join("leases").display()
        ));
        command
            .arg("--enable-tftp")
            .arg(format!("--tftp-root={}", scratch.display()));
        let server = Dnsmasq(
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()?,
        );
        until("dnsmasq", SOON, &Stop::never(), || {
            let taken = |port| {
                host.namespace()
                    .enter(|| Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).is_err()))
            };
            Ok((taken(67)? && taken(69)?).then_some(()))
        })?;
        Ok(server)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
