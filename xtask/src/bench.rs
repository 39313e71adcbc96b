//! `cargo xtask bench swarm`: how long it takes until the last machine of a room has every byte, beside other programs
//! in the same room, and beside what no program can beat. `bench dhcp` and `bench tftp`: the first mile, beside the servers
//! that people have.
//!
//! Each run has a room of its own: a switch, a server, machines, every cable limited in both directions. All of it is
//! namespaces of this computer; no packet leaves them, and nothing listens outside. Leaves its results in
//! `target/bench/` and nothing else.

mod args;
mod bound;
mod compare;
mod cpu;
mod dhcp;
mod engine;
mod leaving;
mod matrix;
mod payload;
mod plan;
mod plot;
mod process;
mod report;
mod result;
mod run;
mod serving;
mod size;
mod table;
mod tftp;
mod tools;

use std::fs;

use anyhow::Result;
use lab::Stop;

use crate::demo::{again_as_root, give_back};
use crate::{dist, run as programs};
pub(crate) use args::Args;
use args::{SwarmArgs, What};
use compare::Comparison;
use engine::Engine;
use tools::Tools;

/// Runs a bench.
pub(crate) fn run(args: &Args) -> Result<()> {
    // What makes no sense is said before anything is built.
    let work: Box<Work<'_>> = match &args.what {
        What::Swarm(args) => {
            args.plan()?;
            Box::new(|tools, stop| swarm(args, tools, stop))
        }
        What::Matrix(args) => Box::new(|tools, stop| matrix::run(args, tools, stop)),
        What::Leaving(args) => {
            args.check()?;
            Box::new(|tools, stop| leaving::run(args, tools, stop))
        }
        What::Dhcp(args) => {
            args.check()?;
            Box::new(|tools, stop| dhcp::run(args, tools, stop))
        }
        What::Tftp(args) => Box::new(|tools, stop| tftp::run(args, tools, stop)),
    };
    if !args.what.built() && args.what.has_ours() {
        dist::build()?;
    }
    if let What::Tftp(args) = &args.what
        && !args.built
    {
        tftp::build()?;
    }
    let tools = Tools::get()?;
    if !programs::is_root() {
        return again_as_root();
    }
    fs::create_dir_all(tools::folder())?;
    let done = work(&tools, &Stop::on_signals()?);
    give_back(&tools::folder())?;
    done
}

/// What needs root.
type Work<'a> = dyn Fn(&Tools, &Stop) -> Result<()> + 'a;

/// One room, all engines.
fn swarm(args: &SwarmArgs, tools: &Tools, stop: &Stop) -> Result<()> {
    let plan = args.plan()?;
    let engines = args.engines().into_iter();
    let engines: Vec<(Engine, u32)> = engines.map(|engine| (engine, args.runs)).collect();
    let comparison = Comparison {
        plan,
        engines: &engines,
        name: report::name(plan),
        command: args.command(),
    };
    let report = comparison.run(tools, stop)?;
    report.print();
    println!("Written to {}.md, .json, .svg", report.base().display());
    Ok(())
}
