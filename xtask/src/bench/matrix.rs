//! `cargo xtask bench matrix`: what the project promises of its swarm, measured row by row and held against the promise.
//!
//! Every row is one `bench swarm` in a room of its own. The table is written after each row; a later call of single rows
//! replaces those rows and leaves the others.

mod entry;
mod file;
mod rows;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use clap::builder::PossibleValuesParser;
use lab::Stop;

use super::compare::Comparison;
use super::engine::Engine;
use super::plan::Plan;
use super::report::{self, Report};
use super::tools::{self, Tools};
use crate::{places, run as programs};
use entry::{Entry, Lines};
use file::Kept;
use rows::{ROWS, Row, Target};

/// With `--small`, a row has so much less to fetch.
const SMALL: u64 = 16;

/// What the person may say on the command line.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Writes target/bench/matrix.md and .json, and everything about a row to matrix-ROW.md, .json, .svg.
An engine that needs more than twice the bound (without one, two minutes) is ended and marked.")]
pub(super) struct Args {
    /// The rows to measure [default: all]
    #[arg(value_name = "ROW", value_parser = PossibleValuesParser::new(ROWS.map(|row| row.name)))]
    rows: Vec<String>,
    /// Measure no other engine than a row's target is about
    #[arg(long)]
    ours_only: bool,
    /// Measure so often and take the medians
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// The same for engines that no target is about [default: as --runs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    others_runs: Option<u32>,
    /// A sixteenth of the bytes, to see that it works; written to matrix-small
    #[arg(long)]
    small: bool,
    /// Everything is built already: how the part that needs root is started
    #[arg(long, hide = true)]
    pub(super) built: bool,
}

/// Measures the rows that are asked for.
///
/// # Errors
/// It was interrupted, or a row could not be measured; those before and after it are written.
pub(super) fn run(args: &Args, tools: &Tools, stop: &Stop) -> Result<()> {
    let json = args.path();
    let title = args.title();
    // A file that cannot be read is found before an hour of measuring.
    Kept::read(&json)?;
    let wanted = ROWS
        .iter()
        .filter(|row| args.rows.is_empty() || args.rows.iter().any(|name| name == row.name));
    let mut failed = Vec::new();
    for row in wanted {
        println!("\n== {}", row.name);
        match measure(row, args, tools, stop) {
            Ok(entry) => {
                println!("{}: {}", row.name, entry.verdict);
                let mut kept = Kept::read(&json)?;
                kept.put(row.name, entry);
                kept.write(&json, &title)?;
            }
            Err(error) if stop.requested() => return Err(error),
            Err(error) => {
                eprintln!("{}: {error:#}", row.name);
                failed.push(row.name);
            }
        }
    }
    println!("\n{}", Kept::read(&json)?.table());
    println!("Written to {}.md, .json", json.with_extension("").display());
    if !failed.is_empty() {
        bail!("not measured: {}", failed.join(", "));
    }
    Ok(())
}

/// One row, with the undisturbed room where it is held against that.
fn measure(row: &Row, args: &Args, tools: &Tools, stop: &Stop) -> Result<Entry> {
    let plan = args.plan(row);
    let compare = |plan, engines: &[(Engine, u32)], suffix: &str| -> Result<Report> {
        let comparison = Comparison {
            plan,
            engines,
            name: format!("{}-{}{suffix}", args.name(), row.name),
            command: args.command(row),
        };
        comparison.run(tools, stop)
    };
    let undisturbed = match row.target {
        Target::Undisturbed { .. } => {
            let plan = Plan { churn: 0, ..plan };
            let subject = [(row.subject, args.runs)];
            Some(compare(plan, &subject, "-undisturbed")?)
        }
        _ => None,
    };
    let report = compare(plan, &args.engines(row), "")?;
    let lines = Lines {
        all: &report.lines,
        undisturbed: undisturbed.as_ref().and_then(|it| it.lines.first()),
    };
    let about = [report::title(plan), report.computer.clone(), built_from()];
    Ok(Entry::of(row, plan, &lines, about))
}

