//! What leaving came to, for people and for programs.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;

use super::super::bound::median;
use super::super::plan::Plan;
use super::super::report::title;
use super::super::table::table;
use super::super::tools;
use super::Rule;
use super::race::{Run, Times, Way};

/// What was measured.
pub(super) struct Report {
    pub(super) plan: Plan,
    /// The command that measures it again.
    pub(super) command: String,
    pub(super) computer: String,
    pub(super) lines: Vec<Line>,
}

/// A rule in a room: medians of the runs, in seconds.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    way: String,
    rule: &'static str,
    /// From a machine's own start until its system starts: the machine in the middle, and the slowest.
    start_median: f64,
    start_slowest: f64,
    /// From the first machine's start until the last system starts.
    room: f64,
    /// From a machine's own start until it had every byte.
    complete_median: f64,
    complete_slowest: f64,
    copies: f64,
    busy: f64,
    runs: Vec<Run>,
}

const HEAD: [&str; 9] = [
    "machines start",
    "a machine leaves",
    "start, median s",
    "start, slowest s",
    "room s",
    "complete, median s",
    "complete, slowest s",
    "copies",
    "CPU busy",
];

const NOTES: &str = "\
- *start*: from a machine's own start until it has left the swarm, which is when phase 1 loads the system's kernel. *room*: from \
the first machine's start until the last machine's system starts.
- *complete*: from a machine's own start until it had every byte.
- *at once* is `seed_time: 0`, *room* what holds where nothing is set (`seed_until: room`, at most 60 s), *60 s* is `seed_time: 60`.
- *copies*: bytes that left the server's card, headers included, divided by F.
";

impl Line {
    /// Nothing without a run.
    pub(super) fn of(way: Way, rule: Rule, plan: Plan, runs: Vec<Run>) -> Option<Line> {
        let of = |value: &dyn Fn(&Run) -> Option<f64>| median(runs.iter().filter_map(value));
        let middle = |value: fn(&Times) -> f64| of(&|run| median(run.machines.iter().map(value)));
        let slowest =
            |value: fn(&Times) -> f64| of(&|run| run.machines.iter().map(value).reduce(f64::max));
        Some(Line {
            way: way.to_string(),
            rule: rule.name(),
            start_median: middle(|it| it.starts)?,
            start_slowest: slowest(|it| it.starts)?,
            room: slowest(|it| it.on + it.starts)?,
            complete_median: middle(|it| it.complete)?,
            complete_slowest: slowest(|it| it.complete)?,
            copies: of(&|run| Some(run.sent as f64 / plan.bytes as f64))?,
            busy: of(&|run| Some(run.busy))?,
            runs,
        })
    }

    fn cells(&self) -> [String; HEAD.len()] {
        let seconds = |value: f64| format!("{value:.1}");
        [
            self.way.clone(),
            self.rule.to_owned(),
            seconds(self.start_median),
            seconds(self.start_slowest),
            seconds(self.room),
            seconds(self.complete_median),
            seconds(self.complete_slowest),
            format!("{:.2}", self.copies),
            format!("{:.0} %", self.busy * 100.0),
        ]
    }
}

impl Report {
    pub(super) fn table(&self) -> String {
        table(HEAD, self.lines.iter().map(Line::cells))
    }

    /// The path of its files, without an ending.
    pub(super) fn base(&self) -> PathBuf {
        tools::folder().join("leaving")
    }

    pub(super) fn write(&self) -> Result<()> {
        let runs = self.lines.iter().map(|line| line.runs.len()).max();
        let markdown = format!(
            "# When each machine's system starts: {}\n\n`{}`: medians of {} runs.\n\n{}\n{NOTES}- {}\n",
            title(self.plan),
            self.command,
            runs.unwrap_or(0),
            self.table(),
            self.computer
        );
        let json = json!({
            "command": self.command,
            "computer": self.computer,
            "lines": self.lines,
        });
        let write = |ending: &str, text: &str| {
            let path = self.base().with_extension(ending);
            fs::write(&path, text).with_context(|| format!("{}", path.display()))
        };
        write("md", &markdown)?;
        write("json", &serde_json::to_string_pretty(&json)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machines_own_wait_is_told_from_the_rooms() {
        let times = |on, complete, starts| Times {
            on,
            complete,
            starts,
        };
        let run = |late: f64| Run {
            machines: vec![
                times(0.0, 4.0, 9.0),
                times(5.0, 3.0, 3.5),
                times(10.0, 5.0, 6.0 + late),
            ],
            sent: 1100,
            busy: 0.5,
        };
        let plan = Plan {
            clients: 3,
            churn: 0,
            bytes: 1000,
            speeds: None,
            patience: None,
        };
        let way = Way::OneByOne { over: 10 };
        let line = Line::of(way, Rule::Room, plan, vec![run(0.0), run(1.0), run(0.5)]);
        let line = line.expect("a line");
        assert_eq!((line.start_median, line.start_slowest), (6.5, 9.0));
        assert_eq!(line.room, 16.5, "the last was switched on after 10 s");
        assert_eq!((line.complete_median, line.complete_slowest), (4.0, 5.0));
        assert_eq!(line.copies, 1.1);
        assert!(Line::of(way, Rule::Room, plan, Vec::new()).is_none());
    }
}
