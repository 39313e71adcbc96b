//! `cargo xtask demo`: two virtual machines, from power-on to their operating system, in a private room.

/// What the person may say on the command line.
#[derive(Debug, clap::Args)]
pub struct Args {}

/// Runs the demo.
pub fn run(_args: Args) -> anyhow::Result<()> {
    anyhow::bail!("the demo is not built yet")
}
