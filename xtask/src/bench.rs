//! `cargo xtask bench swarm`: how long it takes until the last machine of a room has every byte, beside other programs
//! in the same room, and beside what no program can beat.
//!
//! Each run has a room of its own: a switch, a server, machines, every cable limited in both directions. All of it is
//! namespaces of this computer; no packet leaves them, and nothing listens outside. Leaves its results in
//! `target/bench/` and nothing else.

mod bound;
mod cpu;
mod engine;
mod payload;
mod plot;
mod process;
mod report;
mod result;
mod run;
mod tools;

use std::fs;
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use clap::{Subcommand, ValueEnum};
use lab::Stop;

use crate::demo::{again_as_root, give_back};
use crate::{dist, run as programs};
use bound::Speeds;
use engine::Engine;
use payload::Payload;
use report::Report;
use result::{Line, Outcome};
use run::Plan;
use tools::Tools;

/// More machines have no room in their network when all of them are replaced.
const MOST: u32 = 100;
/// With more machines, a room without sharing is not waited for but computed.
const HTTP_MOST: u32 = 4;

/// What the person may say on the command line.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Clone, Debug, Subcommand)]
enum What {
    /// Let machines fetch the same bytes at the same time; compare engines with the lower bound
    #[command(after_help = "\
Speeds are in Mbit/s of the wire, headers included. Prints a table and writes it with all figures
and a plot to target/bench/. HTTP is computed, not run, for more than 4 machines.")]
    Swarm(SwarmArgs),
}

#[derive(Clone, Debug, clap::Args)]
struct SwarmArgs {
    /// Machines that start together
    #[arg(long, value_name = "N", default_value_t = 8)]
    clients: u32,
    /// What each of them fetches: bytes, or with KiB, MiB, GiB
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = parse_size)]
    size: u64,
    /// A machine's cable, both directions; 0 for no limit anywhere
    #[arg(long, value_name = "MBIT", default_value_t = 40)]
    rate: u32,
    /// The server's cable, both directions [default: as --rate]
    #[arg(long, value_name = "MBIT")]
    server_rate: Option<u32>,
    /// What a machine sends [default: as --rate]
    #[arg(long, value_name = "MBIT")]
    uplink: Option<u32>,
    /// What is compared: ours, aria2, libtorrent, transmission, udpcast, http [default: all]
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_enum,
        hide_possible_values = true
    )]
    engines: Vec<Engine>,
    /// So many percent of the machines vanish mid-way, and as many others come
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    churn: u32,
    /// Measure each engine so often and take the medians
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: u32,
    /// Everything is built already: how the part that needs root is started
    #[arg(long, hide = true)]
    built: bool,
}

/// Runs a bench.
pub(crate) fn run(args: &Args) -> Result<()> {
    let What::Swarm(args) = &args.what;
    let plan = plan(args)?;
    let mut engines = args.engines.clone();
    if engines.is_empty() {
        engines.extend(Engine::value_variants());
    }
    if !args.built && engines.contains(&Engine::Ours) {
        dist::build()?;
    }
    let tools = Tools::get()?;
    if !programs::is_root() {
        return again_as_root();
    }
    let stop = Stop::on_signals()?;
    let copies = 1 + u64::from(plan.clients + plan.churn);
    payload::need_memory(copies, plan.bytes)?;
    let payload = Payload::make(plan.bytes)?;
    if let Some(bound) = plan.bound() {
        println!("No program can be done before {bound:.2} s.");
    }
    let mut report = Report {
        plan,
        runs: args.runs,
        command: command(args),
        computer: computer()?,
        lines: Vec::new(),
    };
    for engine in engines {
        let line = measure(engine, plan, args.runs, &payload, &tools, &stop)?;
        report.lines.push(line);
        // Also what was measured before somebody lost patience.
        report.write()?;
    }
    report.print();
    give_back(&tools::folder())?;
    println!("Written to {}.md, .json, .svg", report.write()?.display());
    Ok(())
}

fn plan(args: &SwarmArgs) -> Result<Plan> {
    ensure!(
        (1..=MOST).contains(&args.clients),
        "--clients {}: 1 to {MOST} machines",
        args.clients
    );
    ensure!(args.runs > 0, "--runs 0 measures nothing");
    ensure!(args.size > 0, "--size 0 leaves nothing to fetch");
    ensure!(
        args.churn < 100,
        "--churn {}: somebody must stay",
        args.churn
    );
    let others = args.server_rate.is_some() || args.uplink.is_some();
    ensure!(
        args.rate > 0 || !(others || args.churn > 0),
        "--rate 0 limits nothing: it goes with neither --server-rate, --uplink nor --churn"
    );
    let speeds = Speeds {
        server: args.server_rate.unwrap_or(args.rate),
        down: args.rate,
        up: args.uplink.unwrap_or(args.rate),
    };
    ensure!(
        args.rate == 0 || (speeds.server > 0 && speeds.up > 0),
        "a cable of 0 Mbit/s carries nothing"
    );
    Ok(Plan {
        clients: args.clients,
        churn: (args.clients * args.churn + 50) / 100,
        bytes: args.size,
        speeds: (args.rate > 0).then_some(speeds),
    })
}

