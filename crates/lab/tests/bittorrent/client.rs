//! A BitTorrent program that we did not write, at work on a host of a room.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use lab::{Host, Stop, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// How long one may take for its farewell.
const FAREWELL: Duration = Duration::from_secs(30);
/// Bytes of what it printed that are shown.
const MOST: usize = 4000;
/// What a program runs when it has everything: it leaves a file beside itself.
const HOOK: &str = "#!/bin/sh\n: >\"${0%/*}/complete\"\n";

/// What a program needs to know to take part in a swarm.
pub(crate) struct Task<'a> {
    pub(crate) torrent: &'a Path,
    /// Where the torrent's folder goes.
    pub(crate) to: &'a Path,
    /// A folder for files of its own.
    pub(crate) home: &'a Path,
    /// A program to run when it has everything.
    pub(crate) hook: &'a Path,
}

/// Makes the command of a program for a task; the first argument runs a program on the right host.
pub(crate) type Call = fn(&dyn Fn(&str) -> Command, &Task<'_>) -> Command;

/// A running program. Dropping it ends it.
pub(crate) struct Client {
    process: Child,
    to: PathBuf,
    /// The folder of all that is its.
    place: PathBuf,
}

impl Client {
    /// Starts what `call` makes of a program on `host`, in a new folder below `scratch`.
    pub(crate) fn start(host: &Host, scratch: &Path, torrent: &Path, call: Call) -> Client {
        let place = tempfile::tempdir_in(scratch).unwrap().keep();
        let (to, home, hook) = (place.join("to"), place.join("home"), place.join("hook"));
        fs::create_dir(&to).unwrap();
        fs::create_dir(&home).unwrap();
        fs::write(&hook, HOOK).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
        let task = Task {
            torrent,
            to: &to,
            home: &home,
            hook: &hook,
        };
        let log = File::create(place.join("log")).unwrap();
        let mut command = call(&|program| host.command(program), &task);
        for proxy in ["http_proxy", "all_proxy", "ALL_PROXY"] {
            command.env_remove(proxy);
        }
        let process = command
            .current_dir(&home)
            .env("HOME", &home)
            .env("LC_ALL", "C.UTF-8")
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
        Client { process, to, place }
    }

    /// Where it puts what it fetches.
    pub(crate) fn to(&self) -> &Path {
        &self.to
    }

    /// Waits until it says that it has everything.
    pub(crate) fn wait_until_complete(&mut self, deadline: Duration) {
        let sign = self.place.join("complete");
        let complete = until("its last byte", deadline, &Stop::never(), || {
            if let Some(status) = self.process.try_wait()? {
                anyhow::bail!("it ended: {status}");
            }
            Ok(sign.exists().then_some(()))
        });
        complete.unwrap_or_else(|error| panic!("{error:#}\n{}", self.said()));
    }

    /// Ends it as Ctrl-C does, and waits for that.
    pub(crate) fn leave(&mut self) {
        let pid = Pid::from_raw(self.process.id().try_into().unwrap());
        kill(pid, Signal::SIGINT).unwrap();
        let ended = until("its end", FAREWELL, &Stop::never(), || {
            Ok(self.process.try_wait()?)
        });
        let status = ended.unwrap_or_else(|error| panic!("{error:#}\n{}", self.said()));
        assert!(status.success(), "{status}\n{}", self.said());
    }

    /// What it printed last.
    fn said(&self) -> String {
        let said = fs::read(self.place.join("log")).unwrap_or_default();
        // A line that renews itself is thousands of lines in a file.
        let end = &said[said.len().saturating_sub(MOST)..];
        String::from_utf8_lossy(end).replace('\r', "\n")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
