//! The one who tidies up: a small child that outlives us, whatever ends us.
//!
//! It holds every namespace of a room and waits for the pipe from us to close. A pipe closes when
//! the room ends and when our process is killed, so both take the same way. It kills only
//! processes that live in the namespaces it was given, and removes only the one directory it was
//! given.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::Namespace;

// It keeps the namespaces open itself: otherwise their numbers could be given to somebody else's
// namespace between our end and its work. bash, because it can hold more than ten descriptors and
// compares inodes (-ef) without starting a program for each process of the computer.
const SCRIPT: &str = r#"
trap '' INT TERM HUP QUIT
held=()
while read -r path; do
    exec {fd}<"$path" && held+=("/proc/$$/fd/$fd") && echo held || echo failed
done
for ((round = 0; round < 100; round++)); do
    found=
    for process in /proc/[0-9]*; do
        for namespace in "${held[@]}"; do
            if [[ $process/ns/net -ef $namespace ]]; then
                kill -KILL "${process#/proc/}" 2>/dev/null
                found=yes
            fi
        done
    done
    [[ $found ]] || break
    sleep 0.05
done
rm -rf -- "$1"
"#;

/// The watcher of one room.
#[derive(Debug)]
pub(crate) struct Watcher {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

impl Watcher {
    /// Starts watching; `scratch` is removed with everything in it at the end.
    pub(crate) fn start(scratch: &Path) -> Result<Watcher> {
        let mut child = Command::new("bash")
            .args(["--norc", "-c", SCRIPT, "bt-lab-watcher"])
            .arg(scratch)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("cannot start bash, which tidies up after the lab")?;
        let to = child.stdin.take();
        let from = child.stdout.take().context("the watcher has no output")?;
        Ok(Watcher {
            child,
            to,
            from: BufReader::new(from),
        })
    }

    /// Puts a namespace under its care; when this returns, no process in it can survive us.
    pub(crate) fn hold(&mut self, namespace: &Namespace) -> Result<()> {
        let to = self.to.as_mut().context("the watcher has ended")?;
        writeln!(to, "{}", namespace.path())?;
        let mut answer = String::new();
        self.from.read_line(&mut answer)?;
        if answer != "held\n" {
            bail!("the watcher cannot hold a namespace");
        }
        Ok(())
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.to.take());
        let _ = self.child.wait();
    }
}