/// All runs of one engine. A failure of the engine is a result, an interruption is not.
fn measure(
    engine: Engine,
    plan: Plan,
    runs: u32,
    payload: &Payload,
    tools: &Tools,
    stop: &Stop,
) -> Result<Line> {
    if engine == Engine::Udpcast && plan.churn > 0 {
        let why = "nobody may join a multicast that has begun";
        return Ok(Line::without_runs(engine, Outcome::Unable(why)));
    }
    if let (Engine::Http, Some(last), Some(bound)) = (engine, plan.without_sharing(), plan.bound())
        && plan.clients > HTTP_MOST
    {
        let computed = Outcome::Computed {
            last,
            last_by_bound: last / bound,
            copies: f64::from(plan.clients),
        };
        return Ok(Line::without_runs(engine, computed));
    }
    let mut measured = Vec::new();
    for number in 1..=runs {
        let logs = tools::folder().join(format!("logs/{}-{number}", engine.name()));
        match run::run(engine, plan, payload, tools, &logs, stop) {
            Ok(one) => {
                println!(
                    "{} {number}/{runs}: {}",
                    engine.name(),
                    in_short(plan, &one)
                );
                measured.push(one);
            }
            Err(error) if stop.requested() => return Err(error),
            Err(error) => {
                eprintln!("{} {number}/{runs} failed: {error:#}", engine.name());
                let failed = Outcome::Failed(format!("{error:#}"));
                return Ok(Line::without_runs(engine, failed));
            }
        }
    }
    Ok(Line::of_runs(engine, plan, measured))
}

fn in_short(plan: Plan, one: &run::Measured) -> String {
    let last = one.stayed.last().copied().unwrap_or_default();
    let by_bound = plan
        .bound()
        .map(|bound| format!(", {:.2} of the bound", last / bound));
    format!(
        "last after {last:.1} s{}, computer {:.0} % busy ({:.0} % before)",
        by_bound.unwrap_or_default(),
        one.busy * 100.0,
        one.busy_before * 100.0
    )
}

/// The command line that asks for the same again.
fn command(args: &SwarmArgs) -> String {
    let mut words = format!(
        "cargo xtask bench swarm --clients {} --size {} --rate {} --runs {}",
        args.clients,
        report::size(args.size),
        args.rate,
        args.runs
    );
    let mut add = |name: &str, value: Option<u32>| {
        if let Some(value) = value {
            words += &format!(" --{name} {value}");
        }
    };
    add("server-rate", args.server_rate);
    add("uplink", args.uplink);
    add("churn", (args.churn > 0).then_some(args.churn));
    if !args.engines.is_empty() {
        let names: Vec<_> = args.engines.iter().map(|engine| engine.name()).collect();
        words += &format!(" --engines {}", names.join(","));
    }
    words
}

/// The computer in a sentence.
fn computer() -> Result<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().context("/proc/loadavg is empty")?;
    Ok(format!(
        "{} processors, Linux {}; its load when the bench began: {load}.",
        thread::available_parallelism()?,
        kernel.trim()
    ))
}

/// `1048576`, `1024KiB`, `1MiB` are all the same.
fn parse_size(text: &str) -> Result<u64> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let found = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (digits, shift) = found.unwrap_or((text, 0));
    let number: u64 = digits
        .parse()
        .with_context(|| format!("\"{text}\" is no size such as 128MiB"))?;
    match number.checked_mul(1 << shift) {
        Some(bytes) if bytes <= 1 << 40 => Ok(bytes),
        _ => bail!("{text} is more than any memory holds"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(line: &str) -> Result<Plan> {
        let words = ["x", "swarm"].into_iter().chain(line.split_whitespace());
        let What::Swarm(args) = Cli::try_parse_from(words)?.args.what;
        plan(&args)
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!(parse_size("128MiB").unwrap(), 128 << 20);
        assert_eq!(parse_size("5").unwrap(), 5);
        for bad in ["", "MiB", "1.5GiB", "-1", "1MB", "99999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn cables_that_are_not_named_are_as_the_rate_says() {
        let plan = parsed("--rate 20 --server-rate 2 --clients 5 --churn 20").unwrap();
        let speeds = Speeds {
            server: 2,
            down: 20,
            up: 20,
        };
        assert_eq!((plan.speeds, plan.churn), (Some(speeds), 1));
        assert_eq!(parsed("--rate 0").unwrap().speeds, None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            "--clients 0",
            "--clients 101",
            "--runs 0",
            "--size 0",
            "--churn 100",
            "--rate 0 --uplink 5",
            "--uplink 0",
            "--engines ftp",
        ] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn help_fits_a_screen() {
        let mut command = Cli::command();
        let swarm = command.find_subcommand_mut("swarm").unwrap();
        let help = swarm.render_help().to_string();
        assert!(help.lines().count() <= 24, "{help}");
        assert!(
            help.lines().all(|line| line.chars().count() <= 100),
            "{help}"
        );
    }
}
