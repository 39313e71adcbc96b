//! The program `bt-server`: reads the command line, does it, and says how it went.

use std::fmt;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use bt_server::args::{Cli, Command};
use bt_server::options::{LogFilter, Serve};
use bt_server::user::Users;
use bt_server::{doctor, explain, hold, init, look, pin, plan, refused, screen, start};
use clap::Parser;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// The exit code of a configuration that cannot be served.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        None => serve(&cli.serve),
        Some(Command::Init { dir }) => init(&dir),
        Some(Command::Start(args)) => serve(&args),
        Some(Command::Check(args)) => check(&args),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Explain(args)) => explain::run(&args),
        Some(Command::Look(args)) => look::run(&args),
        Some(Command::Shell(args)) => look::shell(&args),
        Some(Command::Pin) => pin(),
        Some(Command::Hold { words }) => hold(&words),
        Some(Command::Version { phase1 }) => version(phase1),
    }
}

fn serve(args: &Serve) -> ExitCode {
    start_log(&args.log);
    match start::start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refused @ refused::Refused::Problems(_)) => {
            eprintln!("{refused}");
            REFUSED.into()
        }
        Err(failed) => {
            eprintln!("{failed}");
            ExitCode::FAILURE
        }
    }
}

fn check(args: &Serve) -> ExitCode {
    let plan::Checked { plan, problems } = plan::check(args);
    for problem in &problems {
        println!("{problem}");
    }
    let errors = problems.iter().filter(|p| p.is_error()).count();
    if errors > 0 {
        println!("{errors} {}", if errors == 1 { "error" } else { "errors" });
        return REFUSED.into();
    }
    if let Some(plan) = plan {
        for network in &plan.networks {
            let room = &network.interface;
            let lent = match room.has_address {
                true => "",
                false => ", which it gets for the run if nobody else gives addresses",
            };
            let (name, address) = (&room.name, room.address);
            screen::print(&format!(
                "  room   {name}, {address}/{}{lent}\n",
                room.prefix
            ));
        }
        screen::print(&screen::systems(&plan));
    }
    screen::print("the configuration is sound\n");
    ExitCode::SUCCESS
}

fn hold(words: &[String]) -> ExitCode {
    match hold::serve(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn init(dir: &Path) -> ExitCode {
    let owner = Users::look();
    let owner = owner.caller.filter(|_| owner.root);
    match init::init(dir, owner.as_ref()) {
        Ok(made) => {
            for path in made {
                println!("made {}", path.display());
            }
            let program = std::env::args().next();
            let program = program.as_deref().unwrap_or("bt-server");
            screen::print(&init::next(dir, program));
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            REFUSED.into()
        }
    }
}

fn pin() -> ExitCode {
    match pin::pin() {
        Ok(line) => {
            eprintln!("Put this into Boottorrent.yaml, below boottorrent:");
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            REFUSED.into()
        }
    }
}

fn version(phase1: bool) -> ExitCode {
    println!("bt-server {}", env!("CARGO_PKG_VERSION"));
    if !phase1 {
        return ExitCode::SUCCESS;
    }
    match phase1_image::manifest() {
        Some(manifest) => {
            println!("{manifest}");
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("error: built without phase 1\n    remedy: build it with `cargo xtask dist`");
            ExitCode::FAILURE
        }
    }
}

fn start_log(filter: &LogFilter) {
    tracing_subscriber::fmt()
        .with_env_filter(filter.filter())
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal())
        .with_timer(SinceStart(Instant::now()))
        .with_writer(std::io::stderr)
        .init();
}

/// Log lines say how long the server has been up, to a tenth of a second: what a person compares
/// with a machine's boot.
struct SinceStart(Instant);

impl FormatTime for SinceStart {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{:7.1} s", self.0.elapsed().as_secs_f64())
    }
}
