//! One machine that starts a kernel directly, and what a person before it sees and does.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use lab::{Accelerator, Photograph, Stop, until};
use serde_json::{Value, json};

use crate::packed;

/// QEMU opens its sockets within this.
const START: Duration = Duration::from_secs(30);
/// With a kernel, QEMU's closure twice while it is unpacked, and a guest.
const MEMORY_MIB: &str = "768";

/// A machine that is on; dropping it switches it off.
pub(crate) struct Machine {
    qemu: Child,
    monitor: BufReader<UnixStream>,
    line: UnixStream,
    folder: tempfile::TempDir,
    /// Where in the serial console the last search ended.
    heard: usize,
}

impl Machine {
    /// Switches it on, with words for its kernel and for QEMU.
    pub(crate) fn power_on(for_kernel: &str, for_qemu: &[&str]) -> Result<Machine> {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .context("no target")?;
        let folder = tempfile::tempdir()?;
        let (kernel, initrd) = packed::pack(target, folder.path())?;
        let at = |name: &str| folder.path().join(name).display().to_string();
        let mut qemu = Command::new("qemu-system-x86_64")
            .args(["-accel", Accelerator::here().name(), "-m", MEMORY_MIB])
            .args(["-nodefaults", "-vga", "std", "-display", "none"])
            .arg("-kernel")
            .arg(kernel)
            .arg("-initrd")
            .arg(initrd)
            .args([
                "-append",
                &format!("console=ttyS0 quiet panic=-1 {for_kernel}"),
            ])
            .args(for_qemu)
            .args(["-no-reboot", "-serial", "chardev:line", "-chardev"])
            .arg(format!(
                "socket,id=line,path={},server=on,wait=off,logfile={}",
                at("line"),
                at("console")
            ))
            .args([
                "-qmp",
                &format!("unix:{},server=on,wait=off", at("monitor")),
            ])
            .stdin(Stdio::null())
            .spawn()?;
        let connect = |qemu: &mut Child, name: &str| {
            let path = folder.path().join(name);
            until(&format!("QEMU's {name}"), START, &Stop::never(), || {
                ensure!(qemu.try_wait()?.is_none(), "QEMU ended at once");
                Ok(UnixStream::connect(&path).ok())
            })
        };
        let both = connect(&mut qemu, "monitor")
            .and_then(|monitor| Ok((monitor, connect(&mut qemu, "line")?)));
        let (monitor, line) = both.inspect_err(|_| {
            let _ = qemu.kill();
            let _ = qemu.wait();
        })?;
        // A socket takes some hundred words that nobody reads. Then the line stands still, in the middle of one, and with it
        // its log.
        let mut unread = line.try_clone()?;
        std::thread::spawn(move || io::copy(&mut unread, &mut io::sink()));
        let mut machine = Machine {
            qemu,
            monitor: BufReader::new(monitor),
            line,
            folder,
            heard: 0,
        };
        machine.answer()?;
        machine.execute("qmp_capabilities", &json!({}))?;
        Ok(machine)
    }

    /// Waits until this was said on the serial console, after what was waited for before.
    pub(crate) fn wait_for(&mut self, text: &str, patience: Duration) {
        self.until(&format!("{text:?}"), patience, |machine| {
            let said = machine.console();
            let found = said.get(machine.heard..).and_then(|new| new.find(text));
            Ok(found.map(|at| machine.heard += at + text.len()))
        });
    }

    /// Whether this was ever said.
    pub(crate) fn said(&self, text: &str) -> bool {
        self.console().contains(text)
    }

    /// Waits for anything; what the console said and a photograph are the evidence if it does not come.
    pub(crate) fn until<T>(
        &mut self,
        what: &str,
        patience: Duration,
        mut probe: impl FnMut(&mut Machine) -> Result<Option<T>>,
    ) -> T {
        let begin = Instant::now();
        loop {
            match probe(self) {
                Ok(Some(found)) => return found,
                Ok(None) if begin.elapsed() < patience => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                other => {
                    self.keep("failed");
                    let said = self.console();
                    panic!("no {what}: {:?}\n{said}", other.err());
                }
            }
        }
    }

    pub(crate) fn press(&mut self, keys: &[&str]) {
        let keys: Vec<_> = keys
            .iter()
            .map(|key| json!({ "type": "qcode", "data": key }))
            .collect();
        self.execute("send-key", &json!({ "keys": keys })).unwrap();
    }

    /// Moves the mouse along an axis.
    pub(crate) fn input(&mut self, kind: &str, axis: &str, value: i32) {
        let event = json!({ "type": kind, "data": { "axis": axis, "value": value } });
        self.execute("input-send-event", &json!({ "events": [event] }))
            .unwrap();
    }

    pub(crate) fn button(&mut self, button: &str, down: bool) {
        let event = json!({ "type": "btn", "data": { "button": button, "down": down } });
        self.execute("input-send-event", &json!({ "events": [event] }))
            .unwrap();
    }

    /// Types a line on the serial console; `init.sh` says which it knows.
    pub(crate) fn tell(&mut self, what: &str) {
        writeln!(self.line, "{what}").unwrap();
    }

    /// Processor time of the viewer so far, in hundredths of a second of the machine's.
    pub(crate) fn viewers_time(&mut self) -> u32 {
        self.tell("times");
        self.wait_for("times: ", Duration::from_secs(60));
        let all = self.until("a whole line", Duration::from_secs(60), |machine| {
            let said = machine.console();
            let line = said[machine.heard..].split_once('\n');
            Ok(line.map(|(line, _)| line.to_owned()))
        });
        all.split_whitespace()
            .map(|time| time.parse::<u32>().unwrap())
            .sum()
    }

    pub(crate) fn photograph(&mut self) -> Result<Photograph> {
        let path = self.folder.path().join("photograph");
        self.execute("screendump", &json!({ "filename": path }))?;
        Photograph::read(&path)
    }

    /// Keeps the screen as PNG, where somebody wants to see it.
    pub(crate) fn keep(&mut self, name: &str) {
        if let Some(folder) = std::env::var_os("BT_GUEST_PHOTOGRAPHS") {
            let path = PathBuf::from(folder).join(format!("{name}.png"));
            let how = json!({ "filename": path, "format": "png" });
            self.execute("screendump", &how).unwrap();
        }
    }

    fn console(&self) -> String {
        let said = fs::read(self.folder.path().join("console")).unwrap_or_default();
        String::from_utf8_lossy(&said).into_owned()
    }

    fn execute(&mut self, command: &str, arguments: &Value) -> Result<()> {
        let line = json!({ "execute": command, "arguments": arguments });
        writeln!(self.monitor.get_mut(), "{line}")?;
        loop {
            let message = self.answer()?;
            if let Some(error) = message.get("error") {
                bail!("QEMU refused {command}: {error}");
            }
            if message.get("return").is_some() {
                return Ok(());
            }
        }
    }

    fn answer(&mut self) -> Result<Value> {
        let mut line = String::new();
        let count = self.monitor.read_line(&mut line)?;
        ensure!(count > 0, "QEMU has ended");
        Ok(serde_json::from_str(&line)?)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qemu.kill();
        let _ = self.qemu.wait();
    }
}
