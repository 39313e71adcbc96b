//! A server at work on a host of the room, ours or another's: watched, charged and ended in the same way.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use lab::{BtServer, Host, Room, until};

use super::cpu;
use super::process::Process;

/// How long a server may take until it serves; ours listens to the wire for 8 s where it gives addresses.
const READY: Duration = Duration::from_secs(60);

/// A running server. Dropping it ends it.
pub(super) enum Serving {
    /// bt-server.
    Ours(BtServer),
    /// Another one.
    Other(Process),
}

impl Serving {
    /// Waits until it serves on the UDP port `port` of `host`.
    pub(super) fn wait_until_it_serves(
        &mut self,
        room: &Room,
        host: &Host,
        port: u16,
    ) -> Result<()> {
        if let Serving::Ours(ours) = self {
            ours.wait_until_it_serves(host, READY)?;
        }
        until("the server", READY, room.stop(), || {
            self.check()?;
            Ok(is_open(host, port)?.then_some(()))
        })
        .with_context(|| self.last_words())
    }

    /// An error when it has ended.
    pub(super) fn check(&mut self) -> Result<()> {
        let ended = match self {
            Serving::Ours(ours) => ours.ended()?,
            Serving::Other(process) => process.ended()?,
        };
        match ended {
            Some(status) => bail!("the server ended ({status}): {}", self.last_words()),
            None => Ok(()),
        }
    }

    /// Seconds of processor time so far.
    pub(super) fn cpu(&self) -> f64 {
        cpu::of_process(self.pid())
    }

    /// The most memory that it has had so far, in bytes, pages of its file included (VmHWM of proc(5)).
    pub(super) fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        peak(&status).context("no VmHWM in a status file")
    }

    /// What it printed, or the end of it.
    pub(super) fn last_words(&self) -> String {
        match self {
            Serving::Ours(ours) => ours.said(),
            Serving::Other(process) => process.last_words(),
        }
    }

    fn pid(&self) -> u32 {
        match self {
            Serving::Ours(ours) => ours.pid(),
            Serving::Other(process) => process.pid(),
        }
    }
}

/// Whether anybody on `host` has opened this UDP port.
fn is_open(host: &Host, port: u16) -> Result<bool> {
    let read = || Ok(fs::read_to_string("/proc/thread-self/net/udp")?);
    let table = host.namespace().enter(read)?;
    let local = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
    let end = format!(":{port:04X}");
    Ok(table.lines().filter_map(local).any(|it| it.ends_with(&end)))
}

fn peak(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_peak_is_told_from_the_moment() {
        let status = "Name:\tx\nVmPeak:\t  9000 kB\nVmHWM:\t    1024 kB\nVmRSS:\t     512 kB\n";
        assert_eq!(super::peak(status), Some(1 << 20));
        assert_eq!(super::peak("VmHWM:\t1 MB\n"), None);
    }
}
