//! `bt-server look MACHINE` and `bt-server shell MACHINE`: the remote look from this computer. Any user may call them;
//! they change nothing here.
//!
//! Pages come through the HTTP door of the bt-server that runs here, which knows its machines and sends from the address
//! that they know ([`target`]). `ask` finds that server at this computer's own addresses. Where none runs, or it was started
//! anew and has not heard of the machine yet, a machine may still be named by its address. A shell (`terminal`) goes to the
//! machine directly, from the address that the server names.

mod ask;
pub mod target;
mod terminal;

use std::io::Write;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use clap::Args;
use clap::builder::PossibleValuesParser;
use report::look::{PORT, Page};
use target::Target;

/// A machine, and how the server that knows it is reached.
#[derive(Args, Clone, Debug)]
pub struct Where {
    /// The machine: its name, hardware address or address
    #[arg(value_name = "MACHINE")]
    pub machine: String,
    /// The server's address [default: this computer's addresses, one after the other]
    #[arg(long, value_name = "IP")]
    pub server: Option<Ipv4Addr>,
    /// The server's HTTP port
    #[arg(long, value_name = "PORT", default_value_t = catalog::Settings::HTTP_PORT)]
    pub http_port: u16,
}

/// What to look at.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "A machine answers only the server it booted from, and only until it starts its system.
Exit codes: 0 it was shown, 1 it was not, 2 wrong command line"
)]
pub struct Look {
    /// Which machine.
    #[command(flatten)]
    pub of: Where,
    /// What to show
    #[arg(value_name = "WHAT", default_value = "state", value_parser = PossibleValuesParser::new(Page::ALL.map(Page::name)))]
    pub what: String,
}

/// Where to open a shell.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Needs remote_shell: yes in the section boottorrent of Boottorrent.yaml. One for each machine at a time.
The wire carries it unencrypted: who listens there reads along.
Exit codes: 0 it has ended, 1 it was not opened or broke off, 2 wrong command line"
)]
pub struct Shell {
    /// On which machine.
    #[command(flatten)]
    pub of: Where,
}

/// Shows a page.
#[must_use]
pub fn run(args: &Look) -> ExitCode {
    // The parser takes no other.
    let page = args.what.parse().unwrap_or(Page::State);
    let shown = with_runtime(ask::page(&args.of, page));
    told(shown.map(|text| {
        // Who reads no further, as `head` does, has seen enough.
        let _ = std::io::stdout().write_all(text.as_bytes());
    }))
}

/// Opens a shell and stays until it ends.
#[must_use]
pub fn shell(args: &Shell) -> ExitCode {
    told(with_runtime(async {
        let Target {
            who,
            mac,
            address,
            port,
            from,
        } = ask::place(&args.of).await?;
        // Unknown where the machine is named by its address and no server runs: then the route decides.
        let from = (!from.is_unspecified()).then_some(from);
        terminal::run(&who, mac, (address, port).into(), from).await
    }))
}

fn told(done: Result<(), String>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {}", why.trim_end());
            ExitCode::FAILURE
        }
    }
}

fn with_runtime<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build();
    let runtime = runtime.map_err(|error| format!("the system gives no thread: {error}"))?;
    let done = runtime.block_on(work);
    // Nothing that still reads a keyboard is waited for.
    runtime.shutdown_background();
    done
}

/// A machine that is named by its address, without a server that knows it.
fn by_address(machine: &str) -> Option<Target> {
    let address: Ipv4Addr = machine.parse().ok()?;
    Some(Target {
        who: machine.to_owned(),
        mac: None,
        address,
        port: PORT,
        from: Ipv4Addr::UNSPECIFIED,
    })
}
