//! The build helper: `cargo xtask TASK`. A list of tasks; each lives in the module of its name.

mod boot;
mod demo;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Builds, tests and shows bt-server")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Two virtual machines, from power-on to their operating system, in a private room
    Demo(demo::Args),
    /// One test boot
    Boot(boot::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Demo(args) => demo::run(args),
        Task::Boot(args) => boot::run(args),
    }
}
