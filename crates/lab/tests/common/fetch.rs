//! `bttui fetch` on a host of a room: our own client, headless.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use lab::{Host, Stop, until};
use serde_json::Value;

use super::world::{Offer, target};

/// A running bttui. Dropping it ends it.
pub(crate) struct Fetch {
    process: Child,
    out: PathBuf,
    err: PathBuf,
}

/// What it says when every byte is there and verified.
#[derive(Debug)]
pub(crate) struct Complete {
    /// Bytes.
    pub(crate) total: u64,
    /// Seconds since it began.
    pub(crate) seconds: f64,
    /// Who sent how many bytes.
    pub(crate) sources: Vec<(Ipv4Addr, u64)>,
}

impl Fetch {
    /// Starts it on `host`; the system will be in `to`, a folder that is made.
    pub(crate) fn start(host: &Host, offer: &Offer, to: &Path) -> Fetch {
        Fetch::start_with(&[], host, offer, to)
    }

    /// The same with further words on its command line.
    pub(crate) fn start_with(words: &[&str], host: &Host, offer: &Offer, to: &Path) -> Fetch {
        fs::create_dir_all(to).unwrap();
        let beside = |what: &str| {
            let mut name = to.as_os_str().to_owned();
            name.push(what);
            PathBuf::from(name)
        };
        let (out, err) = (beside(".out"), beside(".err"));
        let program = target().join("x86_64-unknown-linux-gnu/phase1/bttui");
        assert!(
            program.is_file(),
            "{} is built by cargo xtask phase1",
            program.display()
        );
        let process = host
            .command(program)
            .args(["fetch", "--json", "--to"])
            .args([to, &offer.file])
            .args(words)
            .stdout(Stdio::from(File::create(&out).unwrap()))
            .stderr(Stdio::from(File::create(&err).unwrap()))
            .spawn()
            .unwrap();
        Fetch { process, out, err }
    }

    /// Bytes that it has, as it said last: it does so every second.
    pub(crate) fn have(&self) -> u64 {
        let have = |line: &Value| line["have"].as_u64();
        self.said().iter().rev().find_map(have).unwrap_or(0)
    }

    /// How often it has said how far it is.
    pub(crate) fn news(&self) -> usize {
        self.said().len()
    }

    /// When it first had so many peers, in seconds since it began.
    pub(crate) fn had_peers(&self, count: u64) -> Option<f64> {
        let said = self.said();
        let mut told = said
            .iter()
            .filter(|line| line["peers"].as_u64() >= Some(count));
        told.next()?["seconds"].as_f64()
    }

    /// What hinders it, as it said last.
    pub(crate) fn trouble(&self) -> Option<String> {
        let said = self.said();
        said.last()?["trouble"].as_str().map(str::to_owned)
    }

    /// What it says once every byte is there and verified. It may share from then on.
    pub(crate) fn complete(&self) -> Option<Complete> {
        let said = self.said();
        said.iter()
            .find(|line| line["event"] == "complete")
            .map(read)
    }

    /// All that it said. A line may be on its way still.
    fn said(&self) -> Vec<Value> {
        let out = fs::read_to_string(&self.out).unwrap();
        let lines = out.lines();
        lines
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Waits until it has everything and has ended.
    pub(crate) fn wait(mut self, deadline: Duration) -> Complete {
        let ended = until("bttui's end", deadline, &Stop::never(), || {
            Ok(self.process.try_wait()?)
        });
        let said = fs::read_to_string(&self.err).unwrap();
        let status = ended.unwrap_or_else(|error| panic!("{error:#}\n{said}\n{:?}", self.said()));
        assert!(status.success(), "bttui: {status}\n{said}");
        self.complete().expect("it says that it is complete")
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(complete: &Value) -> Complete {
    let sources = complete["sources"].as_array().unwrap().iter();
    let sources = sources.map(|source| {
        let address = source["address"].as_str().unwrap().parse().unwrap();
        (address, source["bytes"].as_u64().unwrap())
    });
    Complete {
        total: complete["total"].as_u64().unwrap(),
        seconds: complete["seconds"].as_f64().unwrap(),
        sources: sources.collect(),
    }
}
