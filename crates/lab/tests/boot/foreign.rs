//! Somebody else's DHCP server: dnsmasq, as it stands in many rooms already.

use std::path::Path;
use std::process::{Child, Stdio};

use lab::Host;

/// Somebody else's DHCP server.
pub(crate) struct Foreign(Child);

impl Foreign {
    /// Starts it on `host` with further `options`.
    pub(crate) fn dhcp(host: &Host, scratch: &Path, options: &[&str]) -> Foreign {
        let dnsmasq = host
            .command("dnsmasq")
            .args([
                "--no-daemon",
                "--conf-file=/dev/null",
                "--port=0",
                "--user=root",
                "--pid-file=",
            ])
            .arg(format!("--interface={}", host.interface()))
            .arg(format!(
                "--dhcp-leasefile={}",
                scratch.join("leases").display()
            ))
            .args(["--dhcp-range=10.77.0.50,10.77.0.99", "--dhcp-authoritative"])
            .args(options)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Foreign(dnsmasq)
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
