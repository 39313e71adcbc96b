//! Somebody else's DHCP server: dnsmasq, as it stands in many rooms already, or Kea. It knows nothing of bt-server.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{Host, Stop, until};

/// `@…@` is filled in. Who it serves is all that is not Kea's own default: so it answers a machine without an address by a raw
/// frame to its hardware address, where dnsmasq uses a broadcast or an entry in the kernel's table.
const KEA: &str = r#"{ "Dhcp4": {
    "interfaces-config": { "interfaces": [ "@INTERFACE@" ] },
    "lease-database": { "type": "memfile", "name": "@HOME@/leases.csv", "lfc-interval": 0 },
    "client-classes": [ { "name": "served", "test": "@SERVES@" } ],
    "subnet4": [ { "subnet": "10.77.0.0/24", "client-class": "served", "pools": [ { "pool": "@FIRST@ - @LAST@" } ] } ],
    "loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output_options": [ { "output": "stderr" } ] } ]
} }
"#;

/// How long Kea may take to start.
const WITHIN: Duration = Duration::from_secs(60);

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub struct Foreign(Child);

/// What a Kea gives to whom, in 10.77.0.0/24.
#[derive(Clone, Copy, Debug)]
pub struct Kea<'a> {
    /// The program; see [`crate::built::kea`].
    pub program: &'a Path,
    /// The first and the last address it gives away.
    pub range: (Ipv4Addr, Ipv4Addr),
    /// Whom it serves, by hardware address; `None` for everybody.
    pub only: Option<&'a str>,
}

impl Foreign {
    /// The first and the last address that dnsmasq gives away.
    pub const RANGE: (Ipv4Addr, Ipv4Addr) =
        (Ipv4Addr::new(10, 77, 0, 50), Ipv4Addr::new(10, 77, 0, 99));

    /// Starts dnsmasq on `host` with further `options`; its leases lie in `scratch`.
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

    /// Starts `kea` on `host` and waits until it serves; its files lie in `scratch`, and what it says goes to `kea.log` there.
    ///
    /// # Errors
    /// Its files cannot be written, or it does not start: then with what it said.
    pub fn kea(host: &Host, scratch: &Path, kea: &Kea<'_>) -> Result<Foreign> {
        let home = scratch.join("kea");
        fs::create_dir_all(&home).context("cannot make a folder for Kea")?;
        let text = KEA
            .replace("@INTERFACE@", host.interface())
            .replace("@HOME@", &home.display().to_string())
            .replace("@SERVES@", &serves(kea.only))
            .replace("@FIRST@", &kea.range.0.to_string())
            .replace("@LAST@", &kea.range.1.to_string());
        let config = home.join("kea.json");
        fs::write(&config, text).context("cannot write Kea's configuration")?;
        let log = scratch.join("kea.log");
        let said = File::create(&log).context("cannot write kea.log")?;
        let kea = host
            .command(kea.program)
            .arg("-c")
            .arg(&config)
            .env("KEA_PIDFILE_DIR", &home)
            .env("KEA_LOCKFILE_DIR", &home)
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .context("cannot start nsenter and Kea")?;
        let mut kea = Foreign(kea);
        until("Kea's DHCP4_STARTED", WITHIN, &Stop::never(), || {
            let said = fs::read_to_string(&log)?;
            match kea.0.try_wait()? {
                Some(ended) => bail!("Kea ended at once, {ended}:\n{said}"),
                None => Ok(said.contains("DHCP4_STARTED").then_some(())),
            }
        })?;
        Ok(kea)
    }

    /// Whether an address is one of dnsmasq's range.
    pub fn gives(address: Ipv4Addr) -> bool {
        (Foreign::RANGE.0..=Foreign::RANGE.1).contains(&address)
    }
}

/// The expression of Kea's that is true for whom it serves.
fn serves(only: Option<&str>) -> String {
    match only {
        Some(mac) => format!("pkt4.mac == 0x{}", mac.replace(':', "")),
        None => "member('ALL')".to_owned(),
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
