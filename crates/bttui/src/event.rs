//! The model's language: what it is told and what it answers.

use std::net::Ipv4Addr;

use catalog::manifest::Manifest;
use catalog::memory::Need;
use report::{Exit, Facts, Progress, Step};

use crate::keys::Key;
use crate::lease::Lease;

/// What the server offers.
#[derive(Clone, Debug)]
pub struct Offers {
    /// What it says.
    pub manifest: Manifest,
    /// What each of its systems takes of a machine's memory, in the same order; nothing where that is not known.
    pub needs: Vec<Option<Need>>,
}

impl From<Manifest> for Offers {
    /// Of no system it is known what it takes.
    fn from(manifest: Manifest) -> Offers {
        let needs = vec![None; manifest.systems.len()];
        Offers { manifest, needs }
    }
}

/// What comes in.
#[derive(Clone, Debug)]
pub enum Event {
    /// A key on one of the consoles.
    Key {
        /// Which console.
        console: usize,
        /// Which key.
        key: Key,
    },
    /// Time passed.
    Tick,
    /// A shell was opened.
    ShellOpened {
        /// By the server, through the remote look; else on one of the consoles.
        is_remote: bool,
    },
    /// A PIN for a shell was wrong.
    PinRefused {
        /// Where it was typed.
        console: String,
    },
    /// Something that only the log tells.
    Note {
        /// What happened, in a line.
        what: String,
    },
    /// Still no lease.
    NoNetwork {
        /// The best guess at the reason.
        why: String,
    },
    /// The lease is there.
    Network {
        /// The lease.
        lease: Lease,
        /// This machine.
        facts: Facts,
    },
    /// What can be booted.
    Offers(Box<Offers>),
    /// News from the download.
    Progress {
        /// The figures.
        progress: Progress,
        /// What hinders it.
        trouble: Option<String>,
    },
    /// Every byte that is needed is here and verified, and every file is what the server's list says.
    Fetched {
        /// The final figures.
        progress: Progress,
    },
    /// The server said which other machines are still fetching the system that is complete here.
    Waiting {
        /// Their addresses.
        machines: Vec<Ipv4Addr>,
    },
    /// What was being done failed: reading, the download, or the start of a system that replaces phase 1.
    Broken {
        /// The reason.
        what: String,
    },
    /// The program that was to be run runs.
    Started {
        /// On which console (`ttyS0`, `tty1`).
        console: String,
        /// For a guest, who executes it, in words; else nothing.
        how: String,
    },
    /// The program that was to be run cannot be.
    NotStarted {
        /// The reason, with the remedy.
        what: String,
    },
    /// The program that ran has ended.
    Ended {
        /// How.
        exit: Exit,
    },
}

/// What is to be done about it.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Read what the server offers.
    ReadOffers,
    /// Start downloading this system.
    Fetch(usize),
    /// Ask the server every second who is still fetching this system, until its download ends.
    AskWhoWaits(usize),
    /// Leave the swarm and forget the download.
    Abandon,
    /// Start this system, which is complete, in phase 1's place.
    Start(usize),
    /// Run this system, which is complete, beside phase 1.
    Run {
        /// Which.
        system: usize,
        /// The console of the person who chose it; the kernel's own where nobody did.
        console: Option<usize>,
    },
    /// End what runs: ask it first.
    EndProgram,
    /// Give this console a shell.
    Shell(usize),
    /// Tell the server.
    Report(Step),
}
