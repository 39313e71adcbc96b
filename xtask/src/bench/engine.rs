//! The engines that are compared: how each one's server side is set up, and how one of its machines is started.
//!
//! Each runs as its users run it, told only what a closed room needs: no DHT, no port mapping, no limits, TCP.

mod aria2;
mod http;
mod libtorrent;
mod opentracker;
mod ours;
mod transmission;
mod udpcast;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::ValueEnum;
use lab::{BtServer, Host, Room};

use super::cpu;
use super::payload::Payload;
use super::process::Process;
use super::tools::Tools;

pub(super) use ours::{BTTUI, HTTP};

/// From the start of a server side to its readiness, with all the hashing it may want to do.
const READY: Duration = Duration::from_secs(120);

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Engine {
    /// bt-server and bttui
    Ours,
    /// aria2 and opentracker
    Aria2,
    /// libtorrent 2 and opentracker
    Libtorrent,
    /// transmission-cli and opentracker
    Transmission,
    /// udp-sender and udp-receiver
    Udpcast,
    /// nginx and curl
    Http,
    /// bt-server; every other machine has aria2 instead of bttui
    Mixed,
    /// bt-server; all machines have aria2
    Aria2Here,
    /// nginx and `curl | sha1sum`: what a machine could do at most, if it wrote nothing
    Sha1,
}

/// Where an engine works.
pub(super) struct Stage<'a> {
    pub(super) room: &'a Room,
    /// The host of its server side; its address is the server's.
    pub(super) server: &'a Host,
    pub(super) payload: &'a Payload,
    pub(super) tools: &'a Tools,
    /// The folder for what the programs print.
    pub(super) logs: &'a Path,
    /// How many machines there will be at the beginning.
    pub(super) clients: u32,
}

/// An engine's server side, at work.
pub(super) struct Served {
    /// bt-server, where it is that.
    ours: Option<BtServer>,
    /// What else runs, by its name.
    processes: Vec<(&'static str, Process)>,
    /// The torrent as machines get it, where there is one.
    torrent: PathBuf,
}

/// One machine's program.
pub(super) struct Client {
    /// Which program it is.
    pub(super) program: &'static str,
    pub(super) process: Process,
    /// How it tells that it has everything.
    sign: Sign,
    /// The file it was to fetch, where it keeps one.
    pub(super) result: Option<PathBuf>,
}

enum Sign {
    /// It ends.
    End,
    /// It has printed this.
    Said(&'static str),
    /// It has run a program of ours, which made this file.
    File(PathBuf),
}

impl Engine {
    /// Those that are compared where nobody names others.
    pub(super) const DEFAULT: [Engine; 6] = [
        Engine::Ours,
        Engine::Aria2,
        Engine::Libtorrent,
        Engine::Transmission,
        Engine::Udpcast,
        Engine::Http,
    ];

    /// Whether programs of ours are part of it.
    pub(super) fn has_ours(self) -> bool {
        matches!(self, Engine::Ours | Engine::Mixed | Engine::Aria2Here)
    }

    /// By its name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Engine::Ours => "ours",
            Engine::Aria2 => "aria2",
            Engine::Libtorrent => "libtorrent",
            Engine::Transmission => "transmission",
            Engine::Udpcast => "udpcast",
            Engine::Http => "http",
            Engine::Mixed => "mixed",
            Engine::Aria2Here => "aria2-here",
            Engine::Sha1 => "sha1",
        }
    }

