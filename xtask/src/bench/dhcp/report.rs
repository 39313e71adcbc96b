//! What was measured, for people and for programs.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;

use super::super::bound::median;
use super::super::table::table;
use super::super::tools;
use super::perfdhcp::{Heard, Load};
use super::server::Program;

/// So many of 100 machines must have their address.
const ENOUGH: f64 = 0.99;
/// With fewer, a higher rate is not worth trying.
const NEARLY: f64 = 0.8;
/// Below this part of the rate perfdhcp did not ask as fast as it should: it has come to its own limit.
const FAST: f64 = 0.9;

/// What was measured of all servers.
pub(super) struct Report {
    /// The command that measures it again.
    pub(super) command: String,
    pub(super) computer: String,
    pub(super) lines: Vec<Line>,
}

/// A server.
pub(super) struct Line {
    pub(super) program: Program,
    /// The rates of each run, ascending.
    pub(super) runs: Vec<Vec<Step>>,
}

/// A rate.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Step {
    pub(super) load: Load,
    pub(super) heard: Heard,
    /// Addresses that two machines had at one time.
    pub(super) twice: u32,
    /// Addresses that the machine which had them got once more.
    pub(super) again: u32,
    /// Seconds of processor time that the server took.
    pub(super) cpu: f64,
    /// The most memory it had, in bytes.
    pub(super) memory: u64,
}

const HEAD: [&str; 7] = [
    "server",
    "machines/s served",
    "of the runs",
    "most addresses/s",
    "given twice",
    "CPU ms per machine",
    "peak MiB",
];

const NOTES: &str = "\
- *served*: the highest rate of new machines at which at least 99 of 100 had an address (DISCOVER, OFFER, REQUEST, ACK), each \
answer within a second; the median of the runs. perfdhcp plays them through a relay agent in the same subnet.
- *most*: addresses a second at any rate, those included at which more went without. dnsmasq reserves nothing with an \
offer: machines that ask at the same time are offered the same address, and all but one are refused it (NAK) and begin again.
- *given twice*: addresses that two machines had at one time, at any rate of any run.
- *CPU*, *peak*: of the server at the highest rate that was served.
- Ours asks the wire whether an address is in use before it offers it (0.3 s); Kea 2.2 does not, and dnsmasq is told not to.
";

impl Step {
    /// Whether enough machines got their address.
    pub(super) fn is_served(&self) -> bool {
        f64::from(self.heard.got) >= ENOUGH * f64::from(self.load.machines)
    }

    /// Whether a higher rate may be worth trying.
    pub(super) fn is_nearly_served(&self) -> bool {
        f64::from(self.heard.got) >= NEARLY * f64::from(self.load.machines)
    }

    /// Addresses a second.
    pub(super) fn addresses(&self) -> f64 {
        let Heard { asked, got, .. } = self.heard;
        self.rate() * f64::from(got.min(asked)) / f64::from(asked.max(1))
    }

    /// Whether the machines began at the rate they should.
    pub(super) fn is_as_fast_as_asked(&self) -> bool {
        self.heard.rate >= FAST * f64::from(self.load.rate)
    }

    /// Machines that began in a second.
    pub(super) fn rate(&self) -> f64 {
        match self.is_as_fast_as_asked() {
            true => self.load.rate.into(),
            false => self.heard.rate,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Heard {
            asked,
            offered,
            got,
            rate,
        } = self.heard;
        let (twice, again) = (self.twice, self.again);
        write!(
            f,
            "{}/s: {asked} asked at {rate:.0}/s, {offered} offers, {got} addresses, {twice} to two machines, {again} once more; {:.2} s of CPU",
            self.load.rate, self.cpu
        )
    }
}

impl Line {
    /// Before the first run.
    pub(super) fn new(program: Program) -> Line {
        Line {
            program,
            runs: Vec::new(),
        }
    }

    fn cells(&self) -> [String; HEAD.len()] {
        let best = |run: &Vec<Step>| run.iter().rfind(|step| step.is_served()).cloned();
        let best: Vec<Step> = self.runs.iter().filter_map(best).collect();
        let of = |value: fn(&Step) -> f64| median(best.iter().map(value)).unwrap_or_default();
        let rates = best.iter().map(|step| format!("{:.0}", step.rate()));
        let twice: u32 = self.runs.iter().flatten().map(|it| it.twice).sum();
        [
            self.program.name().to_owned(),
            format!("{:.0}", super::served(&self.runs).unwrap_or_default()),
            rates.collect::<Vec<_>>().join(", "),
            format!("{:.0}", super::most(&self.runs).unwrap_or_default()),
            twice.to_string(),
            format!(
                "{:.2}",
                of(|it| it.cpu * 1000.0 / f64::from(it.heard.got.max(1)))
            ),
            format!("{:.0}", of(|it| it.memory as f64 / f64::from(1 << 20))),
        ]
    }
}

impl Report {
    pub(super) fn table(&self) -> String {
        table(HEAD, self.lines.iter().map(Line::cells))
    }

    /// The path of its files, without an ending.
    pub(super) fn base(&self) -> PathBuf {
        tools::folder().join("dhcp")
    }

    /// # Errors
    /// What the project promises of it is not met.
    pub(super) fn promised(&self) -> Result<()> {
        super::promised(&self.lines)
    }

    pub(super) fn write(&self) -> Result<()> {
        let markdown = format!(
            "# New machines a second\n\n`{}`\n\n{}\n{NOTES}- {}\n",
            self.command,
            self.table(),
            self.computer
        );
        let servers = self.lines.iter().map(|line| {
            let served = super::served(&line.runs);
            let most = super::most(&line.runs);
            json!({ "server": line.program.name(), "served": served, "most": most, "runs": line.runs })
        });
        let json = json!({
            "command": self.command,
            "computer": self.computer,
            "servers": servers.collect::<Vec<_>>(),
        });
        let write = |ending: &str, text: &str| {
            let path = self.base().with_extension(ending);
            fs::write(&path, text).with_context(|| format!("{}", path.display()))
        };
        write("md", &markdown)?;
        write("json", &serde_json::to_string_pretty(&json)?)
    }
}
