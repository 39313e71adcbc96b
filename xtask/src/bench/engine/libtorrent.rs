//! libtorrent (libtorrent-rasterbar 2), through its Python binding.

use std::path::Path;
use std::process::Command;

use anyhow::Result;
use lab::Host;

use super::super::payload::Payload;
use super::super::process::Process;
use super::super::tools::{self, PYTHON};
use super::{Client, Machine, Served, Sign, Stage, opentracker};

const SCRIPT: &str = include_str!("libtorrent.py");
const NAME: &str = "libtorrent_client.py";

pub(super) fn open(stage: &Stage<'_>) -> Result<Served> {
    let mut served = opentracker::open(stage)?;
    let script = tools::script(stage.room.scratch(), NAME, SCRIPT)?;
    let mut seed = libtorrent(stage.server, &script, &served.torrent);
    seed.arg(stage.payload.oss()).arg("seed");
    let seed = Process::start(&mut seed, &stage.logs.join("seed.log"))?;
    served.processes.push(("libtorrent", seed));
    opentracker::wait_for_seed(stage, &mut served)?;
    Ok(served)
}

pub(super) fn start(stage: &Stage<'_>, served: &Served, machine: &Machine<'_>) -> Result<Client> {
    let script = stage.room.scratch().join(NAME);
    let mut client = libtorrent(machine.host, &script, &served.torrent);
    client.arg(machine.home).arg("fetch");
    Ok(Client {
        program: "libtorrent",
        process: Process::start(&mut client, machine.log)?,
        sign: Sign::Said("has everything"),
        result: Some(Payload::below(machine.home)),
    })
}

fn libtorrent(host: &Host, script: &Path, torrent: &Path) -> Command {
    let mut command = host.command(PYTHON);
    command.arg(script).arg(torrent);
    command
}
