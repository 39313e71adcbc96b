//! QEMU's control socket: one JSON command, one JSON answer, events in between ignored.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// QEMU answers at once or, while its one thread is busy, after some seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A connection to the monitor of one QEMU.
#[derive(Debug)]
pub(crate) struct Qmp {
    lines: BufReader<UnixStream>,
}

impl Qmp {
    /// Greets the monitor at the other end of `stream`.
    pub(crate) fn greet(stream: UnixStream) -> Result<Qmp> {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut qmp = Qmp {
            lines: BufReader::new(stream),
        };
        qmp.next_message()?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Runs one command and hands back what it returned.
    pub(crate) fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value> {
        let line = json!({ "execute": command, "arguments": arguments });
        writeln!(self.lines.get_mut(), "{line}")?;
        loop {
            let mut message = self.next_message()?;
            if let Some(error) = message.get("error") {
                bail!("QEMU refused {command}: {error}");
            }
            if let Some(answer) = message.get_mut("return") {
                return Ok(answer.take());
            }
        }
    }

    fn next_message(&mut self) -> Result<Value> {
        let mut line = String::new();
        let length = self.lines.read_line(&mut line);
        if length.context("QEMU's monitor does not answer")? == 0 {
            bail!("QEMU has ended");
        }
        serde_json::from_str(&line).context("QEMU's monitor speaks no JSON")
    }
}
