//! `cargo xtask bench tftp`: how long a room takes to fetch files by TFTP at once, beside other TFTP servers.
//!
//! Two rooms: many machines that fetch a loader, and some that fetch a large file. The clients are ours (`client`), one
//! thread each in this process, all of them ready before the first asks: three hundred curl processes would measure the
//! start of curl. That real clients are served right is for the tests of the crate `lab` to say.

mod client;
mod report;
mod server;

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{Host, Room, Stop};

use super::compare::computer;
use super::payload::MEMORY;
use super::plan::SERVER;
use super::tools::{self, Tools};
use report::{Line, Report, Run};
pub(in crate::bench) use server::build;
use server::{Folder, Program};

/// The network's bits: room for a thousand machines.
const PREFIX: u8 = 16;
/// The machines' addresses count from here.
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 0);
const MOST: u32 = 1000;

/// What the person may say on the command line.
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "\
The loader has 75,000 bytes, as lpxelinux.0; the large file 13,000,000, as phase 1. Both are fetched in blocks of
1468 bytes, each acknowledged. Writes target/bench/tftp.md and .json.")]
pub(super) struct Args {
    /// Machines that fetch the loader
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    clients: u32,
    /// Machines that fetch the large file
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    large_clients: u32,
    /// Whom to measure [default: all]
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_enum)]
    servers: Vec<Program>,
    /// Measure everything so often and take the medians
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Everything is built already: how the part that needs root is started
    #[arg(long, hide = true)]
    pub(super) built: bool,
}

/// Which file a room fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Loader,
    Large,
}

impl What {
    const ALL: [What; 2] = [What::Loader, What::Large];

    /// Its name, for the servers and in the table.
    fn name(self) -> &'static str {
        match self {
            What::Loader => "loader",
            What::Large => "large",
        }
    }

    /// Its bytes.
    fn size(self) -> usize {
        match self {
            What::Loader => 75_000,
            What::Large => 13_000_000,
        }
    }
}

impl Args {
    /// Whether ours is among them.
    pub(super) fn has_ours(&self) -> bool {
        self.servers().contains(&Program::Ours)
    }

    fn servers(&self) -> Vec<Program> {
        match self.servers.as_slice() {
            [] => Program::ALL.to_vec(),
            named => named.to_vec(),
        }
    }

    fn clients(&self, what: What) -> u32 {
        match what {
            What::Loader => self.clients,
            What::Large => self.large_clients,
        }
    }

    /// The command line that asks for the same again.
    fn command(&self) -> String {
        let mut words = format!(
            "cargo xtask bench tftp --clients {} --large-clients {} --runs {}",
            self.clients, self.large_clients, self.runs
        );
        if !self.servers.is_empty() {
            let names: Vec<_> = self.servers.iter().map(|one| one.name()).collect();
            words += &format!(" --servers {}", names.join(","));
        }
        words
    }
}

/// Measures all servers in both rooms, in turns.
pub(super) fn run(args: &Args, tools: &Tools, stop: &Stop) -> Result<()> {
    let rooms = What::ALL.map(|what| args.servers().into_iter().map(move |it| (what, it)));
    let lines = rooms
        .into_iter()
        .flatten()
        .map(|(what, program)| Line::new(what, args.clients(what), program));
    let mut report = Report {
        command: args.command(),
        computer: computer()?,
        lines: lines.collect(),
    };
    for number in 1..=args.runs {
        for line in &mut report.lines {
            let run = measure(line, tools, stop).with_context(|| line.to_string())?;
            println!("{line} {number}/{}: {run}", args.runs);
            line.runs.push(run);
        }
        report.write()?;
    }
    println!("\n{}", report.table());
    println!("Written to {}.md, .json", report.base().display());
    Ok(())
}

/// One room, whose machines all fetch the same file at once.
fn measure(line: &Line, tools: &Tools, stop: &Stop) -> Result<Run> {
    let logs = tools::folder().join("logs/tftp").join(line.program.name());
    fs::create_dir_all(&logs)?;
    let mut room = Room::new_in(Path::new(MEMORY), stop)?;
    let host = room.host(Some((SERVER, PREFIX)))?;
    let machines = room.host(None)?;
    let sockets = sockets(&machines, line.clients)?;
    let right = lab::noise(line.what.size());
    let folder = Folder::make(&room, line.what.name(), &right)?;
    let mut serving = line.program.start(&room, &host, tools, &folder, &logs)?;
    serving.wait_until_it_serves(&room, &host, 69)?;
    let (cpu, memory) = (serving.cpu(), serving.peak_memory()?);
    let fetched = client::fetch_together(&sockets, SERVER, line.what.name(), &right)?;
    serving.check()?;
    Ok(Run {
        seconds: fetched.seconds,
        repeats: fetched.repeats,
        cpu: serving.cpu() - cpu,
        memory_before: memory,
        memory: serving.peak_memory()?,
    })
}

/// One machine each: an address of its own, and a port.
fn sockets(machines: &Host, count: u32) -> Result<Vec<UdpSocket>> {
    let interface = machines.interface();
    let addresses = (0..count).map(|number| Ipv4Addr::from(u32::from(FIRST) + number));
    let addresses: Vec<Ipv4Addr> = addresses.collect();
    for address in &addresses {
        let add = format!("address add {address}/{PREFIX} dev {interface}");
        machines.namespace().ip(&add)?;
    }
    machines.namespace().enter(|| {
        let open = |address: &Ipv4Addr| {
            let socket = UdpSocket::bind((*address, 0))?;
            socket.set_read_timeout(Some(Duration::from_secs(1)))?;
            Ok(socket)
        };
        let sockets: Vec<UdpSocket> = addresses.iter().map(open).collect::<Result<_>>()?;
        ensure!(!sockets.is_empty(), "no machines");
        Ok(sockets)
    })
}
