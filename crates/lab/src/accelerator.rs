//! Whether this computer can run machines with KVM: found out by running one.
//!
//! The presence of /dev/kvm proves nothing: inside some clouds it opens, runs a boot sector, and
//! hangs in the first program that leaves real mode. So the probe is a network boot of its own,
//! with everything in it that our machines do later: PXE ROM, DHCP and TFTP (QEMU's built-in
//! ones; no packet leaves the process) and a loader.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// `mov al, 42; out 0xf4, al; hlt`: all that the probe's loader does is to end the machine through
/// QEMU's exit device, with a status nothing else produces.
const PROGRAM: [u8; 5] = [0xb0, 42, 0xe6, 0xf4, 0xf4];
const PROOF: i32 = 42 << 1 | 1;
const PATIENCE_SECONDS: &str = "8";

/// How QEMU executes a machine's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor does it.
    Kvm,
    /// QEMU translates them: slow, works everywhere.
    Tcg,
}

impl Accelerator {
    /// What works here; probed once per process. `BT_LAB_ACCELERATOR=tcg` or `kvm` skips the probe.
    pub fn here() -> Accelerator {
        static FOUND: OnceLock<Accelerator> = OnceLock::new();
        *FOUND.get_or_init(|| match std::env::var("BT_LAB_ACCELERATOR").as_deref() {
            Ok("kvm") => Accelerator::Kvm,
            Ok("tcg") => Accelerator::Tcg,
            _ if Path::new("/dev/kvm").exists() && boots("kvm").unwrap_or(false) => {
                Accelerator::Kvm
            }
            _ => Accelerator::Tcg,
        })
    }

    /// QEMU's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Accelerator::Kvm => "kvm",
            Accelerator::Tcg => "tcg",
        }
    }
}

fn boots(accelerator: &str) -> Result<bool> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("probe"), PROGRAM)?;
    let network = format!(
        "user,id=wire,restrict=on,tftp={},bootfile=probe",
        folder.path().display()
    );
    // `timeout` ends it even when we are killed meanwhile.
    let mut probe = Command::new("timeout")
        .args(["--signal=KILL", PATIENCE_SECONDS, "qemu-system-x86_64"])
        .args(["-accel", accelerator, "-m", "64", "-nodefaults"])
        .args(["-display", "none", "-netdev", &network])
        .args(["-device", "e1000,netdev=wire,bootindex=0"])
        .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    // A broken KVM says so and then stays, frozen: no need to sit the whole time out.
    let said = BufReader::new(probe.stderr.take().context("no standard error")?);
    if said
        .lines()
        .map_while(Result::ok)
        .any(|line| line.contains("KVM internal error"))
    {
        kill(Pid::from_raw(probe.id().try_into()?), Signal::SIGTERM)?;
    }
    let status = probe.wait()?;
    Ok(status.code() == Some(PROOF))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[ignore = "needs QEMU"]
    fn the_probe_machine_proves_itself_and_an_impossible_one_does_not() {
        assert!(boots("tcg").unwrap());
        assert!(!boots("no-such-accelerator").unwrap());
    }
}
