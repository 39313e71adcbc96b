//! udpcast: one multicast for all. Nobody may join later, and it waits for every machine before it begins.

use anyhow::Result;

use super::super::process::Process;
use super::{Client, Machine, Served, Sign, Stage};

pub(super) fn open(stage: &Stage<'_>) -> Result<Served> {
    let mut command = stage.server.command("udp-sender");
    command
        .args(["--nokbd", "--interface", stage.server.interface()])
        .args(["--min-receivers", &stage.clients.to_string()])
        .arg("--file")
        .arg(stage.payload.file());
    let sender = Process::start(&mut command, &stage.logs.join("sender.log"))?;
    Ok(Served {
        ours: None,
        processes: vec![("udp-sender", sender)],
        torrent: stage.payload.file(),
    })
}

pub(super) fn start(machine: &Machine<'_>) -> Result<Client> {
    let result = machine.home.join("file");
    let mut command = machine.host.command("udp-receiver");
    command
        .args(["--nokbd", "--interface", machine.host.interface()])
        .arg("--file")
        .arg(&result);
    Ok(Client {
        program: "udp-receiver",
        process: Process::start(&mut command, machine.log)?,
        sign: Sign::End,
        result: Some(result),
    })
}
