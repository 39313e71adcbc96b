//! Debian's opentracker, which serves only torrents it was told of.

use std::fs;
use std::net::SocketAddrV4;

use anyhow::{Context, Result};
use lab::until;
use metainfo::InfoHash;

use super::super::process::Process;
use super::{READY, Served, Stage};

const PORT: u16 = 6969;

/// Starts it on the server, and writes the torrent that names it.
pub(super) fn open(stage: &Stage<'_>) -> Result<Served> {
    let torrent = stage.payload.torrent();
    let (scratch, tracker) = (stage.room.scratch(), address(stage)?);
    let file = scratch.join("bench.torrent");
    let url = format!("http://{tracker}/announce");
    fs::write(&file, torrent.clone().with_announce(url).to_bytes())?;
    // It goes into this folder before it reads the list.
    let home = scratch.join("opentracker");
    fs::create_dir(&home)?;
    fs::write(home.join("known"), format!("{}\n", torrent.info_hash()))?;
    let port = PORT.to_string();
    let mut command = stage.tools.opentracker(stage.server);
    command
        .args(["-i", &tracker.ip().to_string(), "-p", &port, "-P", &port])
        .args(["-w", "known", "-d", "."])
        .current_dir(&home);
    let process = Process::start(&mut command, &stage.logs.join("opentracker.log"))?;
    Ok(Served {
        ours: None,
        processes: vec![("opentracker", process)],
        torrent: file,
    })
}

/// Waits until it knows somebody who has everything.
pub(super) fn wait_for_seed(stage: &Stage<'_>, served: &mut Served) -> Result<()> {
    let tracker = address(stage)?;
    let InfoHash(hash) = stage.payload.torrent().info_hash();
    let escaped: String = hash.iter().map(|byte| format!("%{byte:02x}")).collect();
    let path = format!("/scrape?info_hash={escaped}");
    until("a seed at opentracker", READY, stage.room.stop(), || {
        served.check()?;
        // It may not have begun to listen.
        let Ok((_, body)) = lab::get(stage.server.namespace(), tracker, &path) else {
            return Ok(None);
        };
        let complete = b"8:completei1e";
        Ok(body
            .windows(complete.len())
            .any(|part| part == complete)
            .then_some(()))
    })
}

fn address(stage: &Stage<'_>) -> Result<SocketAddrV4> {
    let address = stage
        .server
        .address()
        .context("the server has no address")?;
    Ok(SocketAddrV4::new(address, PORT))
}
