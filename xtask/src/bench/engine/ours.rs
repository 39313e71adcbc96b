//! bt-server as it is installed, and the client that phase 1 carries.

use std::fs;
use std::net::SocketAddrV4;

use anyhow::{Context, Result, ensure};
use lab::{BtServer, until};
use metainfo::Torrent;

use super::super::payload::Payload;
use super::super::process::Process;
use super::{Client, Machine, READY, Served, Sign, Stage};
use crate::places;

/// The port of its tracker and files where nothing names another.
pub(in super::super) const HTTP: u16 = 6969;
/// More than `torrents.gz` unpacks to.
const UNPACKED: usize = 64 << 20;
/// The client's name.
pub(in super::super) const BTTUI: &str = "bttui";
/// Longer than any bench.
const FOR_LONG: &str = "86400";

pub(super) fn open(stage: &Stage<'_>) -> Result<Served> {
    let program = lab::built::bt_server(&places::target())?;
    let log = stage.logs.join("bt-server.log");
    let mut ours = BtServer::start(
        stage.room,
        stage.server,
        &program,
        &stage.payload.oss(),
        &["--dhcp", "off"],
        &log,
    )?;
    ours.wait_until_it_serves(stage.server, READY)?;
    let torrent = until("its torrent", READY, stage.room.stop(), || offered(stage))?;
    let theirs = Torrent::parse(&torrent)?.info_hash();
    let expected = stage.payload.torrent().info_hash();
    ensure!(
        theirs == expected,
        "bt-server made the torrent {theirs}, the others get {expected}"
    );
    let file = stage.room.scratch().join("ours.torrent");
    fs::write(&file, torrent)?;
    Ok(Served {
        ours: Some(ours),
        processes: Vec::new(),
        torrent: file,
    })
}

/// The system's torrent as machines get it, once it is offered.
fn offered(stage: &Stage<'_>) -> Result<Option<Vec<u8>>> {
    let address = stage
        .server
        .address()
        .context("the server has no address")?;
    let from = SocketAddrV4::new(address, HTTP);
    let (status, body) = lab::get(stage.server.namespace(), from, "/boot/torrents.gz")?;
    if status != 200 {
        return Ok(None);
    }
    let archive = initrd::gunzip(&body, UNPACKED)?;
    let path = format!("torrents/{}.torrent", stage.payload.system());
    let entries = initrd::entries(&archive)?.into_iter();
    Ok(entries
        .filter(|entry| entry.path == path)
        .find_map(|entry| match entry.kind {
            initrd::Kind::File(bytes) => Some(bytes),
            _ => None,
        }))
}

/// When a machine's program leaves the swarm.
#[derive(Clone, Copy)]
pub(super) enum Leaves<'a> {
    /// It shares until it is ended.
    Never,
    /// By the rule that these options of `bttui fetch` name; it ends then.
    By(&'a [String]),
}

pub(super) fn start(served: &Served, machine: &Machine<'_>, leaves: Leaves<'_>) -> Result<Client> {
    let mut command = machine.host.command(lab::built::bttui(&places::target())?);
    command.args(["fetch", "--json", "--to"]).arg(machine.home);
    let sign = match leaves {
        Leaves::Never => {
            command.args(["--seed-for", FOR_LONG]);
            Sign::Said("\"event\":\"complete\"")
        }
        Leaves::By(rule) => {
            command.args(rule);
            Sign::End
        }
    };
    command.arg(&served.torrent);
    Ok(Client {
        program: BTTUI,
        process: Process::start(&mut command, machine.log)?,
        sign,
        result: Some(Payload::below(machine.home)),
    })
}
