//! `cargo xtask bench swarm`: how long it takes until the last machine of a room has every byte, beside other programs
//! in the same room, and beside what no program can beat.
//!
//! Each run has a room of its own: a switch, a server, machines, every cable limited in both directions. All of it is
//! namespaces of this computer; no packet leaves them, and nothing listens outside. Leaves its results in
//! `target/bench/` and nothing else.

mod args;
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

use anyhow::{Context, Result};
use lab::Stop;

use crate::demo::{again_as_root, give_back};
use crate::{dist, run as programs};
pub(crate) use args::Args;
use args::{SwarmArgs, What};
use engine::Engine;
use payload::Payload;
use report::Report;
use result::{Line, Outcome};
use run::{Measured, Plan};
use tools::Tools;

/// With more machines, a room without sharing is not waited for but computed.
const HTTP_MOST: u32 = 4;

/// Runs a bench.
pub(crate) fn run(args: &Args) -> Result<()> {
    let What::Swarm(args) = &args.what;
    let plan = args.plan()?;
    let engines = args.engines();
    if !args.built && engines.iter().any(|engine| engine.has_ours()) {
        dist::build()?;
    }
    let tools = Tools::get()?;
    if !programs::is_root() {
        return again_as_root();
    }
    fs::create_dir_all(tools::folder())?;
    let compared = compare(args, plan, &engines, &tools);
    give_back(&tools::folder())?;
    compared
}

/// Measures all engines, one after the other, and writes what came out.
fn compare(args: &SwarmArgs, plan: Plan, engines: &[Engine], tools: &Tools) -> Result<()> {
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
        command: args.command(),
        computer: computer()?,
        lines: Vec::new(),
    };
    for &engine in engines {
        let line = measure(engine, plan, args.runs, &payload, tools, &stop)?;
        report.lines.push(line);
        // Also what was measured before somebody lost patience.
        report.write()?;
    }
    report.print();
    println!("Written to {}.md, .json, .svg", report.write()?.display());
    Ok(())
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
    if engine == Engine::Sha1 && plan.clients > HTTP_MOST {
        let why = "a measure for a few machines only";
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

fn in_short(plan: Plan, one: &Measured) -> String {
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
