//! systemd-networkd on a machine of the room. It calls no script: what it has is read from where it
//! keeps it.
//!
//! It sees a /run of its own, without D-Bus, and a read-only /sys: there it does not wait for udev,
//! which knows nothing of a namespace's interfaces.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Child;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::{Stop, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lesson::Pupil;

const PROGRAM: &str = "/lib/systemd/systemd-networkd";
/// From its start, or from what it is told, to its effect.
const SOON: Duration = Duration::from_secs(30);
const SETTINGS: &str = "\
[Match]
Name=eth0
[Network]
DHCP=ipv4
LinkLocalAddressing=no
IPv6AcceptRA=no
[DHCPv4]
UseDNS=no
SendRelease=yes
";
/// $1 is its folder.
const OWN_WORLD: &str = "\
    mount --bind \"$1/run\" /run && \
    mount -o remount,bind,ro /sys && \
    shift && exec \"$@\"";

/// A running networkd. Dropping it is a power failure: nobody is told.
#[derive(Debug)]
pub(crate) struct Networkd {
    child: Child,
    home: PathBuf,
}

impl Networkd {
    /// Starts it on `pupil`.
    pub(crate) fn start(pupil: &Pupil) -> Result<Networkd> {
        let home = pupil.folder().join("networkd");
        let settings = home.join("run/systemd/network");
        fs::create_dir_all(&settings)?;
        fs::write(settings.join("10-room.network"), SETTINGS)?;
        let log = File::create(home.join("log"))?;
        let child = pupil
            .host()
            .command("sh")
            .args(["-c", OWN_WORLD, "sh"])
            .arg(&home)
            .arg(PROGRAM)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()?;
        Ok(Networkd { child, home })
    }

    /// Waits until it has a lease; hands back the address.
    pub(crate) fn wait_for_lease(&self) -> Result<Ipv4Addr> {
        let leases = self.home.join("run/systemd/netif/leases");
        let came = until("a lease of networkd", SOON, &Stop::never(), || {
            let Ok(files) = fs::read_dir(&leases) else {
                return Ok(None);
            };
            let texts = files.flatten().map(|file| fs::read_to_string(file.path()));
            let mut addresses = texts.flatten().filter_map(|text| address(&text));
            Ok(addresses.next())
        });
        came.with_context(|| self.said())
    }

    /// Tells it to end, and waits until it has.
    pub(crate) fn end(mut self) -> Result<()> {
        kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGTERM)?;
        let ended = until("the end of networkd", SOON, &Stop::never(), || {
            Ok(self.child.try_wait()?)
        });
        ended.map(drop).with_context(|| self.said())
    }

    fn said(&self) -> String {
        let log = fs::read_to_string(self.home.join("log")).unwrap_or_default();
        format!("networkd said:\n{log}")
    }
}

impl Drop for Networkd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `ADDRESS=10.77.0.50` in a file that says what a lease holds.
fn address(lease: &str) -> Option<Ipv4Addr> {
    let line = lease.lines().find_map(|line| line.strip_prefix("ADDRESS="));
    line?.parse().ok()
}
