//! The state folder of the real program, started by root: what is in the way is told before anything is changed, by
//! `check` as by `start`; and a restart has the folder of the one that is just ending, or was killed.

#![allow(missing_docs, reason = "a test")]

mod common;

use std::fs;
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use common::{Lab, REFUSED, Server, phase1};
use nix::sys::signal::Signal;

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn check_and_start_refuse_the_same_folders_and_leave_nothing() -> Result<()> {
    let lab = with_a_system()?;
    let closed = lab.folder_with("closed", 0o700)?;
    let linked = lab.folder("linked")?;
    symlink("/etc/passwd", linked.join("lock"))?;
    let full = lab.folder("full")?;
    fs::write(full.join("seeder"), "")?;
    for folder in [&linked, &full] {
        std::os::unix::fs::chown(folder, Some(65534), Some(65534))?;
    }
    let theirs = lab.folder("theirs")?;
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
        let was = listing(&lab)?;
        let check = command(&lab, "check", &state).output()?;
        let start = command(&lab, "start", &state).output()?;
        let checked = String::from_utf8_lossy(&check.stdout).into_owned();
        let started = String::from_utf8_lossy(&start.stderr).into_owned();
        for output in [&check, &start] {
            ensure!(output.status.code() == Some(REFUSED), "{checked}{started}");
        }
        ensure!(checked.contains(part), "{checked}");
        let refused = format!("{}, nothing was started", checked.trim_end());
        ensure!(started.trim_end() == refused, "{checked}{started}");
        ensure!(listing(&lab)? == was, "something was left");
    }
    let fine = lab.room.scratch().join("fine");
    let check = command(&lab, "check", &fine).output()?;
    ensure!(check.status.success() && !fine.exists(), "{check:?}");
    Ok(())
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn a_restart_has_the_ports_and_the_folder_of_the_last() -> Result<()> {
    let lab = with_a_system()?;
    let state = lab.room.scratch().join("state");
    let mut server = start(&lab, &state, 0)?;
    until_ready(&mut server)?;
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
        server.signal(signal)?;
        let next = start(&lab, &state, number)?;
        let mut last = std::mem::replace(&mut server, next);
        until_ready(&mut server)?;
        last.end()?;
    }
    Ok(())
}

/// A lab with a system to be served.
fn with_a_system() -> Result<Lab> {
    let lab = Lab::new()?;
    let system = lab.folder("oss/tiny")?;
    for name in ["vmlinuz", "initrd"] {
        fs::write(system.join(name), name)?;
    }
    Ok(lab)
}

/// The program's `word`, with a state folder.
fn command(lab: &Lab, word: &str, state: &Path) -> Command {
    let mut command = lab.command(&[word, "--dhcp", "off", "--user", "nobody"]);
    command.args(phase1()).arg("--state").arg(state);
    command.arg("--oss").arg(lab.room.scratch().join("oss"));
    command
}

fn start(lab: &Lab, state: &Path, number: u32) -> Result<Server> {
    lab.start(&mut command(lab, "start", state), &format!("log{number}"))
}

fn until_ready(server: &mut Server) -> Result<()> {
    let ended = server.ready_or_ended()?;
    ensure!(ended.is_none(), "it ended: {ended:?}: {}", server.told());
    Ok(())
}

/// All that is in the room's folder, with times of change.
fn listing(lab: &Lab) -> Result<String> {
    let mut find = Command::new("find");
    let found = find.arg(lab.room.scratch()).args(["-printf", "%p %C@\n"]);
    Ok(String::from_utf8(found.output()?.stdout)?)
}

/// A machine that ends with its test.
struct Machine(Child);

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
