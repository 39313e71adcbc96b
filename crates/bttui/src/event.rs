//! The model's language: what it is told and what it answers.

use std::net::Ipv4Addr;

use catalog::manifest::Manifest;
use report::{Exit, Facts, Progress, Step};

use crate::keys::Key;
use crate::lease::Lease;

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
    Offers(Box<Manifest>),
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
