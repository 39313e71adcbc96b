//! The build helper: `cargo xtask TASK`. A list of tasks; each lives in the module of its name.

mod bench;
mod boot;
mod cargo;
mod demo;
mod dist;
mod installed;
mod phase1;
mod places;
mod run;
mod setup;
mod stamp;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "Builds, tests and shows bt-server"
)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Install the Debian packages that building and testing need
    Setup,
    /// Build the small Linux that every machine starts first
    Phase1,
    /// Build target/dist/bt-server: one static file with phase 1 inside
    Dist,
    /// Boot two virtual machines, from power-on to their operating system, in a private room
    Demo(demo::Args),
    /// Boot one virtual machine
    Boot(boot::Args),
    /// Measure how fast a room of machines gets its bytes, beside other programs
    Bench(bench::Args),
    /// Run everything that CI runs
    Test,
    /// Check the sentences of crates/README.md that a machine can check
    Tidy,
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Setup => setup::task(),
        Task::Phase1 => phase1::task(),
        Task::Dist => dist::task(),
        Task::Demo(args) => demo::run(args),
        Task::Boot(args) => boot::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Test => test::task(),
        Task::Tidy => tidy::task(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
