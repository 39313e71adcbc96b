//! The state folder of the real program, started by root: what is in the way is told before anything is changed, by
//! `check` as by `start`; and a restart has the folder of the one that is just ending, or was killed.

#![allow(missing_docs, reason = "a test")]

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{Host, Room, Stop, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const SOON: Duration = Duration::from_secs(60);
/// The exit code of a configuration that cannot be served.
const REFUSED: i32 = 2;

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn check_and_start_refuse_the_same_folders_and_leave_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let closed = lab.folder("closed", 0o700)?;
    let linked = lab.folder("linked", 0o755)?;
    symlink("/etc/passwd", linked.join("lock"))?;
    let full = lab.folder("full", 0o755)?;
    fs::write(full.join("seeder"), "")?;
    for folder in [&linked, &full] {
        std::os::unix::fs::chown(folder, Some(65534), Some(65534))?;
    }
    let theirs = lab.folder("theirs", 0o755)?;
    let missing = lab.room.scratch().join("no/such");
    let enter = format!("nobody cannot enter {}", closed.display());
    let make = format!("make {} first", missing.display());
    for (state, part) in [
        (missing.join("dir"), &make[..]),
        (closed.join("dir"), &enter),
        (linked.clone(), "lock is a link\n    remedy: remove it"),
        (
            full.clone(),
            "seeder is not a folder\n    remedy: remove it",
        ),
        (full.join("seeder"), "seeder is not a folder"),
        (theirs.clone(), "give it to nobody (chown -R nobody "),
    ] {
        let was = lab.listing()?;
        let check = lab.command("check", &state).output()?;
        let start = lab.command("start", &state).output()?;
        let checked = String::from_utf8_lossy(&check.stdout).into_owned();
        let started = String::from_utf8_lossy(&start.stderr).into_owned();
        for output in [&check, &start] {
            ensure!(output.status.code() == Some(REFUSED), "{checked}{started}");
        }
        ensure!(checked.contains(part), "{checked}");
        let refused = format!("{}, nothing was started", checked.trim_end());
        ensure!(started.trim_end() == refused, "{checked}{started}");
        ensure!(lab.listing()? == was, "something was left");
    }
    let fine = lab.room.scratch().join("fine");
    let check = lab.command("check", &fine).output()?;
    ensure!(check.status.success() && !fine.exists(), "{check:?}");
    Ok(())
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn a_restart_has_the_ports_and_the_folder_of_the_last() -> Result<()> {
    let lab = Lab::new()?;
    let state = lab.room.scratch().join("state");
    let mut server = lab.start(&state, 0)?;
    server.wait_until_ready()?;
    for number in 1..6 {
        // A machine that fetches and does not read: the server gives it some time to end.
        let mut machine = lab.host.command("bash");
        let request = "exec 3<>/dev/tcp/10.77.0.1/6969; printf 'GET /boot/bzImage HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3; \
                       head -c 100 <&3; exec sleep 60";
        let machine = machine.arg("-c").arg(request).stdin(Stdio::null());
        let mut machine = Machine(machine.stdout(Stdio::piped()).spawn()?);
        let answer = machine.0.stdout.as_mut().context("no answer")?;
        answer.read_exact(&mut [0; 100])?;
        // Every other one is killed; the others are still ending when the next one begins.
        let signal = match number % 2 {
            0 => Signal::SIGKILL,
            _ => Signal::SIGTERM,
        };
        kill(server.pid()?, signal)?;
        let next = lab.start(&state, number)?;
        let mut last = std::mem::replace(&mut server, next);
        server.wait_until_ready()?;
        last.0.wait()?;
    }
    Ok(())
}

/// One host, the program, and a system to be served.
struct Lab {
    room: Room,
    host: Host,
    program: PathBuf,
}

impl Lab {
    fn new() -> Result<Lab> {
        let mut room = Room::new(&Stop::never())?;
        let host = room.host(Some(([10, 77, 0, 1].into(), 24)))?;
        let program = room.scratch().join("bt-server");
        fs::copy(env!("CARGO_BIN_EXE_bt-server"), &program)?;
        let lab = Lab {
            room,
            host,
            program,
        };
        let system = lab.folder("oss/tiny", 0o755)?;
        for name in ["vmlinuz", "initrd"] {
            fs::write(system.join(name), name)?;
        }
        Ok(lab)
    }

    fn folder(&self, name: &str, mode: u32) -> Result<PathBuf> {
        let folder = self.room.scratch().join(name);
        fs::create_dir_all(&folder)?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(mode))?;
        Ok(folder)
    }

    fn command(&self, word: &str, state: &Path) -> Command {
        let image = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/phase1/image");
        let mut command = self.host.command(&self.program);
        command
            .arg(word)
            .args(["--dhcp", "off", "--user", "nobody"]);
        command.arg("--oss").arg(self.room.scratch().join("oss"));
        command.arg("--phase1").arg(image).arg("--state").arg(state);
        command.stdin(Stdio::null());
        command
    }

    fn start(&self, state: &Path, number: u32) -> Result<Server> {
        let log = self.room.scratch().join(format!("log{number}"));
        let output = fs::File::create(&log)?;
        let mut command = self.command("start", state);
        command.stdout(output.try_clone()?).stderr(output);
        Ok(Server(command.spawn().context("cannot start")?, log))
    }

    /// All that is in the room's folder, with times of change.
    fn listing(&self) -> Result<String> {
        let mut find = Command::new("find");
        let found = find.arg(self.room.scratch()).args(["-printf", "%p %C@\n"]);
        Ok(String::from_utf8(found.output()?.stdout)?)
    }
}

/// A machine that ends with its test.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running server that never outlives its test, and its log.
struct Server(Child, PathBuf);

impl Server {
    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(self.0.id().try_into()?))
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let log = self.1.clone();
        let told = || fs::read_to_string(&log).unwrap_or_default();
        let ready = until("ready", SOON, &Stop::never(), || {
            if let Some(end) = self.0.try_wait()? {
                anyhow::bail!("it ended with {end}");
            }
            Ok(told().contains("\nready:").then_some(()))
        });
        ready.with_context(told)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