    /// Which programs it is made of, in the table.
    pub(super) fn programs(self) -> &'static str {
        match self {
            Engine::Ours => "bt-server, bttui",
            Engine::Aria2 => "aria2, opentracker",
            Engine::Libtorrent => "libtorrent, opentracker",
            Engine::Transmission => "transmission-cli, opentracker",
            Engine::Udpcast => "udpcast (multicast)",
            Engine::Http => "nginx, curl",
            Engine::Mixed => "bt-server; bttui, aria2",
            Engine::Aria2Here => "bt-server; aria2",
            Engine::Sha1 => "nginx, curl to sha1sum",
        }
    }

    /// Starts its server side and waits until it is ready.
    pub(super) fn open(self, stage: &Stage<'_>) -> Result<Served> {
        match self {
            Engine::Ours | Engine::Mixed | Engine::Aria2Here => ours::open(stage),
            Engine::Aria2 => aria2::open(stage),
            Engine::Libtorrent => libtorrent::open(stage),
            Engine::Transmission => transmission::open(stage),
            Engine::Udpcast => udpcast::open(stage),
            Engine::Http | Engine::Sha1 => http::open(stage),
        }
    }

    /// Starts it on the machine `host`, the `number`th from 0. What it needs and what it fetches lies in `home`, a
    /// folder that is made.
    pub(super) fn start(
        self,
        stage: &Stage<'_>,
        served: &Served,
        host: &Host,
        number: usize,
        home: &Path,
    ) -> Result<Client> {
        fs::create_dir_all(home)?;
        let log = &stage.logs.join(format!("client-{number:03}.log"));
        let machine = Machine { host, home, log };
        match self {
            Engine::Ours => ours::start(served, &machine, ours::Leaves::Never),
            Engine::Aria2 | Engine::Aria2Here => aria2::start(served, &machine),
            Engine::Libtorrent => libtorrent::start(stage, served, &machine),
            Engine::Transmission => transmission::start(served, &machine),
            Engine::Udpcast => udpcast::start(&machine),
            Engine::Http => http::start(stage, &machine),
            Engine::Mixed if number % 2 == 1 => aria2::start(served, &machine),
            Engine::Mixed => ours::start(served, &machine, ours::Leaves::Never),
            Engine::Sha1 => http::start_hashing(stage, &machine),
        }
    }
}

/// Starts ours on a machine as [`Engine::start`] does, where it leaves the swarm by a rule and ends then.
pub(super) fn start_to_leave(
    stage: &Stage<'_>,
    served: &Served,
    host: &Host,
    number: usize,
    home: &Path,
    rule: &[String],
) -> Result<Client> {
    fs::create_dir_all(home)?;
    let log = &stage.logs.join(format!("client-{number:03}.log"));
    let machine = Machine { host, home, log };
    ours::start(served, &machine, ours::Leaves::By(rule))
}

/// The place of one machine's program.
struct Machine<'a> {
    host: &'a Host,
    home: &'a Path,
    log: &'a Path,
}

impl Served {
    /// Seconds of processor time of all its programs so far.
    pub(super) fn cpu(&mut self) -> Result<f64> {
        let ours = self.ours.as_ref().map(|ours| cpu::of_process(ours.pid()));
        let mut sum = ours.unwrap_or(0.0);
        for (_, process) in &mut self.processes {
            sum += process.cpu()?;
        }
        Ok(sum)
    }

    /// An error when one of its programs has ended badly.
    pub(super) fn check(&mut self) -> Result<()> {
        if let Some(ours) = &mut self.ours
            && let Some(status) = ours.ended()?
        {
            bail!("bt-server ended ({status}):\n{}", ours.said());
        }
        for (name, process) in &mut self.processes {
            if let Some(status) = process.ended()?
                && !status.success()
            {
                bail!("{name} ended ({status}); {}", process.last_words());
            }
        }
        Ok(())
    }
}

impl Client {
    /// Whether it has everything.
    ///
    /// # Errors
    /// It ended and has not.
    pub(super) fn has_everything(&mut self) -> Result<bool> {
        let ended = self.process.ended()?;
        let told = match &self.sign {
            Sign::End => ended.is_some_and(|status| status.success()),
            Sign::Said(words) => self.process.said().contains(words),
            Sign::File(file) => file.exists(),
        };
        match ended {
            Some(status) if !told => {
                bail!(
                    "a client ended too early ({status}); {}",
                    self.process.last_words()
                )
            }
            _ => Ok(told),
        }
    }
}
