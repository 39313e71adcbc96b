//! What `bttui fetch` writes: progress for people on standard error (one line that renews itself on
//! a terminal, plain lines elsewhere), and with `--json` one object a line on standard output.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use serde_json::{Value, json};
use swarm::net::Progress;

use crate::ui::text;

/// Lines that do not renew themselves are written less often.
const PLAIN_EVERY: Duration = Duration::from_secs(5);

/// The two streams of one download.
#[derive(Debug)]
pub struct Log {
    json: bool,
    name: String,
    terminal: bool,
    /// A renewed line stands on the terminal without its end.
    open: bool,
    plain_at: Duration,
    trouble: Option<String>,
}

impl Log {
    /// A log for the torrent of this name.
    pub fn new(json: bool, name: &str) -> Log {
        Log {
            json,
            name: name.to_owned(),
            terminal: io::stderr().is_terminal(),
            open: false,
            plain_at: Duration::ZERO,
            trouble: None,
        }
    }

    /// A download that goes on.
    ///
    /// # Errors
    /// When nobody reads standard output any more.
    pub fn progress(&mut self, progress: &Progress, elapsed: Duration) -> io::Result<()> {
        if progress.trouble != self.trouble {
            self.trouble.clone_from(&progress.trouble);
            if let Some(trouble) = &progress.trouble {
                self.line(&format!("{}: {trouble}", self.name));
            }
        }
        self.status(&figures(&self.name, progress), elapsed);
        self.object(
            "progress",
            progress,
            elapsed,
            json!({ "trouble": progress.trouble }),
        )
    }

    /// Peers came or went: told at once, and only to programs.
    ///
    /// # Errors
    /// When nobody reads standard output any more.
    pub fn peers(&self, progress: &Progress, elapsed: Duration) -> io::Result<()> {
        let trouble = json!({ "trouble": progress.trouble });
        self.object("peers", progress, elapsed, trouble)
    }

    /// Every byte is here and verified.
    ///
    /// # Errors
    /// When nobody reads standard output any more.
    pub fn complete(&mut self, progress: &Progress, elapsed: Duration) -> io::Result<()> {
        let total = report::bytes(progress.total);
        let how = match progress.sources.len() {
            0 => "it was here already".to_owned(),
            sources => {
                let seconds = elapsed.as_secs_f64();
                let rate = report::rate((progress.total as f64 / seconds.max(0.001)) as u64);
                let peers = if sources == 1 { "peer" } else { "peers" };
                format!("in {seconds:.1} s ({rate}) from {sources} {peers}")
            }
        };
        self.line(&format!(
            "{}: complete and verified, {total}, {how}",
            self.name
        ));
        self.object(
            "complete",
            progress,
            elapsed,
            json!({ "sources": sources_json(progress) }),
        )
    }

    /// Sharing after the download.
    ///
    /// # Errors
    /// When nobody reads standard output any more.
    pub fn seeding(&mut self, progress: &Progress, left: Duration) -> io::Result<()> {
        let line = format!(
            "{}: sharing, {} sent to {} peers, {} left",
            self.name,
            report::bytes(progress.uploaded),
            progress.peers,
            text::duration(left)
        );
        self.status(&line, left);
        if !self.json {
            return Ok(());
        }
        write(&json!({
            "event": "seeding",
            "uploaded": progress.uploaded,
            "peers": progress.peers,
            "seconds_left": round(left),
        }))
    }

    /// A signal ended it too early.
    pub fn stopped(&mut self) {
        self.line(&format!("{}: stopped before it was complete", self.name));
    }

    /// Ends the line that renews itself.
    pub fn end(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = writeln!(io::stderr());
        }
    }

    /// A line that stays.
    fn line(&mut self, text: &str) {
        let start = if std::mem::take(&mut self.open) {
            "\r\x1b[K"
        } else {
            ""
        };
        let _ = writeln!(io::stderr(), "{start}{text}");
    }

    /// A line that the next one replaces.
    fn status(&mut self, text: &str, at: Duration) {
        if self.terminal {
            self.open = true;
            let _ = write!(io::stderr(), "\r\x1b[K{text}");
            let _ = io::stderr().flush();
        } else if at.abs_diff(self.plain_at) >= PLAIN_EVERY {
            self.plain_at = at;
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    fn object(
        &self,
        event: &str,
        progress: &Progress,
        elapsed: Duration,
        more: Value,
    ) -> io::Result<()> {
        if !self.json {
            return Ok(());
        }
        let mut object = json!({
            "event": event,
            "name": self.name,
            "total": progress.total,
            "have": progress.have,
            "uploaded": progress.uploaded,
            "peers": progress.peers,
            "rate": progress.rate,
            "seconds": round(elapsed),
        });
        if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
            object.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
        }
        write(&object)
    }
}

fn figures(name: &str, progress: &Progress) -> String {
    format!(
        "{name}: {:>3} %  {} of {}  {}  {} {}",
        text::percent(progress.have, progress.total),
        report::bytes(progress.have),
        report::bytes(progress.total),
        report::rate(progress.rate),
        progress.peers,
        if progress.peers == 1 { "peer" } else { "peers" },
    )
}

fn sources_json(progress: &Progress) -> Vec<Value> {
    progress
        .sources
        .iter()
        .map(|(address, bytes)| json!({ "address": address, "bytes": bytes }))
        .collect()
}

/// Seconds to the millisecond.
fn round(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

fn write(object: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{object}")?;
    out.flush()
}
