//! `cargo xtask test`: all that CI runs, in the order in which failures are cheapest to find.
//!
//! Prints nothing after the test runner, also when tests fail: its closing line is the last.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{cargo, dist, installed, run, setup, tidy};

/// Tests that make namespaces or boot machines are marked `#[ignore]` with the reason: they need root and the finished
/// program. They run here, always.
pub(crate) fn task() -> Result<()> {
    step("packages that tests need");
    installed::ensure()?;
    setup::unpack_for_tests()?;
    step("cargo fmt");
    run::run(cargo::command().args(["fmt", "--all", "--check"]))
        .context("run `cargo fmt --all`")?;
    step("cargo clippy");
    run::run(cargo::command().args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    step("cargo xtask tidy");
    tidy::task()?;
    step("cargo xtask dist");
    dist::task()?;
    step("examples in the documentation");
    run::run(cargo::command().args(["test", "--quiet", "--workspace", "--doc"]))?;
    step("tests");
    if run::is_root() {
        return last(&mut runner(Which::All));
    }
    // A normal user's tests run as that user; only those that need root go through sudo, one by one.
    last(&mut runner(Which::Plain))?;
    step("tests that need root, through sudo");
    run::run(Command::new("sudo").arg("--validate"))?;
    last(runner(Which::Ignored).env(
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER",
        sudo_runner(),
    ))
}

#[derive(Clone, Copy)]
enum Which {
    All,
    Plain,
    Ignored,
}

/// nextest where it is installed (a process for each test, boots one at a time by .config/nextest.toml), else cargo's
/// own runner.
fn runner(which: Which) -> Command {
    let mut command = cargo::command();
    if run::output(cargo::command().args(["nextest", "--version"])).is_ok() {
        command.args(["nextest", "run", "--workspace"]);
        command.args(match which {
            Which::All => &["--run-ignored", "all"][..],
            Which::Plain => &[],
            Which::Ignored => &["--run-ignored", "only"],
        });
    } else {
        command.args(["test", "--workspace", "--lib", "--bins", "--tests", "--"]);
        command.args(match which {
            // One at a time: tests that share a process and boot machines would starve each other.
            Which::All => &["--include-ignored", "--test-threads=1"][..],
            Which::Plain => &[],
            Which::Ignored => &["--ignored", "--test-threads=1"],
        });
    }
    command
}

/// Keeps the variables that cargo and nextest set for tests; sudo would replace PATH all the same.
fn sudo_runner() -> String {
    let path = env::var("PATH").unwrap_or_default();
    format!("sudo --preserve-env env PATH={path}")
}

/// Runs the test runner; its failure is this program's, with nothing more to say.
fn last(command: &mut Command) -> Result<()> {
    let status = command.status()?;
    if !status.success() {
        std::process::exit(status.code().unwrap_or(1));
    }
    Ok(())
}

fn step(what: &str) {
    eprintln!("== {what}");
}
