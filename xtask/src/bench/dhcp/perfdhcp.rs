//! perfdhcp: called, waited for, and what it found.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use lab::{Host, Room, until};
use serde::Serialize;

use super::super::plan::SERVER;
use super::super::process::Process;

/// Where the relay agent is that it plays.
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// Debian's kea-admin has it there, which is not in everybody's PATH.
const PROGRAM: &str = "/usr/sbin/perfdhcp";
/// How long answers are waited for after the last machine has asked, in seconds.
const LATE: u32 = 2;
/// What it may take beside that.
const PATIENCE: Duration = Duration::from_secs(60);

/// What it plays.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Load {
    /// Machines that begin in a second.
    pub(super) rate: u32,
    /// Machines in all, none of which was there before.
    pub(super) machines: u32,
}

/// What it found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Heard {
    /// DISCOVERs it sent.
    pub(super) asked: u32,
    /// OFFERs that came within a second.
    pub(super) offered: u32,
    /// ACKs that came within a second of their REQUESTs.
    pub(super) got: u32,
    /// DISCOVERs a second, from the first to the last.
    pub(super) rate: f64,
}

/// Plays `load` from `relay`.
pub(super) fn play(room: &Room, relay: &Host, load: Load, logs: &Path) -> Result<Heard> {
    let Load { rate, machines } = load;
    let (rate, machines) = (rate.to_string(), machines.to_string());
    let late = (LATE * 1_000_000).to_string();
    let mut command = relay.command(PROGRAM);
    command.args(["-4", "-W", &late, "-r", &rate, "-n", &machines]);
    // Their hardware addresses count up. It may play some more than it is told, and with a range as small as that would
    // then play the first machines again, which get their own addresses again.
    let different = (2 * load.machines).to_string();
    command.args(["-R", &different, &SERVER.to_string()]);
    let mut process = Process::start(&mut command, &logs.join("perfdhcp.log"))?;
    // Its exit code also says that a packet was lost, which is no failure of ours.
    until("the end of perfdhcp", PATIENCE, room.stop(), || {
        process.ended()
    })?;
    heard(&process.said()).with_context(|| process.last_words())
}

/// Reads its report: a part for each of the two exchanges, and in it a line for each figure.
fn heard(said: &str) -> Option<Heard> {
    let part = |name: &str| {
        let (_, part) = said.split_once(&format!("***Statistics for: {name}***"))?;
        Some(part.split("***").next().unwrap_or(part))
    };
    let figure = |part: &str, name: &str| -> Option<u32> {
        let line = |line: &str| line.strip_prefix(name)?.strip_prefix(": ")?.parse().ok();
        part.lines().find_map(line)
    };
    let (offers, acks) = (part("DISCOVER-OFFER")?, part("REQUEST-ACK")?);
    let rate = said
        .lines()
        .find_map(|line| line.strip_prefix("Rate: "))?
        .split(' ')
        .next()?;
    let (asked, got) = (
        figure(offers, "sent packets")?,
        figure(acks, "received packets")?,
    );
    // It divides what came by all its time, with the wait at the end.
    let period = f64::from(got) / rate.parse::<f64>().ok()? - f64::from(LATE);
    Some(Heard {
        asked,
        offered: figure(offers, "received packets")?,
        got,
        rate: if period > 0.0 {
            f64::from(asked) / period
        } else {
            0.0
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_exchanges_are_told_apart() {
        let said = "\
Scenario: basic.
***Rate statistics***
Rate: 71.142857 4-way exchanges/second, expected rate: 100

***Statistics for: DISCOVER-OFFER***
sent packets: 500
received packets: 499
drops: 1

***Statistics for: REQUEST-ACK***
sent packets: 499
received packets: 498
drops: 1
";

        let Heard {
            asked,
            offered,
            got,
            rate,
        } = heard(said).unwrap();
        assert_eq!((asked, offered, got), (500, 499, 498));
        // 498 in 7 s, of which it waited 2.
        assert!((rate - 100.0).abs() < 0.01, "{rate}");
        assert_eq!(heard("Usage: perfdhcp"), None);
    }
}
