//! The results for people (a table in Markdown, printed as it is) and for programs (JSON).

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;

use super::plot;
use super::result::{Figures, Line, Outcome};
use super::run::Plan;
use super::tools;

/// What was measured, in words and figures.
pub(super) struct Report {
    pub(super) plan: Plan,
    pub(super) runs: u32,
    /// The command that measures it again.
    pub(super) command: String,
    /// The computer, and what it was busy with.
    pub(super) computer: String,
    pub(super) lines: Vec<Line>,
}

const HEAD: [&str; 9] = [
    "engine",
    "last/bound",
    "median/bound",
    "last s (min–max)",
    "MB/s",
    "copies sent",
    "CPU s server",
    "CPU s client",
    "CPU busy (own, before)",
];

const NOTES: &str = "\
- *bound* = max(F/u_s, F/d, N·F/(u_s + N·u)): no program can be faster. Headers are not in it; they and ACKs cost about 6 %.
- *last*, *median*: until the last, or half, of the machines had every byte; all were verified (SHA-256) afterwards. *MB/s* is \
the last machine's.
- *copies sent*: bytes that left the server's card, headers included (the limiter's own count), divided by F: one copy alone is 1.05.
- *CPU s*: processor time of the server side during the run; of a client on average from its start to the end of the run.
- *CPU busy*: of all processors, by everything on the computer; *own*: by the engine's programs; *before*: by others, in the second \
before the run. **!** marks more than 90 % in a run: there the computer, not the network, may have been the limit.
";

impl Report {
    /// Prints the table.
    pub(super) fn print(&self) {
        println!("\n{}", self.table());
    }

    /// Writes table, figures and plot to `target/bench/`; gives the path without its ending.
    pub(super) fn write(&self) -> Result<PathBuf> {
        let base = tools::folder().join(self.name());
        let write = |ending: &str, text: &str| {
            let path = base.with_extension(ending);
            fs::write(&path, text).with_context(|| format!("{}", path.display()))
        };
        write("md", &self.markdown())?;
        write("json", &self.json()?)?;
        write("svg", &plot::draw(&self.title(), &self.lines))?;
        Ok(base)
    }

    /// One for each way to call the bench.
    fn name(&self) -> String {
        let plan = self.plan;
        let mut name = format!("swarm-{}x{}", plan.clients, size(plan.bytes));
        match plan.speeds {
            Some(speeds) => {
                name += &format!("-{}mbit", speeds.down);
                if speeds.server != speeds.down {
                    name += &format!("-server{}", speeds.server);
                }
                if speeds.up != speeds.down {
                    name += &format!("-uplink{}", speeds.up);
                }
            }
            None => name += "-unlimited",
        }
        if plan.churn > 0 {
            name += &format!("-churn{}", plan.churn);
        }
        name
    }

    fn title(&self) -> String {
        let Plan { clients, bytes, .. } = self.plan;
        let cables = match self.plan.speeds {
            Some(it) => format!(
                "server {} Mbit/s, machines {} down and {} up",
                it.server, it.down, it.up
            ),
            None => "cables without a limit".to_owned(),
        };
        let churn = match self.plan.churn {
            0 => String::new(),
            n => format!("; {n} vanish mid-way and {n} others come"),
        };
        format!("N = {clients}, F = {}, {cables}{churn}", size(bytes))
    }

    fn markdown(&self) -> String {
        let bound = self.plan.bound();
        let bound = bound.map_or_else(String::new, |bound| format!(" Bound: {bound:.2} s."));
        let runs = match self.runs {
            1 => "one run".to_owned(),
            n => format!("medians of {n} runs"),
        };
        format!(
            "# {}\n\n`{}`: {runs}.{bound}\n\n{}\n{}- {}\n",
            self.title(),
            self.command,
            self.table(),
            NOTES,
            self.computer
        )
    }

