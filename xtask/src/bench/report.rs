//! The results for people (a table in Markdown, printed as it is) and for programs (JSON).

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::json;

use super::plan::Plan;
use super::plot;
use super::result::{Figures, Line, Outcome};
use super::table::table;
use super::tools;

/// What was measured, in words and figures.
pub(super) struct Report {
    pub(super) plan: Plan,
    /// The name of its files, without an ending.
    pub(super) name: String,
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

    /// Writes table, figures and plot to `target/bench/`.
    pub(super) fn write(&self) -> Result<()> {
        let base = self.base();
        let write = |ending: &str, text: &str| {
            let path = PathBuf::from(format!("{}.{ending}", base.display()));
            fs::write(&path, text).with_context(|| format!("{}", path.display()))
        };
        write("md", &self.markdown())?;
        write("json", &self.json()?)?;
        write("svg", &plot::draw(&title(self.plan), &self.lines))
    }

    /// The path of its files, without an ending.
    pub(super) fn base(&self) -> PathBuf {
        tools::folder().join(&self.name)
    }

    fn markdown(&self) -> String {
        let bound = self.plan.bound();
        let bound = bound.map_or_else(String::new, |bound| format!(" Bound: {bound:.2} s."));
        let runs = runs(&self.lines);
        format!(
            "# {}\n\n`{}`: {runs}.{bound}\n\n{}\n{}- {}\n",
            title(self.plan),
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
        let rows = self.lines.iter().map(|line| row(line, self.plan.bytes));
        let mut text = table(HEAD, rows);
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
        Outcome::TooSlow {
            slow,
            after_by_bound,
        } => {
            let ended = after_by_bound.map(|ratio| format!("> {ratio:.2} ended"));
            row[1] = ended.unwrap_or_else(|| "ended".to_owned());
            row[3] = format!("> {:.0}", slow.after);
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

/// How often was measured, in words.
fn runs(lines: &[Line]) -> String {
    let counts = || lines.iter().map(|line| line.runs.len()).filter(|&n| n > 0);
    match (counts().min(), counts().max()) {
        (Some(1), Some(1)) => "one run".to_owned(),
        (Some(least), Some(most)) if least == most => format!("medians of {most} runs"),
        (Some(_), Some(_)) => {
            let measured = lines.iter().filter(|line| !line.runs.is_empty());
            let each = measured.map(|line| format!("{} {}", line.engine, line.runs.len()));
            format!(
                "medians of so many runs: {}",
                each.collect::<Vec<_>>().join(", ")
            )
        }
        _ => "nothing measured".to_owned(),
    }
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
        Outcome::TooSlow { slow, .. } => vec![format!("{name} was ended: {slow}.")],
        Outcome::Failed(why) => vec![format!("{name}: {}.", why.lines().next().unwrap_or(why))],
        Outcome::Unable(why) => vec![format!("{name}: {why}.")],
    }
}

/// The name of the files of a plan: one for each way to call the bench.
pub(super) fn name(plan: Plan) -> String {
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

/// The plan in a line.
pub(super) fn title(plan: Plan) -> String {
    let cables = match plan.speeds {
        Some(it) => format!(
            "server {} Mbit/s, machines {} down and {} up",
            it.server, it.down, it.up
        ),
        None => "cables without a limit".to_owned(),
    };
    let churn = match plan.churn {
        0 => String::new(),
        n => format!("; {n} vanish mid-way and {n} others come"),
    };
    let Plan { clients, bytes, .. } = plan;
    format!("N = {clients}, F = {}, {cables}{churn}", size(bytes))
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
