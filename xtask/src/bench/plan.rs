//! What is run: machines, bytes and cables; and the room of it.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::{Host, Room, Stop};

use super::bound::Speeds;
use super::payload::MEMORY;

/// The server's address.
pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const PREFIX: u8 = 24;
/// A switch of the network namespace that looks at the file (Documentation/networking/ip-sysctl.rst).
const TIMESTAMPS: &str = "/proc/sys/net/ipv4/tcp_timestamps";
/// The machines' addresses count from here.
const FIRST: u32 = 10;
/// Seconds that every engine is waited for, however little it has to fetch.
const LEAST: f64 = 15.0;
/// The same where nothing limits the cables, and so nothing bounds the time: a GiB takes a few.
const UNLIMITED: f64 = 120.0;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Machines at the beginning.
    pub(super) clients: u32,
    /// How many of them vanish mid-way, and how many others come then.
    pub(super) churn: u32,
    /// Bytes that each machine wants.
    pub(super) bytes: u64,
    /// `None`: nothing limits the cables.
    pub(super) speeds: Option<Speeds>,
    /// An engine that needs more than so many times the bound (without one, two minutes) is ended; `None`: half as long again as it would take
    /// without sharing.
    pub(super) patience: Option<f64>,
}

impl Plan {
    /// Seconds before which no engine can be done.
    pub(super) fn bound(self) -> Option<f64> {
        self.speeds.map(|it| it.bound(self.clients, self.bytes))
    }

    /// The same without sharing.
    pub(super) fn without_sharing(self) -> Option<f64> {
        self.speeds
            .map(|it| it.without_sharing(self.clients, self.bytes))
    }

    /// An engine this slow is not worth waiting for.
    pub(super) fn patience(self) -> Duration {
        let slow = match (self.patience, self.bound()) {
            (Some(times), Some(bound)) => (times * bound).max(LEAST),
            (Some(_), None) => UNLIMITED,
            _ => 60.0 + 1.5 * self.without_sharing().unwrap_or(300.0),
        };
        Duration::from_secs_f64(slow)
    }

    /// The room: its server's host, and those of all machines that will ever be there.
    pub(super) fn wire(self, stop: &Stop) -> Result<(Room, Host, Vec<Host>)> {
        let mut room = Room::new_in(Path::new(MEMORY), stop)?;
        let server = room.host(Some((SERVER, PREFIX)))?;
        let hosts: Vec<Host> = (0..self.clients + self.churn)
            .map(|number| {
                let address = u32::from(SERVER) - 1 + FIRST + number;
                let host = room.host(Some((address.into(), PREFIX)))?;
                send_as_phase_1_does(&host)?;
                Ok(host)
            })
            .collect::<Result<_>>()?;
        if let Some(speeds) = self.speeds {
            server.limit_sending(speeds.server)?;
            room.limit_receiving(&server, speeds.server)?;
            for host in &hosts {
                host.limit_sending(speeds.up)?;
                room.limit_receiving(host, speeds.down)?;
            }
        }
        Ok((room, server, hosts))
    }
}

/// Machines in phase 1 have TCP without timestamps, and so have all engines' machines here.
fn send_as_phase_1_does(host: &Host) -> Result<()> {
    host.namespace()
        .enter(|| fs::write(TIMESTAMPS, "0").with_context(|| format!("cannot write {TIMESTAMPS}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_as_many_bounds_as_are_said_and_otherwise_long() {
        let speeds = Speeds {
            server: 8,
            down: 8,
            up: 8,
        };
        let patience = |patience, seconds: u64, speeds| {
            let plan = Plan {
                clients: 2,
                churn: 0,
                bytes: seconds * 1_000_000,
                speeds,
                patience,
            };
            plan.patience().as_secs()
        };
        assert_eq!(patience(Some(5.0), 10, Some(speeds)), 50);
        assert_eq!(patience(Some(5.0), 1, Some(speeds)), 15, "it has to start");
        assert_eq!(patience(Some(5.0), 10, None), 120);
        assert_eq!(patience(None, 10, Some(speeds)), 90, "20 s without sharing");
    }
}
