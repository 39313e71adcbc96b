//! `cargo xtask bench leaving`: what a machine's sharing after its last byte costs and gains, as the time until each
//! machine's system **starts**.
//!
//! A machine starts its system when it leaves the swarm, so the bench takes the moment at which `bttui fetch` has left
//! and ended; it follows the very rule that phase 1 follows. Loading the kernel, which comes then, is the same for all.

mod race;
mod report;

use anyhow::{Result, ensure};
use lab::Stop;

use super::bound::Speeds;
use super::compare::computer;
use super::engine::HTTP;
use super::payload::{self, Payload};
use super::plan::{Plan, SERVER};
use super::size::{MOST, parse_size};
use super::tools::{self, Tools};
use race::Way;
use report::Report;

/// What the person may say on the command line.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
Rules: at once; as long as the server says that others fetch (seed_until: room); a minute.
Rooms: all start together; one after the other; together, one of them with a slow cable.
Writes target/bench/leaving.md and .json.")]
pub(super) struct Args {
    /// Machines
    #[arg(long, value_name = "N", default_value_t = 8)]
    clients: u32,
    /// What each of them fetches: bytes, or with KiB, MiB, GiB
    #[arg(long, value_name = "SIZE", default_value = "32MiB", value_parser = parse_size)]
    size: u64,
    /// The cables of all, both directions
    #[arg(long, value_name = "MBIT", default_value_t = 40)]
    rate: u32,
    /// The slow machine's cable, both directions
    #[arg(long, value_name = "MBIT", default_value_t = 10)]
    slow: u32,
    /// From the first machine's start to the last's, where they start one after the other
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    over: u32,
    /// Measure everything so often and take the medians
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Everything is built already: how the part that needs root is started
    #[arg(long, hide = true)]
    pub(super) built: bool,
}

/// When a machine leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// `seed_time: 0`.
    AtOnce,
    /// `seed_until: room`, where nothing is set.
    Room,
    /// `seed_time: 60`.
    Minute,
}

impl Rule {
    const ALL: [Rule; 3] = [Rule::AtOnce, Rule::Room, Rule::Minute];

    fn name(self) -> &'static str {
        match self {
            Rule::AtOnce => "at once",
            Rule::Room => "room",
            Rule::Minute => "60 s",
        }
    }

    /// The options of `bttui fetch`.
    fn options(self) -> Vec<String> {
        let words = match self {
            Rule::AtOnce => ["--seed-for".to_owned(), "0".to_owned()],
            Rule::Room => ["--seed-room".to_owned(), format!("http://{SERVER}:{HTTP}")],
            Rule::Minute => ["--seed-for".to_owned(), "60".to_owned()],
        };
        words.into()
    }
}

/// Measures all rules in all rooms.
pub(super) fn run(args: &Args, tools: &Tools, stop: &Stop) -> Result<()> {
    payload::need_memory(1 + u64::from(args.clients), args.size)?;
    let payload = Payload::make(args.size)?;
    let plan = args.plan();
    let mut report = Report {
        plan,
        command: args.command(),
        computer: computer()?,
        lines: Vec::new(),
    };
    for way in args.ways() {
        for rule in Rule::ALL {
            let mut runs = Vec::new();
            for number in 1..=args.runs {
                let run = format!("logs/leaving/{way}-{}-{number}", rule.name());
                let logs = tools::folder().join(run.replace(' ', "-"));
                let stage = race::Place {
                    plan,
                    payload: &payload,
                    tools,
                    logs: &logs,
                };
                let run = race::run(&stage, way, &rule.options(), stop)?;
                println!("{way}, {} {number}/{}: {run}", rule.name(), args.runs);
                runs.push(run);
            }
            report.lines.extend(report::Line::of(way, rule, plan, runs));
            report.write()?;
        }
    }
    println!("\n{}", report.table());
    println!("Written to {}.md, .json", report.base().display());
    Ok(())
}

impl Args {
    /// # Errors
    /// It makes no sense.
    pub(super) fn check(&self) -> Result<()> {
        ensure!(
            (2..=MOST).contains(&self.clients),
            "--clients {}: 2 to {MOST} machines",
            self.clients
        );
        ensure!(self.size > 0, "--size 0 leaves nothing to fetch");
        ensure!(
            self.rate > 0 && self.slow > 0,
            "a cable of 0 Mbit/s carries nothing"
        );
        Ok(())
    }

    fn plan(&self) -> Plan {
        Plan {
            clients: self.clients,
            churn: 0,
            bytes: self.size,
            speeds: Some(Speeds {
                server: self.rate,
                down: self.rate,
                up: self.rate,
            }),
            patience: None,
        }
    }

    fn ways(&self) -> [Way; 3] {
        [
            Way::Together,
            Way::OneByOne { over: self.over },
            Way::OneSlow { mbit: self.slow },
        ]
    }

    /// The command line that asks for the same again.
    fn command(&self) -> String {
        format!(
            "cargo xtask bench leaving --clients {} --size {} --rate {} --slow {} --over {} --runs {}",
            self.clients,
            super::report::size(self.size),
            self.rate,
            self.slow,
            self.over,
            self.runs
        )
    }
}
