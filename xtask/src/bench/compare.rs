//! Engines measured one after the other in the same room: all runs of each, and what came of them.

use std::fs;
use std::thread;

use anyhow::{Context, Result};
use lab::Stop;

use super::engine::Engine;
use super::payload::{self, Payload};
use super::plan::Plan;
use super::report::Report;
use super::result::{Line, Outcome};
use super::run::{self, Measured, TooSlow};
use super::tools::{self, Tools};

/// With more machines, a room without sharing is not waited for but computed.
const HTTP_MOST: u32 = 4;

/// What is compared.
pub(super) struct Comparison<'a> {
    pub(super) plan: Plan,
    /// Each with the number of its runs.
    pub(super) engines: &'a [(Engine, u32)],
    /// The name of its files in `target/bench/`, without an ending.
    pub(super) name: String,
    /// The command that measures it again.
    pub(super) command: String,
}

impl Comparison<'_> {
    /// Measures all engines, and writes what came out after each of them: also what was measured before somebody
    /// lost patience.
    ///
    /// # Errors
    /// There is not enough memory; it was interrupted; the results cannot be written. That an engine fails is a result.
    pub(super) fn run(self, tools: &Tools, stop: &Stop) -> Result<Report> {
        let plan = self.plan;
        let copies = 1 + u64::from(plan.clients + plan.churn);
        payload::need_memory(copies, plan.bytes)?;
        let payload = Payload::make(plan.bytes)?;
        if let Some(bound) = plan.bound() {
            println!("No program can be done before {bound:.2} s.");
        }
        let mut report = Report {
            plan,
            name: self.name,
            command: self.command,
            computer: computer()?,
            lines: Vec::new(),
        };
        for &(engine, runs) in self.engines {
            let line = match not_run(engine, plan) {
                Some(outcome) => Line::without_runs(engine, outcome),
                None => measure(engine, plan, runs, &report.name, &payload, tools, stop)?,
            };
            report.lines.push(line);
            report.write()?;
        }
        Ok(report)
    }
}

/// What is known of an engine that is not run.
fn not_run(engine: Engine, plan: Plan) -> Option<Outcome> {
    match engine {
        Engine::Udpcast if plan.churn > 0 => Some(Outcome::Unable(
            "nobody may join a multicast that has begun",
        )),
        Engine::Sha1 if plan.clients > HTTP_MOST => {
            Some(Outcome::Unable("a measure for a few machines only"))
        }
        Engine::Http if plan.clients > HTTP_MOST => {
            let last = plan.without_sharing()?;
            Some(Outcome::Computed {
                last,
                last_by_bound: last / plan.bound()?,
                copies: f64::from(plan.clients),
            })
        }
        _ => None,
    }
}

/// All runs of one engine. A failure of the engine is a result, an interruption is not.
fn measure(
    engine: Engine,
    plan: Plan,
    runs: u32,
    name: &str,
    payload: &Payload,
    tools: &Tools,
    stop: &Stop,
) -> Result<Line> {
    let mut measured = Vec::new();
    for number in 1..=runs {
        let run = format!("{}-{number}", engine.name());
        let logs = tools::folder().join("logs").join(name).join(&run);
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
                let failed = match error.downcast_ref::<TooSlow>() {
                    Some(slow) => Outcome::TooSlow {
                        slow: slow.clone(),
                        after_by_bound: plan.bound().map(|bound| slow.after / bound),
                    },
                    None => Outcome::Failed(format!("{error:#}")),
                };
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
pub(super) fn computer() -> Result<String> {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().context("/proc/loadavg is empty")?;
    Ok(format!(
        "{} processors, Linux {}; its load when the bench began: {load}.",
        thread::available_parallelism()?,
        kernel.trim()
    ))
}
