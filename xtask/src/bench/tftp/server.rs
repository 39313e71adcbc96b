//! The TFTP servers, each with the same folder and room for as many transfers as machines ask for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use lab::{BtServer, Host, Room};

use super::super::plan::SERVER;
use super::super::process::Process;
use super::super::serving::Serving;
use super::super::tools::Tools;
use crate::{cargo, places, run};

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Program {
    Ours,
    /// The crate that ours stood on before
    AsyncTftp,
    Dnsmasq,
    Atftpd,
}

/// What is served: a phase 1 that boots nothing, and the file beside it.
pub(super) struct Folder {
    path: PathBuf,
    oss: PathBuf,
}

impl Folder {
    /// Makes it, with the file `name`.
    pub(super) fn make(room: &Room, name: &str, bytes: &[u8]) -> Result<Folder> {
        let (path, oss) = (room.scratch().join("files"), room.scratch().join("oss"));
        fs::create_dir(&path)?;
        for part in ["bzImage", "rootfs.gz", "diff.gz"] {
            fs::write(path.join(part), part)?;
        }
        fs::write(path.join(name), bytes)?;
        fs::create_dir_all(oss.join("small"))?;
        fs::write(oss.join("small/vmlinuz"), "a kernel")?;
        fs::write(oss.join("small/initrd.img"), "its initrd")?;
        Ok(Folder { path, oss })
    }
}

impl Program {
    /// All of them, ours first.
    pub(super) const ALL: [Program; 4] = [
        Program::Ours,
        Program::AsyncTftp,
        Program::Dnsmasq,
        Program::Atftpd,
    ];

    /// By its name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Program::Ours => "ours",
            Program::AsyncTftp => "async-tftp",
            Program::Dnsmasq => "dnsmasq",
            Program::Atftpd => "atftpd",
        }
    }

    /// Starts it on `host`, with what it prints in `logs`.
    pub(super) fn start(
        self,
        room: &Room,
        host: &Host,
        tools: &Tools,
        folder: &Folder,
        logs: &Path,
    ) -> Result<Serving> {
        let log = logs.join("server.log");
        let mut command = match self {
            Program::Ours => return ours(room, host, folder, &log),
            Program::AsyncTftp => {
                let mut peer = host.command(places::target().join("release/examples/async_tftp"));
                peer.arg(format!("{SERVER}:69")).arg(&folder.path);
                peer
            }
            Program::Dnsmasq => {
                let mut dnsmasq = host.command("dnsmasq");
                dnsmasq
                    .args(["--keep-in-foreground", "--conf-file=/dev/null", "--port=0"])
                    .args(["--user=root", "--log-facility=-", "--quiet-tftp"])
                    .args(["--interface=eth0", "--enable-tftp", "--tftp-max=1000"])
                    .arg(format!("--tftp-root={}", folder.path.display()))
                    .arg(format!(
                        "--pid-file={}",
                        room.scratch().join("pid").display()
                    ));
                dnsmasq
            }
            Program::Atftpd => {
                let mut atftpd = tools.atftpd(host);
                atftpd
                    .args(["--daemon", "--no-fork", "--maxthread", "1000"])
                    .args(["--user", "root", "--group", "root", "--logfile", "-"])
                    .args(["--bind-address", &SERVER.to_string()])
                    .arg(&folder.path);
                atftpd
            }
        };
        Process::start(&mut command, &log).map(Serving::Other)
    }
}

/// Builds what is measured and is not Debian's, but for bt-server itself.
pub(in crate::bench) fn build() -> Result<()> {
    let what = [
        "build",
        "--quiet",
        "--release",
        "--package",
        "tftp",
        "--example",
        "async_tftp",
    ];
    run::run(cargo::command().args(what))
}

fn ours(room: &Room, host: &Host, folder: &Folder, log: &Path) -> Result<Serving> {
    let program = lab::built::bt_server(&places::target())?;
    let phase1 = folder.path.display().to_string();
    let options = ["--dhcp", "off", "--phase1", &phase1];
    BtServer::start(room, host, &program, &folder.oss, &options, log).map(Serving::Ours)
}
