//! `bttui`: the menu of phase 1, or with `fetch` a headless download anywhere.

use std::io::Write;
use std::process::ExitCode;

use bttui::cli::{Cli, Command};
use bttui::phase1::Phase1;
use bttui::{fetch, flow, gate, guest, tty};
use clap::{CommandFactory, Parser};

/// The command line made no sense, or this is not the place for it.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    // One thread for all that waits: in a room of thirty, waking another one for each packet would cost more than
    // it does. Hashing has threads of its own.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            fetch::complain(&anyhow::Error::new(error).context("the system gives no threads"));
            return ExitCode::FAILURE;
        }
    };
    let ended = match cli.command {
        Some(Command::Fetch(args)) => runtime.block_on(fetch::run(&args)),
        Some(Command::View { socket }) => match Phase1::detect() {
            Ok(allowed) => runtime.block_on(guest::view(allowed, &socket)),
            Err(why) => Ok(not_here(&why)),
        },
        Some(Command::Shell) => match Phase1::detect() {
            Ok(allowed) => gate::second_screen(allowed).map(|()| 0),
            Err(why) => Ok(not_here(&why)),
        },
        None => match Phase1::detect() {
            Ok(allowed) => {
                tty::restore_on_panic();
                runtime.block_on(flow::run(allowed)).map(|()| 0)
            }
            Err(why) => Ok(not_here(&why)),
        },
    };
    // Tasks that still run have nothing left to say.
    runtime.shutdown_background();
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            fetch::complain(&error);
            ExitCode::FAILURE
        }
    }
}

/// Outside phase 1 nothing is touched.
fn not_here(why: &str) -> u8 {
    let help = Cli::command().render_help();
    let _ = writeln!(
        std::io::stderr(),
        "bttui without a command, or with `view` or `shell`, is the program of phase 1 and does nothing elsewhere ({why}).\n\n{help}"
    );
    USAGE
}
