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
use super::What;
use super::server::Program;

/// What was measured.
pub(super) struct Report {
    /// The command that measures it again.
    pub(super) command: String,
    pub(super) computer: String,
    pub(super) lines: Vec<Line>,
}

/// A server in a room.
pub(super) struct Line {
    pub(super) what: What,
    pub(super) clients: u32,
    pub(super) program: Program,
    pub(super) runs: Vec<Run>,
}

/// What a run took.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Run {
    /// Until the last machine had every byte.
    pub(super) seconds: f64,
    /// How often machines had to say something again.
    pub(super) repeats: u32,
    /// Seconds of processor time that the server took.
    pub(super) cpu: f64,
    /// The most memory it had had before the first machine asked, in bytes.
    pub(super) memory_before: u64,
    /// The same after the last was done.
    pub(super) memory: u64,
}

const HEAD: [&str; 8] = [
    "fetched",
    "server",
    "last s (min–max)",
    "MB/s",
    "CPU s server",
    "CPU s per GB",
    "peak MiB",
    "said again",
];

const NOTES: &str = "\
- *last*: from the moment all machines ask until the last has every byte; medians of the runs. Every byte was compared.
- *CPU*: processor time of the server; the machines are threads of the bench, which take most of the computer.
- *peak*: the server's memory with the pages of its file, and how much of it came with the transfers. Ours carries phase 1.
- *said again*: how often a machine heard nothing for a second and repeated itself, in all runs.
";

impl Line {
    /// Before the first run.
    pub(super) fn new(what: What, clients: u32, program: Program) -> Line {
        Line {
            what,
            clients,
            program,
            runs: Vec::new(),
        }
    }

    fn bytes(&self) -> f64 {
        self.what.size() as f64 * f64::from(self.clients)
    }

    fn of(&self, value: fn(&Run) -> f64) -> f64 {
        median(self.runs.iter().map(value)).unwrap_or_default()
    }

    fn cells(&self) -> [String; HEAD.len()] {
        let seconds = || self.runs.iter().map(|run| run.seconds);
        let (from, to) = (seconds().reduce(f64::min), seconds().reduce(f64::max));
        let (last, cpu) = (self.of(|it| it.seconds), self.of(|it| it.cpu));
        let mib = |bytes: f64| bytes / f64::from(1 << 20);
        let repeats: u32 = self.runs.iter().map(|run| run.repeats).sum();
        [
            format!("{} × {}", self.clients, self.what.name()),
            self.program.name().to_owned(),
            format!(
                "{last:.2} ({:.2}–{:.2})",
                from.unwrap_or_default(),
                to.unwrap_or_default()
            ),
            format!("{:.1}", self.bytes() / last / 1e6),
            format!("{cpu:.2}"),
            format!("{:.2}", cpu * 1e9 / self.bytes()),
            format!(
                "{:.0} (+{:.0})",
                mib(self.of(|it| it.memory as f64)),
                mib(self.of(|it| (it.memory - it.memory_before) as f64))
            ),
            repeats.to_string(),
        ]
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (clients, file) = (self.clients, self.what.name());
        write!(f, "{clients} × {file}, {}", self.program.name())
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "last after {:.2} s, {:.2} s of CPU, said again {} times",
            self.seconds, self.cpu, self.repeats
        )
    }
}

impl Report {
    pub(super) fn table(&self) -> String {
        table(HEAD, self.lines.iter().map(Line::cells))
    }

    /// The path of its files, without an ending.
    pub(super) fn base(&self) -> PathBuf {
        tools::folder().join("tftp")
    }

    pub(super) fn write(&self) -> Result<()> {
        let markdown = format!(
            "# Rooms that fetch by TFTP\n\n`{}`\n\n{}\n{NOTES}- {}\n",
            self.command,
            self.table(),
            self.computer
        );
        let lines = self.lines.iter().map(|line| {
            json!({
                "file": line.what.name(),
                "bytes": line.what.size(),
                "clients": line.clients,
                "server": line.program.name(),
                "runs": line.runs,
            })
        });
        let json = json!({
            "command": self.command,
            "computer": self.computer,
            "lines": lines.collect::<Vec<_>>(),
        });
        let write = |ending: &str, text: &str| {
            let path = self.base().with_extension(ending);
            fs::write(&path, text).with_context(|| format!("{}", path.display()))
        };
        write("md", &markdown)?;
        write("json", &serde_json::to_string_pretty(&json)?)
    }
}