    fn json(&self) -> Result<String> {
        let all = json!({
            "command": self.command,
            "computer": self.computer,
            "clients": self.plan.clients,
            "churn": self.plan.churn,
            "bytes": self.plan.bytes,
            "mbit_per_second": self.plan.speeds.map(|it| json!({
                "server": it.server, "down": it.down, "up": it.up,
            })),
            "bound_seconds": self.plan.bound(),
            "engines": self.lines,
        });
        Ok(serde_json::to_string_pretty(&all)?)
    }

    fn table(&self) -> String {
        let mut rows = vec![HEAD.map(str::to_owned)];
        rows.push(std::array::from_fn(|column| {
            if column == 0 { "---" } else { "--:" }.to_owned()
        }));
        rows.extend(self.lines.iter().map(|line| row(line, self.plan.bytes)));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
        let widths: [usize; HEAD.len()] = std::array::from_fn(|column| width(column).unwrap_or(0));
        let mut text = String::new();
        for row in &rows {
            for (cell, width) in row.iter().zip(widths) {
                let right = cell.starts_with(|c: char| c.is_ascii_digit() || c == '–');
                text += &match right {
                    true => format!("| {cell:>width$} "),
                    false => format!("| {cell:<width$} "),
                };
            }
            text += "|\n";
        }
        let remarks = self.lines.iter().flat_map(remarks);
        text.extend(remarks.map(|remark| format!("\n{remark}\n")));
        text
    }
}

fn row(line: &Line, bytes: u64) -> [String; HEAD.len()] {
    let none = || "–".to_owned();
    let by = |value: Option<f64>| value.map_or_else(none, |value| format!("{value:.2}"));
    let mut row: [String; HEAD.len()] = std::array::from_fn(|_| none());
    row[0] = format!("{} ({})", line.engine, line.programs);
    match &line.outcome {
        Outcome::Measured(it) => {
            row[1] = by(it.last_by_bound);
            row[2] = by(it.median_by_bound);
            row[3] = format!("{:.1} ({:.1}–{:.1})", it.last, it.last_from, it.last_to);
            row[4] = format!("{:.1}", bytes as f64 / it.last / 1e6);
            row[5] = by(it.copies);
            row[6] = format!("{:.2}", it.server_cpu);
            row[7] = format!("{:.2}", it.client_cpu);
            row[8] = busy(it);
        }
        Outcome::Computed {
            last,
            last_by_bound,
            copies,
        } => {
            row[1] = format!("{last_by_bound:.2} computed");
            row[3] = format!("{last:.1} computed");
            row[5] = format!("{copies:.2} computed");
        }
        Outcome::Failed(_) => row[1] = "failed".to_owned(),
        Outcome::Unable(_) => {}
    }
    row
}

fn busy(it: &Figures) -> String {
    let mark = if it.cpu_was_the_limit { " !" } else { "" };
    format!(
        "{:.0} % ({:.0}, {:.0}){mark}",
        it.busy * 100.0,
        it.busy_own * 100.0,
        it.busy_before * 100.0
    )
}

/// What has no column.
fn remarks(line: &Line) -> Vec<String> {
    let name = line.engine;
    match &line.outcome {
        Outcome::Measured(figures) => {
            let joined = figures.joined_last.map(|joined| {
                format!(
                    "{name}: the last that came mid-way had everything {joined:.1} s after it came."
                )
            });
            let several = figures.last_of.len() > 1;
            let programs = figures.last_of.iter().filter(|_| several);
            let programs = programs.map(|(program, last)| {
                format!("{name}: the last with {program} had everything after {last:.1} s.")
            });
            joined.into_iter().chain(programs).collect()
        }
        Outcome::Computed { .. } => Vec::new(),
        Outcome::Failed(why) => vec![format!("{name}: {}.", why.lines().next().unwrap_or(why))],
        Outcome::Unable(why) => vec![format!("{name}: {why}.")],
    }
}

/// In the largest unit that divides it.
pub(super) fn size(bytes: u64) -> String {
    for (shift, unit) in [(30, "GiB"), (20, "MiB"), (10, "KiB")] {
        if bytes > 0 && bytes.trailing_zeros() >= shift {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}
