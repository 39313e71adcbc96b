//! The real program on one host of a room, and what several tests do with it.
#![allow(dead_code, reason = "shared by several tests, none of which uses all")]

pub(crate) mod dnsmasq;
pub(crate) mod udhcpc;

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use initrd::Kind;
use lab::{Host, Room, Stop, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// From a start to its effect, on a busy computer.
const SOON: Duration = Duration::from_secs(60);
/// Where a server on the host of a lab answers.
pub(crate) const HTTP: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(10, 77, 0, 1), 6969);
/// The exit code of a configuration that cannot be served.
pub(crate) const REFUSED: i32 = 2;

/// One host, the program, and who may read it.
pub(crate) struct Lab {
    pub(crate) room: Room,
    pub(crate) host: Host,
    pub(crate) program: PathBuf,
}

impl Lab {
    pub(crate) fn new() -> Result<Lab> {
        let mut room = Room::new(&Stop::never())?;
        let host = room.host(Some(([10, 77, 0, 1].into(), 24)))?;
        // A copy that an ordinary user can reach.
        let program = room.scratch().join("bt-server");
        fs::copy(env!("CARGO_BIN_EXE_bt-server"), &program)?;
        Ok(Lab {
            room,
            host,
            program,
        })
    }

    /// A folder of the room that everybody may enter.
    pub(crate) fn folder(&self, name: &str) -> Result<PathBuf> {
        self.folder_with(name, 0o755)
    }

    /// A folder of the room with these rights.
    pub(crate) fn folder_with(&self, name: &str, mode: u32) -> Result<PathBuf> {
        let folder = self.room.scratch().join(name);
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode))?;
        Ok(folder)
    }

    /// The program with these words.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.host.command(&self.program);
        command.args(words).stdin(Stdio::null());
        command
    }

    /// Starts a server; what it prints goes to the file `log` of the room.
    pub(crate) fn start(&self, command: &mut Command, log: &str) -> Result<Server> {
        Server::start(command, &self.room.scratch().join(log))
    }
}

/// A folder for the user that the server becomes.
pub(crate) fn state(lab: &Lab) -> Result<PathBuf> {
    let folder = lab.folder_with("state", 0o700)?;
    let nobody = nix::unistd::User::from_name("nobody")?.context("no user nobody")?;
    let (uid, gid) = (nobody.uid.as_raw(), nobody.gid.as_raw());
    std::os::unix::fs::chown(&folder, Some(uid), Some(gid))?;
    Ok(folder)
}

/// A file of `torrents.gz`.
pub(crate) fn offered(lab: &Lab, path: &str) -> Result<Vec<u8>> {
    let (status, packed) = lab::get(lab.host.namespace(), HTTP, "/boot/torrents.gz")?;
    ensure!(status == 200, "torrents.gz: {status}");
    let entries = initrd::entries(&initrd::gunzip(&packed, 64 << 20)?)?;
    let path = format!("torrents/{path}");
    let found = entries.into_iter().find(|entry| entry.path == path);
    match found.map(|entry| entry.kind) {
        Some(Kind::File(bytes)) => Ok(bytes),
        _ => anyhow::bail!("torrents.gz has no {path}"),
    }
}

/// Where the phase 1 is that servers are given.
pub(crate) fn phase1() -> [PathBuf; 2] {
    ["--phase1".into(), target().join("phase1/image")]
}

/// Where cargo and `cargo xtask setup` put what they make.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}

/// A running server that never outlives its test.
pub(crate) struct Server {
    process: Child,
    log: PathBuf,
}

impl Server {
    /// Starts one; what it prints goes to the file `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Server> {
        let output = fs::File::create(log)?;
        let command = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let process = command.spawn().context("cannot start bt-server")?;
        Ok(Server {
            process,
            log: log.to_owned(),
        })
    }

    /// Waits until it has printed this.
    pub(crate) fn wait_until_it_says(&self, words: &str, deadline: Duration) -> Result<()> {
        let said = until(words, deadline, &Stop::never(), || {
            Ok(self.told().contains(words).then_some(()))
        });
        said.with_context(|| self.told())
    }

    /// What it printed so far.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until it is ready; or gives how it ended instead.
    pub(crate) fn ready_or_ended(&mut self) -> Result<Option<ExitStatus>> {
        let log = self.log.clone();
        let told = || fs::read_to_string(&log).unwrap_or_default();
        let ended = until("ready or an end", SOON, &Stop::never(), || {
            match told().contains("\nready:") {
                true => Ok(Some(None)),
                false => Ok(self.process.try_wait()?.map(Some)),
            }
        });
        ended.with_context(told)
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.process.id().try_into()?), signal)?)
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> Result<ExitStatus> {
        let ended = until("the end", SOON, &Stop::never(), || {
            Ok(self.process.try_wait()?)
        });
        ended.with_context(|| self.told())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
