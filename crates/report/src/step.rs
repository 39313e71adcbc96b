//! The steps of a boot as wire types: what `POST /api/v1/report` carries and the journal keeps.

use std::fmt;
use std::net::Ipv4Addr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Exit, Mac};

/// What [`Step::Discover`] names as firmware when it is none: phase 1's DHCP client, or that of an
/// installed or started operating system.
pub const OPERATING_SYSTEM: &str = "operating system";

/// The body of a machine's own report (JSON).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Report {
    /// Who reports.
    pub mac: Mac,
    /// Milliseconds since the machine's kernel started.
    pub uptime_ms: u64,
    /// What it did.
    #[serde(deserialize_with = "clipped")]
    pub step: Step,
}

/// Anybody can post a report, so its texts are cut down before anyone sees them.
fn clipped<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Step, D::Error> {
    Step::deserialize(deserializer).map(Step::clipped)
}

/// One thing a machine did, or that was done for it, in the order of a boot.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// It asked for an address.
    Discover {
        /// Who asks, in words ("BIOS PXE", "iPXE on UEFI x64"), or [`OPERATING_SYSTEM`].
        firmware: String,
    },
    /// It was offered an address.
    Offer {
        /// Which.
        address: Ipv4Addr,
    },
    /// It took an address, or had its lease renewed.
    Lease {
        /// Which.
        address: Ipv4Addr,
    },
    /// Its request was not granted.
    Refused {
        /// The reason, for people.
        why: String,
    },
    /// Its firmware was told what to boot, and goes elsewhere again and again.
    Unfollowed {
        /// Whom it listens to, and the remedy, for people.
        why: String,
    },
    /// Its firmware was named no loader, so that it goes on with its own disk.
    OwnDisk {
        /// The reason, for people.
        why: String,
    },
    /// It fetched a file; `bytes < total` when the transfer broke off.
    File {
        /// By which way.
        door: Door,
        /// The name it asked for.
        name: String,
        /// Bytes sent.
        bytes: u64,
        /// Bytes the file (or the range asked for) has.
        total: u64,
        /// How long it took, in milliseconds.
        millis: u64,
    },
    /// Phase 1 runs and has an address.
    Awake {
        /// What kind of machine it is.
        facts: Facts,
    },
    /// The menu is shown.
    Menu {
        /// How many systems it lists.
        systems: u32,
        /// Seconds until the default starts; negative waits for ever.
        timeout_s: i64,
    },
    /// A system was chosen.
    Chosen {
        /// The system's name (its folder).
        system: String,
        /// By whom.
        by: ChosenBy,
    },
    /// The download goes on, or its bytes are being shared.
    Progress(Progress),
    /// Every byte is there and verified.
    Fetched {
        /// The final figures.
        progress: Progress,
        /// How long the download took, in milliseconds.
        millis: u64,
    },
    /// The machine is about to start the system.
    Starting {
        /// The system's name.
        system: String,
        /// The method, as `config.yaml` names it ("kexec").
        method: String,
    },
    /// A system that does not replace phase 1 runs: a program or a guest. The machine goes on sharing.
    Running {
        /// The system's name.
        system: String,
        /// Where it is seen and typed at (`ttyS0`, `tty1`).
        console: String,
        /// For a guest, who executes it, in words ("with KVM"); else nothing.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        how: String,
    },
    /// What [`Step::Running`] told of has ended; the menu comes back.
    Ended {
        /// The system's name.
        system: String,
        /// How it ended.
        exit: Exit,
    },
    /// Something did not work.
    Failed {
        /// What was being done ("fetching debian").
        during: String,
        /// What went wrong, and the remedy if one is known.
        what: String,
    },
    /// A shell was opened.
    Shell {
        /// From where. A report that does not say comes from a machine that does not know more than one place.
        #[serde(default, skip_serializing_if = "ShellFrom::is_machine")]
        from: ShellFrom,
    },
    /// A PIN for a shell was wrong.
    PinRefused {
        /// Where it was typed (`ttyS0`, `tty1`).
        console: String,
    },
    /// The machine tries again after a failure.
    Retry,
}

/// The way a file was fetched.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// TFTP (RFC 1350).
    Tftp,
    /// HTTP.
    Http,
}

/// Who chose a system.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChosenBy {
    /// The countdown ran out.
    Timeout,
    /// Somebody at the machine.
    Person,
    /// Nobody: there is only one system.
    Only,
}

/// Where whoever opened a shell sits.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShellFrom {
    /// At the machine.
    #[default]
    Machine,
    /// At the server, which has it over the network (`bt-server shell`).
    Server,
}

impl ShellFrom {
    fn is_machine(&self) -> bool {
        *self == ShellFrom::Machine
    }
}

/// What kind of machine it is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Facts {
    /// RAM in bytes.
    pub memory_bytes: u64,
    /// Logical processors.
    pub cpus: u32,
    /// The processor's name.
    pub cpu: String,
    /// The network card in use and its driver.
    pub nic: String,
    /// The address it has.
    pub address: Ipv4Addr,
    /// The running kernel's release.
    pub kernel: String,
}

/// How far a download is.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Progress {
    /// The system's name.
    pub system: String,
    /// Bytes it has in all.
    pub total: u64,
    /// Verified bytes.
    pub have: u64,
    /// Bytes sent to other machines.
    pub uploaded: u64,
    /// Connected peers.
    pub peers: u32,
    /// Bytes received a second, lately.
    pub rate: u64,
    /// Where the bytes came from.
    pub sources: Vec<Source>,
}

/// Somebody who sent bytes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Source {
    /// Who.
    pub address: Ipv4Addr,
    /// How many bytes.
    pub bytes: u64,
}

impl Progress {
    /// Whether every byte is there. A system without bytes is complete.
    #[must_use]
    pub fn complete(&self) -> bool {
        self.have >= self.total
    }

    /// The bytes that came from anybody but `server`, and the bytes received in all. Both count what
    /// crossed the wire, which is a little more than [`Progress::have`].
    #[must_use]
    pub fn from_others(&self, server: Ipv4Addr) -> (u64, u64) {
        let all = self
            .sources
            .iter()
            .fold(0, |sum: u64, s| sum.saturating_add(s.bytes));
        let others = self.sources.iter().filter(|s| s.address != server);
        (
            others.fold(0, |sum: u64, s| sum.saturating_add(s.bytes)),
            all,
        )
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tftp => "TFTP",
            Self::Http => "HTTP",
        })
    }
}

impl fmt::Display for ChosenBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "the countdown",
            Self::Person => "a person",
            Self::Only => "being the only one",
        })
    }
}
