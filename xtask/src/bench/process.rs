//! A program at work in a room: its output in a file, its processor time known when it is over.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

use anyhow::{Context, Result};

use super::cpu;

/// How much of what a program said is worth reading in an error.
const LAST_WORDS: usize = 2000;

/// A running or ended program. Dropping it ends it.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
    /// How it ended, and the seconds of processor time it took.
    ended: Option<(ExitStatus, f64)>,
}

impl Process {
    /// Starts it; all it prints goes to `log`.
    pub(super) fn start(command: &mut Command, log: &Path) -> Result<Process> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = command
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("cannot start {}", log.display()))?;
        Ok(Process {
            child,
            log: log.to_owned(),
            ended: None,
        })
    }

    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, once it has.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            let before = cpu::of_ended_children()?;
            if let Some(status) = self.child.try_wait()? {
                self.ended = Some((status, cpu::of_ended_children()? - before));
            }
        }
        Ok(self.ended.map(|(status, _)| status))
    }

    /// Seconds of processor time so far.
    pub(super) fn cpu(&mut self) -> Result<f64> {
        self.ended()?;
        Ok(match self.ended {
            Some((_, seconds)) => seconds,
            None => cpu::of_process(self.child.id()),
        })
    }

    /// Ends it without a last word.
    pub(super) fn kill(&mut self) -> Result<()> {
        if self.ended()?.is_none() {
            self.child.kill()?;
            self.child.wait()?;
        }
        Ok(())
    }

    /// Everything it printed so far.
    pub(super) fn said(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of what it printed, under the name of its log.
    pub(super) fn last_words(&self) -> String {
        let said = self.said();
        let skipped = said.chars().count().saturating_sub(LAST_WORDS);
        let end: String = said.chars().skip(skipped).collect();
        format!("{}:\n{}", self.log.display(), end.trim_end())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
