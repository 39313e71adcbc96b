//! aria2, with what its manual offers for a swarm in one room.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use lab::Host;

use super::super::payload::Payload;
use super::super::process::Process;
use super::super::tools;
use super::{Client, Machine, Served, Sign, Stage, opentracker};

/// What it runs when it has everything: it leaves a file beside itself.
pub(super) const HOOK: &str = "#!/bin/sh\n: >\"${0%/*}/complete\"\n";

pub(super) fn open(stage: &Stage<'_>) -> Result<Served> {
    let mut served = opentracker::open(stage)?;
    let mut seed = aria2(stage.server, &stage.payload.oss(), &served.torrent);
    seed.arg("--bt-seed-unverified=true");
    let seed = Process::start(&mut seed, &stage.logs.join("seed.log"))?;
    served.processes.push(("aria2c", seed));
    opentracker::wait_for_seed(stage, &mut served)?;
    Ok(served)
}

pub(super) fn start(served: &Served, machine: &Machine<'_>) -> Result<Client> {
    let to = machine.home.join("to");
    fs::create_dir(&to)?;
    let hook = tools::script(machine.home, "hook", HOOK)?;
    let mut client = aria2(machine.host, &to, &served.torrent);
    client.arg(format!("--on-bt-download-complete={}", hook.display()));
    Ok(Client {
        program: "aria2",
        process: Process::start(client.current_dir(machine.home), machine.log)?,
        sign: Sign::File(machine.home.join("complete")),
        result: Some(Payload::below(&to)),
    })
}

/// It shares until it is ended.
fn aria2(host: &Host, folder: &Path, torrent: &Path) -> Command {
    let mut command = host.command("aria2c");
    command
        .args(["--no-conf", "--enable-dht=false", "--enable-dht6=false"])
        .args(["--bt-enable-lpd=false", "--listen-port=6881"])
        .args(["--seed-ratio=0", "--summary-interval=0"])
        .args(["--file-allocation=none", "--disable-ipv6=true"])
        .arg(format!("--dir={}", folder.display()))
        .arg(torrent);
    command
}
