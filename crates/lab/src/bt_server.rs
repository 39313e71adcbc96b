//! bt-server as people run it: the finished file, copied alone into a folder of its own, on one
//! host of the room. Started, watched through its API, and ended as Ctrl-C ends it.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::SocketAddrV4;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Host, Machines, Room, Stop, http, until};

/// The port of the API where nothing names another.
const PORT: u16 = 6969;
/// How long an orderly end may take before the process is killed.
const END: Duration = Duration::from_secs(3);

/// How bt-server is called.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The file to run.
    pub program: &'a Path,
    /// The folder it runs in.
    pub folder: &'a Path,
    /// Its whole command line.
    pub arguments: Vec<OsString>,
    /// The HTTP port it will serve on.
    pub port: u16,
    /// Where what it prints goes.
    pub log: &'a Path,
}

/// A running bt-server. Dropping it ends it.
#[derive(Debug)]
pub struct BtServer {
    process: Child,
    port: u16,
    log: PathBuf,
    stop: Stop,
}

impl BtServer {
    /// Copies `program` alone into a folder of its own in the room and starts it on `host` with
    /// the systems in `oss` and further `options`. What it prints goes to the file `log`.
    pub fn start(
        room: &Room,
        host: &Host,
        program: &Path,
        oss: &Path,
        options: &[&str],
        log: &Path,
    ) -> Result<BtServer> {
        let home = Self::alone(room, program)?;
        Self::start_in(&home, room, host, oss, options, log)
    }

    /// As [`BtServer::start`], in a folder that [`BtServer::alone`] made: with the state that an earlier run
    /// has left there.
    pub fn start_in(
        home: &Path,
        room: &Room,
        host: &Host,
        oss: &Path,
        options: &[&str],
        log: &Path,
    ) -> Result<BtServer> {
        let flags = ["--iface", host.interface(), "--state", "state", "--oss"];
        let mut arguments: Vec<OsString> = flags.map(OsString::from).into();
        arguments.push(oss.into());
        arguments.extend(options.iter().map(OsString::from));
        let call = Call {
            program: &home.join("bt-server"),
            folder: home,
            arguments,
            port: PORT,
            log,
        };
        Self::call(room, host, &call)
    }

    /// A new folder in the room with a copy of `program` and nothing else in it, so that a run
    /// cannot depend on what lies beside the original.
    pub fn alone(room: &Room, program: &Path) -> Result<PathBuf> {
        let home = tempfile::Builder::new()
            .prefix("server-")
            .tempdir_in(room.scratch())?
            .keep();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o755))?;
        fs::copy(program, home.join("bt-server"))
            .with_context(|| format!("{}: build it with `cargo xtask dist`", program.display()))?;
        Ok(home)
    }

    /// Starts it on `host` as `call` says.
    pub fn call(room: &Room, host: &Host, call: &Call<'_>) -> Result<BtServer> {
        let log = call.log;
        let said = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let process = host
            .command(call.program)
            .args(&call.arguments)
            .current_dir(call.folder)
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
            .context("cannot start nsenter and bt-server")?;
        Ok(BtServer {
            process,
            port: call.port,
            log: log.to_owned(),
            stop: room.stop().clone(),
        })
    }

    /// Waits until it serves: its API answers on `host`.
    ///
    /// # Errors
    /// With what it printed: when it ends instead, or the deadline passes.
    pub fn wait_until_it_serves(&mut self, host: &Host, deadline: Duration) -> Result<()> {
        let stop = self.stop.clone();
        let ready = until("bt-server's API", deadline, &stop, || {
            if let Some(status) = self.process.try_wait()? {
                bail!("bt-server ended at once ({status})");
            }
            Ok(self.machines(host).ok())
        });
        ready.map(drop).map_err(|error| self.explained(error))
    }

    /// How it ended, once it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.process.try_wait()?)
    }

    /// Waits until it ends by itself.
    pub fn wait_for_its_end(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let stop = self.stop.clone();
        until("the end of bt-server", deadline, &stop, || self.ended())
            .map_err(|error| self.explained(error))
    }

    /// What its API says of every machine it has heard of.
    pub fn machines(&self, host: &Host) -> Result<Machines> {
        let address = host.address().context("the server's host has no address")?;
        let server = SocketAddrV4::new(address, self.port);
        let (status, body) = http::get(host.namespace(), server, "/api/v1/machines")?;
        if status != 200 {
            bail!("the API answers with status {status}");
        }
        serde_json::from_slice::<Machines>(&body)
            .with_context(|| format!("the API says {}", String::from_utf8_lossy(&body)))
    }

    /// Everything it printed so far.
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The user ids (real, effective, saved, file system) of each of its threads.
    pub fn user_ids(&self) -> Result<Vec<Vec<u32>>> {
        let mut all = Vec::new();
        for thread in fs::read_dir(format!("/proc/{}/task", self.pid()))? {
            // A thread may end while we look.
            let Ok(status) = fs::read_to_string(thread?.path().join("status")) else {
                continue;
            };
            let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
            let ids = ids
                .context("no Uid line in a status file")?
                .split_whitespace();
            all.push(ids.map(str::parse).collect::<Result<_, _>>()?);
        }
        Ok(all)
    }

    /// Kills it, as a crash would: it gets no last word.
    pub fn kill(mut self) -> Result<()> {
        self.process.kill().context("cannot kill bt-server")?;
        self.process.wait()?;
        Ok(())
    }

    /// Presses Ctrl-C; hands back how it ended and how long that took.
    pub fn interrupt(&mut self) -> Result<(ExitStatus, Duration)> {
        let begin = Instant::now();
        self.signal(Signal::SIGINT)?;
        // Not the room's wish: an interrupted demo still ends its server in order.
        let deadline = END + Duration::from_secs(7);
        let status = until("the end of bt-server", deadline, &Stop::never(), || {
            Ok(self.process.try_wait()?)
        })
        .map_err(|error| self.explained(error))?;
        Ok((status, begin.elapsed()))
    }

    /// A failure, with what the server printed; an interruption stays as it is.
    fn explained(&self, error: Error) -> Error {
        if self.stop.requested() {
            return error;
        }
        anyhow!("{error:#}; it said:\n{}", self.said())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        kill(Pid::from_raw(self.pid().try_into()?), signal).context("cannot signal bt-server")
    }
}

impl Drop for BtServer {
    fn drop(&mut self) {
        if !matches!(self.process.try_wait(), Ok(None)) {
            return;
        }
        let _ = self.signal(Signal::SIGTERM);
        let ended = until("its end", END, &Stop::never(), || {
            Ok(self.process.try_wait()?)
        });
        if ended.is_err() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
