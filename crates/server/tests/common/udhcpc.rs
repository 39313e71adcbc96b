//! busybox's DHCP client, which we did not write.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result};
use lab::{Host, Room, Stop, until};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running one; every event of its script is one line of a file. Dropping it is a power failure.
pub(crate) struct Udhcpc {
    child: Child,
    events: PathBuf,
}

impl Udhcpc {
    /// Starts it on `machine` with further `arguments`; its files are called `name`.
    pub(crate) fn start(
        room: &Room,
        machine: &Host,
        name: &str,
        arguments: &[&str],
    ) -> Result<Self> {
        Self::on(room, machine, machine.interface(), name, arguments)
    }

    /// As [`Udhcpc::start`], on another interface of the machine.
    pub(crate) fn on(
        room: &Room,
        machine: &Host,
        interface: &str,
        name: &str,
        arguments: &[&str],
    ) -> Result<Self> {
        let script = room.scratch().join(format!("{name}.sh"));
        let events = room.scratch().join(format!("{name}.events"));
        // A renewal is sent from the address itself, so the script must really take it.
        let text = format!(
            "#!/bin/sh\n\
             ip addr flush dev $interface\n\
             [ -n \"$ip\" ] && ip addr add $ip/$mask brd + dev $interface\n\
             echo \"$1 $ip $serverid $subnet $lease\" >> {}\n",
            events.display()
        );
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        let child = machine
            .command(busybox()?)
            .args(["udhcpc", "-f", "-t", "10", "-T", "1", "-i", interface, "-s"])
            .arg(&script)
            .args(arguments)
            .spawn()
            .context("cannot start udhcpc")?;
        Ok(Self { child, events })
    }

    /// Waits for an event; gives its address, server, mask and lease time.
    pub(crate) fn wait_for(&self, event: &str) -> Result<Vec<String>> {
        until(event, PATIENCE, &Stop::never(), || {
            let events = fs::read_to_string(&self.events).unwrap_or_default();
            let last = events
                .lines()
                .last()
                .and_then(|line| line.strip_prefix(event));
            Ok(last.map(|rest| rest.split_whitespace().map(str::to_owned).collect()))
        })
    }

    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .context("cannot run kill")?;
        Ok(())
    }
}

impl Drop for Udhcpc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The busybox that phase 1 is made of, or an installed one.
fn busybox() -> Result<PathBuf> {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/phase1/unpacked");
    let packages = fs::read_dir(unpacked).into_iter().flatten().flatten();
    let ours = packages
        .map(|package| package.path().join("bin/busybox"))
        .find(|path| path.exists());
    let installed = || Some(PathBuf::from("/bin/busybox")).filter(|path| path.exists());
    ours.or_else(installed)
        .context("no busybox: run cargo xtask phase1 first")
}
