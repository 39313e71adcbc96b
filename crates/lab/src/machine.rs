//! One QEMU machine that boots from the network, and everything a person standing before it could
//! do: read its screen and its serial console, press keys, pull the plug.
//!
//! It has no disk unless it is given one: whatever it runs came over the wire.

mod command;
mod firmware;

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::qmp::Qmp;
use crate::{Accelerator, Console, Namespace, Photograph, Stop, until};
use command::Ends;
pub use firmware::Firmware;

/// How long QEMU may take to open its sockets; its start is heavy on a busy computer.
const START: Duration = Duration::from_secs(30);
/// How long QEMU may take to end after it was asked to.
const END: Duration = Duration::from_secs(3);
/// Where a PC's text screen lies: 25 rows of 80 pairs of character and colour.
const TEXT_SCREEN: u32 = 0xb_8000;
const TEXT_COLUMNS: usize = 80;
const TEXT_BYTES: usize = TEXT_COLUMNS * 25 * 2;

/// What a machine is made of.
#[derive(Clone, Debug)]
pub struct Spec {
    /// For files and messages.
    pub name: String,
    /// Its hardware address, as QEMU and humans write it.
    pub mac: String,
    /// Its network card, whose ROM holds the PXE firmware.
    pub nic: Nic,
    /// Its firmware.
    pub firmware: Firmware,
    /// RAM in MiB. Under SeaBIOS 128 reach the network, under EDK2 192; kexec of the target system with
    /// 12 MiB of payload finds no place in 192.
    pub memory_mib: u32,
    /// Its own disk, second in the boot order; what it writes there is forgotten.
    pub disk: Option<PathBuf>,
    /// What it writes there stays instead, in that file.
    pub keeps_disk: bool,
}

impl Spec {
    /// A usual machine: SeaBIOS, 320 MiB, and the hardware address 52:54:00:00:00:`number`.
    pub fn new(name: &str, nic: Nic, number: u8) -> Spec {
        Spec {
            name: name.to_owned(),
            mac: format!("52:54:00:00:00:{number:02x}"),
            nic,
            firmware: Firmware::Bios,
            memory_mib: Firmware::Bios.usual_memory_mib(),
            disk: None,
            keeps_disk: false,
        }
    }

    /// The same machine with another firmware, and the memory it needs.
    #[must_use]
    pub fn with(self, firmware: Firmware) -> Spec {
        Spec {
            firmware,
            memory_mib: firmware.usual_memory_mib(),
            ..self
        }
    }
}

/// A network card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nic {
    /// Intel 82540EM, as most emulators have.
    E1000,
    /// The paravirtual card.
    Virtio,
}

impl Nic {
    /// QEMU's name of the device.
    pub fn device(self) -> &'static str {
        match self {
            Nic::E1000 => "e1000",
            Nic::Virtio => "virtio-net-pci",
        }
    }
}

/// Where a machine's cable goes.
#[derive(Debug)]
pub(crate) struct Wire<'a> {
    pub(crate) switch: &'a Namespace,
    /// The tap in the switch that is the machine's end.
    pub(crate) tap: &'a str,
}

/// A machine that was switched on. Dropping it switches it off.
#[derive(Debug)]
pub struct Machine {
    spec: Spec,
    qemu: Child,
    qmp: Qmp,
    console: Console,
    since: Instant,
    scratch: PathBuf,
}

impl Machine {
    pub(crate) fn power_on(
        spec: &Spec,
        wire: &Wire<'_>,
        scratch: &Path,
        logs: &Path,
        stop: &Stop,
    ) -> Result<Machine> {
        let serial = scratch.join(format!("{}.serial", spec.name));
        let monitor = scratch.join(format!("{}.qmp", spec.name));
        let said = scratch.join(format!("{}.qemu.log", spec.name));
        let variables = scratch.join(format!("{}.vars", spec.name));
        let parts = spec.firmware.parts();
        if let Some(flash) = &parts.flash {
            fs::copy(flash.variables, &variables)
                .with_context(|| format!("{}: install {}", flash.variables, flash.package))?;
        }
        let ends = Ends {
            tap: wire.tap,
            serial: &serial,
            monitor: &monitor,
            variables: &variables,
        };
        let errors = File::create(&said)?;
        let mut qemu = wire
            .switch
            .command(parts.program)
            .args(command::arguments(spec, &ends, Accelerator::here()))
            .stdout(errors.try_clone()?)
            .stderr(errors)
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start nsenter and {}", parts.program))?;
        let connected = connect(&mut qemu, &serial, &monitor, &said, stop);
        let (serial, monitor) = connected.inspect_err(|_| {
            let _ = qemu.kill();
            let _ = qemu.wait();
        })?;
        let mut qmp = Qmp::greet(monitor)?;
        // It was started frozen: power-on is this moment, and no byte of the console is missed.
        let log = logs.join(format!("serial-{}.log", spec.name));
        let console = Console::attach(serial, &log, stop)?;
        qmp.execute("cont", &json!({}))?;
        Ok(Machine {
            spec: spec.clone(),
            qemu,
            qmp,
            console,
            since: Instant::now(),
            scratch: scratch.to_owned(),
        })
    }

