//! `cargo xtask bench dhcp`: how many machines a second get an address, beside other DHCP servers in the same room.
//!
//! perfdhcp, the load generator of Kea, plays new machines through a relay agent at growing rates: DISCOVER, OFFER,
//! REQUEST, ACK. A rate is served when at least 99 of 100 machines have their address in time; the server is a fresh one
//! for each rate. Whether two machines had one address at one time is found out by listening.

mod given;
mod perfdhcp;
mod report;
mod server;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use lab::{Room, Stop};

use super::bound::median;
use super::compare::computer;
use super::payload::MEMORY;
use super::plan::SERVER;
use super::tools::{self, Tools};
use given::{Ear, Given};
use perfdhcp::{CLIENT, Load};
use report::{Line, Report, Step};
use server::{PREFIX, Program};

/// New machines that one server meets at most: three quarters of the largest pool that ours has.
const MACHINES: u32 = 12_000;
/// Machines a second, from rate to rate.
const RATES: [u32; 16] = [
    100, 200, 300, 400, 600, 800, 1000, 1250, 1500, 2000, 2500, 3000, 4000, 5000, 6000, 8000,
];

/// What the person may say on the command line.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
dnsmasq runs with no-ping: with its ping before each offer it answers nobody for three seconds.
Prints each rate, and writes target/bench/dhcp.md and .json.")]
pub(super) struct Args {
    /// Whom to measure [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    servers: Vec<Program>,
    /// The first rate, in machines a second
    #[arg(long, value_name = "N", default_value_t = 400)]
    from: u32,
    /// How long a rate is kept up; less where that would be more than 12,000 machines
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// Measure each server so often and take the medians
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Everything is built already: how the part that needs root is started
    #[arg(long, hide = true)]
    pub(super) built: bool,
}

impl Args {
    /// # Errors
    /// It makes no sense.
    pub(super) fn check(&self) -> Result<()> {
        let most = RATES[RATES.len() - 1];
        ensure!(
            self.from <= most,
            "--from {}: at most {most} machines a second are played",
            self.from
        );
        Ok(())
    }

    /// Whether ours is among them.
    pub(super) fn has_ours(&self) -> bool {
        self.servers().contains(&Program::Ours)
    }

    fn servers(&self) -> Vec<Program> {
        match self.servers.as_slice() {
            [] => Program::ALL.to_vec(),
            named => named.to_vec(),
        }
    }

    /// The command line that asks for the same again.
    fn command(&self) -> String {
        let mut words = format!(
            "cargo xtask bench dhcp --from {} --seconds {} --runs {}",
            self.from, self.seconds, self.runs
        );
        if !self.servers.is_empty() {
            let names: Vec<_> = self.servers.iter().map(|one| one.name()).collect();
            words += &format!(" --servers {}", names.join(","));
        }
        words
    }
}

/// Measures all servers, in turns.
pub(super) fn run(args: &Args, tools: &Tools, stop: &Stop) -> Result<()> {
    let mut report = Report {
        command: args.command(),
        computer: computer()?,
        lines: args.servers().into_iter().map(Line::new).collect(),
    };
    for number in 1..=args.runs {
        for line in &mut report.lines {
            let program = line.program;
            println!("{}, run {number} of {}:", program.name(), args.runs);
            line.runs.push(climb(program, args, tools, stop)?);
        }
        report.write()?;
    }
    println!("\n{}", report.table());
    println!("Written to {}.md, .json", report.base().display());
    report.promised()
}

/// From rate to rate, until one is not served by far.
fn climb(program: Program, args: &Args, tools: &Tools, stop: &Stop) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    for rate in RATES.into_iter().filter(|rate| *rate >= args.from) {
        let load = Load {
            rate,
            machines: (rate * args.seconds).min(MACHINES),
        };
        let step = step(program, load, tools, stop)
            .with_context(|| format!("{} at {rate} machines a second", program.name()))?;
        println!("  {step}");
        let higher = step.is_nearly_served() && step.is_as_fast_as_asked();
        steps.push(step);
        if !higher {
            break;
        }
    }
    Ok(steps)
}