impl Args {
    /// The name of its files.
    fn name(&self) -> &'static str {
        match self.small {
            true => "matrix-small",
            false => "matrix",
        }
    }

    fn path(&self) -> PathBuf {
        tools::folder().join(self.name()).with_extension("json")
    }

    fn title(&self) -> String {
        let small = format!(": only a try, with 1/{SMALL} of the bytes");
        let small = if self.small { small.as_str() } else { "" };
        format!("What is promised, and what was measured{small}")
    }

    fn plan(&self, row: &Row) -> Plan {
        let less = if self.small { SMALL } else { 1 };
        Plan {
            bytes: row.plan.bytes / less,
            ..row.plan
        }
    }

    /// What is measured, and how often: the row's subject first.
    fn engines(&self, row: &Row) -> Vec<(Engine, u32)> {
        let others_runs = self.others_runs.unwrap_or(self.runs);
        let subject = std::iter::once(row.subject);
        let all = subject.chain(row.others.iter().copied());
        all.filter(|&engine| row.needs(engine) || !self.ours_only)
            .map(|engine| match row.needs(engine) {
                true => (engine, self.runs),
                false => (engine, others_runs),
            })
            .collect()
    }

    /// The command line that measures one row again.
    fn command(&self, row: &Row) -> String {
        let mut words = format!("cargo xtask bench matrix {} --runs {}", row.name, self.runs);
        if let Some(runs) = self.others_runs {
            words += &format!(" --others-runs {runs}");
        }
        for (name, said) in [("ours-only", self.ours_only), ("small", self.small)] {
            if said {
                words += &format!(" --{name}");
            }
        }
        words
    }
}

/// The commit that is checked out, and whether anything is changed beside it.
fn built_from() -> String {
    let mut git = Command::new("git");
    git.arg("-C").arg(places::root());
    // Root looks at what belongs to the person.
    git.arg("-c")
        .arg(format!("safe.directory={}", places::root().display()))
        .args(["describe", "--always", "--dirty"]);
    match programs::output(&mut git) {
        Ok(told) => told.trim().to_owned(),
        Err(_) => "sources without a history".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(line: &str) -> Option<Args> {
        let words = ["x"].into_iter().chain(line.split_whitespace());
        Some(Cli::try_parse_from(words).ok()?.args)
    }

    fn engines(line: &str, row: &str) -> Vec<(&'static str, u32)> {
        let row = ROWS.iter().find(|it| it.name == row).unwrap();
        let engines = parsed(line).unwrap().engines(row).into_iter();
        engines
            .map(|(engine, runs)| (engine.name(), runs))
            .collect()
    }

    #[test]
    fn what_a_target_is_about_is_always_measured_and_as_often_as_ours() {
        let few = engines("--runs 3 --others-runs 1", "one-1gbit");
        let expected = [
            ("ours", 3),
            ("http", 3),
            ("aria2", 1),
            ("libtorrent", 1),
            ("transmission", 1),
        ];
        assert_eq!(few, expected);
        let alone = engines("--ours-only", "mixed");
        assert_eq!(alone, [("mixed", 3), ("aria2", 3), ("aria2-here", 3)]);
        assert_eq!(engines("--ours-only", "equal-8"), [("ours", 3)]);
    }

    #[test]
    fn unknown_rows_and_no_runs_are_refused() {
        for bad in ["equal-9", "--runs 0", "--others-runs 0"] {
            assert!(parsed(bad).is_none(), "{bad}");
        }
        let args = parsed("equal-8 churn --small").unwrap();
        assert_eq!(args.rows, ["equal-8", "churn"]);
        assert_eq!(args.plan(&ROWS[0]).bytes, 8 << 20);
        assert_eq!(
            args.command(&ROWS[0]),
            "cargo xtask bench matrix equal-8 --runs 3 --small"
        );
    }
}
