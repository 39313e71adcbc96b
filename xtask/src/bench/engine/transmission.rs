//! transmission-cli.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use lab::Host;

use super::super::payload::Payload;
use super::super::process::Process;
use super::super::tools;
use super::{Client, Machine, Served, Sign, Stage, aria2, opentracker};

/// What has no option on its command line. uTP yields to every queue; in a closed room it is several times slower.
const SETTINGS: &str = r#"{ "dht-enabled": false, "lpd-enabled": false, "utp-enabled": false }"#;

pub(super) fn open(stage: &Stage<'_>) -> Result<Served> {
    let mut served = opentracker::open(stage)?;
    let home = stage.room.scratch().join("seed");
    fs::create_dir(&home)?;
    let oss = stage.payload.oss();
    let mut seed = transmission(stage.server, &home, &oss, &served.torrent)?;
    let seed = Process::start(&mut seed, &stage.logs.join("seed.log"))?;
    served.processes.push(("transmission-cli", seed));
    opentracker::wait_for_seed(stage, &mut served)?;
    Ok(served)
}

pub(super) fn start(served: &Served, machine: &Machine<'_>) -> Result<Client> {
    let to = machine.home.join("to");
    fs::create_dir(&to)?;
    let hook = tools::script(machine.home, "hook", aria2::HOOK)?;
    let mut client = transmission(machine.host, machine.home, &to, &served.torrent)?;
    client.arg("--finish").arg(hook);
    Ok(Client {
        program: "transmission-cli",
        process: Process::start(&mut client, machine.log)?,
        sign: Sign::File(machine.home.join("complete")),
        result: Some(Payload::below(&to)),
    })
}

fn transmission(host: &Host, home: &Path, folder: &Path, torrent: &Path) -> Result<Command> {
    fs::write(home.join("settings.json"), SETTINGS)?;
    let mut command = host.command("transmission-cli");
    command
        .args(["--no-portmap", "--no-downlimit", "--no-uplimit"])
        .args(["--port", "6881", "--config-dir"])
        .arg(home)
        .arg("--download-dir")
        .args([folder, torrent])
        .env("HOME", home);
    Ok(command)
}
