//! A copy of the history at one moment: what watchers read and what the API sends.

use std::fmt;
use std::net::Ipv4Addr;
use std::sync::Arc;

use report::{Mac, Source, Stage, Step};
use serde::Serialize;

/// All machines at one moment, in the order they were first heard of.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// Milliseconds since the journal began.
    pub at_ms: u64,
    /// The server's own address; the first, where it is in several networks.
    pub server: Ipv4Addr,
    /// All its addresses: bytes from anywhere else came from machines.
    pub servers: Vec<Ipv4Addr>,
    /// Every machine known.
    pub machines: Vec<Machine>,
    /// What the doors refused to look at, and how often.
    pub dropped: Vec<Dropped>,
}

impl Default for Snapshot {
    fn default() -> Self {
        Self {
            at_ms: 0,
            server: Ipv4Addr::UNSPECIFIED,
            servers: Vec::new(),
            machines: Vec::new(),
            dropped: Vec::new(),
        }
    }
}

/// One machine's history and where it stands.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Its hardware address; `None` for a client known by its address only.
    pub mac: Option<Mac>,
    /// What it is called, where the configuration names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its IPv4 address, once it has one.
    pub address: Option<Ipv4Addr>,
    /// The server's interface on whose wire it was heard last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface: Option<Arc<str>>,
    /// How far its boot is.
    pub stage: Stage,
    /// Where it stands, in a few words.
    pub state: String,
    /// What is wrong and what to do, where something is.
    pub diagnosis: Option<String>,
    /// Where the bytes of its system came from.
    pub sources: Vec<Source>,
    /// Bytes it sent to other machines.
    pub uploaded: u64,
    /// How often it began to boot.
    pub boots: u32,
    /// What it did.
    pub steps: Arc<[Told]>,
}

/// One step and when it was.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// Milliseconds since the journal began.
    pub at_ms: u64,
    /// When it was last noted; later than `at_ms` if it was repeated.
    pub last_ms: u64,
    /// How often, one after the other.
    pub times: u32,
    /// What happened.
    pub step: Step,
}

/// Something refused, counted.
#[derive(Clone, Debug, Serialize)]
pub struct Dropped {
    /// Where it arrived.
    pub door: &'static str,
    /// Why it was refused.
    pub reason: &'static str,
    /// How often.
    pub count: u64,
}

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ×{}", self.door, self.reason, self.count)
    }
}
