//! nginx and curl: the room without sharing.

use std::fs;
use std::net::SocketAddrV4;

use anyhow::{Context, Result};
use lab::{get_part, until};

use super::super::process::Process;
use super::{Client, Machine, READY, Served, Sign, Stage};

const PORT: u16 = 80;
/// `@…@` is filled in.
const CONFIG: &str = "\
daemon off;
master_process off;
user root;
pid nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server { listen @ADDRESS@; root @ROOT@; }
}
";

pub(super) fn open(stage: &Stage<'_>) -> Result<Served> {
    let home = stage.room.scratch().join("nginx");
    fs::create_dir(&home)?;
    let server = address(stage)?;
    let root = stage.payload.oss().display().to_string();
    let config = CONFIG
        .replace("@ADDRESS@", &server.to_string())
        .replace("@ROOT@", &root);
    fs::write(home.join("nginx.conf"), config)?;
    let mut command = stage.server.command(stage.tools.nginx());
    command
        .args(["-e", "stderr", "-c", "nginx.conf", "-p"])
        .arg(&home)
        .current_dir(&home);
    let nginx = Process::start(&mut command, &stage.logs.join("nginx.log"))?;
    let mut served = Served {
        ours: None,
        processes: vec![("nginx", nginx)],
        torrent: stage.payload.file(),
    };
    until("nginx", READY, stage.room.stop(), || {
        served.check()?;
        let first = get_part(stage.server.namespace(), server, &path(stage), 0..=0);
        Ok(first.is_ok_and(|(status, _)| status == 206).then_some(()))
    })?;
    Ok(served)
}

pub(super) fn start(stage: &Stage<'_>, machine: &Machine<'_>) -> Result<Client> {
    let result = machine.home.join("file");
    let mut command = machine.host.command("curl");
    command
        .args(["--silent", "--show-error", "--fail", "--output"])
        .arg(&result)
        .arg(format!("http://{}{}", address(stage)?, path(stage)));
    Ok(Client {
        program: "curl",
        process: Process::start(&mut command, machine.log)?,
        sign: Sign::End,
        result: Some(result),
    })
}

/// What it fetches is hashed as it comes, and not kept.
pub(super) fn start_hashing(stage: &Stage<'_>, machine: &Machine<'_>) -> Result<Client> {
    const PIPE: &str = "curl --silent --show-error --fail \"$1\" | sha1sum";
    let mut command = machine.host.command("sh");
    command
        .args(["-c", PIPE, "sh"])
        .arg(format!("http://{}{}", address(stage)?, path(stage)));
    Ok(Client {
        program: "sha1sum",
        process: Process::start(&mut command, machine.log)?,
        sign: Sign::End,
        result: None,
    })
}

fn path(stage: &Stage<'_>) -> String {
    let oss = stage.payload.oss();
    let file = stage.payload.file();
    let below = file.strip_prefix(&oss).unwrap_or(&file);
    format!("/{}", below.display())
}

fn address(stage: &Stage<'_>) -> Result<SocketAddrV4> {
    let address = stage
        .server
        .address()
        .context("the server has no address")?;
    Ok(SocketAddrV4::new(address, PORT))
}