    /// What it was made of.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Its serial console.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// Time since power-on.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Whether it is still switched on.
    pub fn is_on(&mut self) -> bool {
        matches!(self.qemu.try_wait(), Ok(None))
    }

    /// The moment it was switched on.
    pub fn since(&self) -> Instant {
        self.since
    }

    /// What is on its screen.
    ///
    /// # Errors
    /// A machine that is off, or a screen that QEMU cannot show.
    pub fn screen(&mut self) -> Result<Photograph> {
        let file = self.scratch.join(format!("{}.ppm", self.spec.name));
        self.qmp
            .execute("screendump", &json!({ "filename": file }))?;
        Photograph::read(&file)
    }

    /// Takes a photograph of its screen: a PNG file.
    pub fn photograph(&mut self, to: &Path) -> Result<()> {
        let to = std::path::absolute(to)?;
        let arguments = json!({ "filename": to, "format": "png" });
        self.qmp.execute("screendump", &arguments)?;
        Ok(())
    }

    /// Presses and releases one key, or several held together, by QEMU's names: `["ret"]`,
    /// `["ctrl", "s"]`.
    pub fn press(&mut self, keys: &[&str]) -> Result<()> {
        let keys: Vec<_> = keys
            .iter()
            .map(|key| json!({ "type": "qcode", "data": key }))
            .collect();
        self.qmp.execute("send-key", &json!({ "keys": keys }))?;
        Ok(())
    }

    /// What can be seen of it, for the message of a failure: its screen, then the end of its
    /// serial console. EDK2 writes on both, and its screen shows pixels, not text.
    pub fn evidence(&mut self) -> String {
        let screen = match self.spec.firmware {
            Firmware::Bios => self.screen_text().unwrap_or_default(),
            _ => String::new(),
        };
        let name = &self.spec.name;
        let tail = self.console.tail();
        format!("--- screen of {name} ---\n{}\n{tail}", screen.trim_end())
    }

    /// The rows of a PC's screen while it shows text. BIOS loaders print nowhere else.
    pub fn screen_text(&mut self) -> Result<String> {
        let file = self.scratch.join(format!("{}.screen", self.spec.name));
        let arguments = json!({ "val": TEXT_SCREEN, "size": TEXT_BYTES, "filename": file });
        self.qmp.execute("pmemsave", &arguments)?;
        Ok(rows(&fs::read(file)?))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.qmp.execute("quit", &json!({}));
        let ended = until("the end of QEMU", END, &Stop::never(), || {
            Ok(self.qemu.try_wait()?)
        });
        if ended.is_err() {
            let _ = self.qemu.kill();
            let _ = self.qemu.wait();
        }
    }
}

fn connect(
    qemu: &mut Child,
    serial: &Path,
    monitor: &Path,
    said: &Path,
    stop: &Stop,
) -> Result<(UnixStream, UnixStream)> {
    until("QEMU's monitor", START, stop, || {
        if let Some(status) = qemu.try_wait()? {
            let said = fs::read_to_string(said).unwrap_or_default();
            bail!("QEMU ended at once ({status}): {}", said.trim());
        }
        // The monitor is opened last: once it is there, so is the serial line.
        let Ok(monitor) = UnixStream::connect(monitor) else {
            return Ok(None);
        };
        Ok(Some((UnixStream::connect(serial)?, monitor)))
    })
}

fn rows(memory: &[u8]) -> String {
    let mut text = String::new();
    for row in memory.chunks(TEXT_COLUMNS * 2) {
        let row: String = row.iter().step_by(2).map(|&byte| character(byte)).collect();
        text.push_str(row.trim_end());
        text.push('\n');
    }
    text
}

/// Letters of code page 437 are ASCII; frames and blocks only need to be seen, not told apart.
fn character(byte: u8) -> char {
    match byte {
        b' '..=b'~' => char::from(byte),
        0 => ' ',
        _ => '\u{b7}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_screen_is_read_row_by_row() {
        let mut memory = vec![0; TEXT_BYTES];
        for (cell, byte) in memory.chunks_mut(2).zip(*b"PXE ok") {
            cell.copy_from_slice(&[byte, 7]);
        }
        memory[TEXT_COLUMNS * 2] = 0xc4;
        let text = rows(&memory);
        assert_eq!(text.lines().count(), 25);
        assert!(text.starts_with("PXE ok\n\u{b7}\n"));
    }
}