/// One rate, in a room of its own.
fn step(program: Program, load: Load, tools: &Tools, stop: &Stop) -> Result<Step> {
    let logs = tools::folder().join("logs/dhcp").join(program.name());
    fs::create_dir_all(&logs)?;
    let mut room = Room::new_in(Path::new(MEMORY), stop)?;
    let host = room.host(Some((SERVER, PREFIX)))?;
    let relay = room.host(Some((CLIENT, PREFIX)))?;
    let mut serving = program.start(&room, &host, tools, &logs)?;
    serving.wait_until_it_serves(&room, &host, 67)?;
    let before = serving.cpu();
    let ear = Ear::open(&relay)?;
    let heard = perfdhcp::play(&room, &relay, load, &logs)?;
    let Given { twice, again, .. } = ear.close()?;
    serving.check()?;
    Ok(Step {
        load,
        heard,
        twice,
        again,
        cpu: serving.cpu() - before,
        memory: serving.peak_memory()?,
    })
}

/// The rate in the middle of the runs' highest that were served.
fn served(runs: &[Vec<Step>]) -> Option<f64> {
    let highest = |run: &Vec<Step>| {
        let served = run.iter().filter(|step| step.is_served());
        served.map(Step::rate).fold(0.0, f64::max)
    };
    median(runs.iter().map(highest))
}

/// The most addresses a second at any rate, the median of the runs.
fn most(runs: &[Vec<Step>]) -> Option<f64> {
    let most = |run: &Vec<Step>| run.iter().map(Step::addresses).fold(0.0, f64::max);
    median(runs.iter().map(most))
}

/// An error unless ours serves at least as many as the best of the others, and nobody's address was given twice.
fn promised(lines: &[Line]) -> Result<()> {
    let best = |of: fn(&[Vec<Step>]) -> Option<f64>, ours: bool| {
        let of_whom = |line: &&Line| (line.program == Program::Ours) == ours;
        let lines = lines.iter().filter(of_whom);
        lines.filter_map(|line| of(&line.runs)).reduce(f64::max)
    };
    for line in lines.iter().filter(|line| line.program == Program::Ours) {
        let twice: u32 = line.runs.iter().flatten().map(|step| step.twice).sum();
        ensure!(twice == 0, "{twice} addresses were given twice by ours");
    }
    for (what, of) in [
        ("serves", served as fn(&[Vec<Step>]) -> Option<f64>),
        ("gives at most", most),
    ] {
        if let (Some(ours), Some(others)) = (best(of, true), best(of, false))
            && ours < others
        {
            bail!("ours {what} {ours:.0} machines a second, another server {others:.0}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::perfdhcp::Heard;
    use super::*;

    fn step(rate: u32, got: u32, twice: u32) -> Step {
        let load = Load {
            rate,
            machines: 1000,
        };
        let heard = Heard {
            asked: 1000,
            offered: got,
            got,
            rate: f64::from(rate),
        };
        Step {
            load,
            heard,
            twice,
            again: 0,
            cpu: 1.0,
            memory: 1,
        }
    }

    fn line(program: Program, runs: Vec<Vec<Step>>) -> Line {
        let mut line = Line::new(program);
        line.runs = runs;
        line
    }

    #[test]
    fn the_highest_rate_that_was_served_counts() {
        let run = |last| vec![step(100, 1000, 0), step(200, 990, 0), step(300, last, 0)];
        assert_eq!(most(&[run(900)]), Some(270.0));
        assert_eq!(served(&[run(989)]), Some(200.0));
        assert_eq!(served(&[run(989), run(1000), run(1000)]), Some(300.0));
        assert_eq!(served(&[vec![step(100, 3, 0)]]), Some(0.0));
    }

    #[test]
    fn less_than_others_and_an_address_twice_break_the_promise() {
        let ours = |rate, twice| line(Program::Ours, vec![vec![step(rate, 1000, twice)]]);
        let kea = || line(Program::Kea, vec![vec![step(500, 1000, 3)]]);
        assert!(promised(&[ours(500, 0), kea()]).is_ok());
        assert!(promised(&[ours(400, 0), kea()]).is_err());
        assert!(promised(&[ours(600, 1), kea()]).is_err());
        assert!(promised(&[ours(600, 0)]).is_ok());
    }
}
