//! `method: bin`: a program of the system's folder on one of the consoles, while the machine goes on sharing.
//!
//! It gets the folder as an overlay and as its working directory, an environment of its own, and the console as the
//! leader of a session. When it ends, whatever it left behind ends too.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use catalog::executable::{self, HEAD};
use report::Exit;

use crate::app::Event;
use crate::console::{Lent, Tenant};
use crate::news::Voice;
use crate::overlay::{self, Overlay};
use crate::phase1::Phase1;
use crate::reins::{Reins, exit};
use crate::{facts, leftovers};

/// What is to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The system's folder as it was downloaded.
    pub folder: PathBuf,
    /// What the menu calls it.
    pub dispname: String,
    /// The program, relative to the folder.
    pub bin: String,
    /// Its arguments, separated by white space.
    pub args: String,
    /// Whether somebody sits at the console, who reads what it wrote.
    pub attended: bool,
}

/// A program that waits for a console.
#[derive(Debug)]
pub struct Program {
    allowed: Phase1,
    plan: Plan,
    voice: Voice,
    reins: Arc<Reins>,
}

impl Program {
    /// One that has not begun; `voice` hears of its start and its end.
    pub fn new(allowed: Phase1, plan: Plan, voice: Voice) -> (Program, Arc<Reins>) {
        let reins = Arc::new(Reins::default());
        let program = Program {
            allowed,
            plan,
            voice,
            reins: Arc::clone(&reins),
        };
        (program, reins)
    }

    /// Runs it to its end.
    fn run(&self, mut console: Lent) -> anyhow::Result<Exit> {
        let plan = &self.plan;
        fit(&plan.folder, &plan.bin)?;
        overlay::make_runnable(&plan.folder).context("cannot make its programs runnable")?;
        let writable = overlay::writable(facts::memory_available());
        let overlay = Overlay::mount(self.allowed, &plan.folder, writable)?;
        let mut command = Command::new(Path::new(overlay::FILES).join(&plan.bin));
        command
            .arg0(&plan.bin)
            .args(plan.args.split_whitespace())
            .current_dir(overlay::FILES);
        console.clothe(&mut command)?;
        console.tty().restore();
        let mut child = command
            .spawn()
            .map_err(|error| anyhow!("{} cannot be run: {error}", plan.bin))?;
        let name = console.name().to_owned();
        // Whoever hears of it may want to end it.
        self.reins.set(&child);
        self.voice.tell_waiting(Event::Started {
            console: name,
            how: String::new(),
        });
        let session = i32::try_from(child.id()).unwrap_or(i32::MAX);
        let status = self.reins.wait(&mut child).context("cannot wait for it")?;
        leftovers::kill(self.allowed, session, Path::new(overlay::FILES));
        drop(overlay);
        Ok(exit(status))
    }
}

impl Tenant for Program {
    fn stay(self: Box<Self>, console: Lent) -> Option<String> {
        let ended = self.run(console);
        let plan = &self.plan;
        told(&self.voice, &plan.dispname, plan.attended, ended)
    }

    fn refuse(self: Box<Self>, why: &str) {
        self.voice.tell_waiting(Event::NotStarted {
            what: why.to_owned(),
        });
    }
}

/// Tells how what ran on a console ended, or that it did not begin; hands back what stays there for whoever sits at it.
pub(crate) fn told(
    voice: &Voice,
    dispname: &str,
    attended: bool,
    ended: anyhow::Result<Exit>,
) -> Option<String> {
    let farewell = ended.as_ref().ok().filter(|_| attended);
    let farewell = farewell.map(|exit| format!("{dispname} {exit}."));
    voice.tell_waiting(match ended {
        Ok(exit) => Event::Ended { exit },
        Err(error) => Event::NotStarted {
            what: format!("{error:#}"),
        },
    });
    farewell
}

/// Whether a program of a folder can be run in phase 1.
///
/// # Errors
/// Why it cannot, with the remedy.
fn fit(folder: &Path, bin: &str) -> anyhow::Result<()> {
    let path = folder.join(bin);
    if path.is_dir() {
        bail!("{bin} is a folder; bin has to name a program");
    }
    let head = overlay::head(&path, HEAD).with_context(|| format!("{bin} cannot be read"))?;
    let exists = |path: &str| Path::new(path).exists();
    match executable::check(&head, exists) {
        Ok(_) => Ok(()),
        Err(why) => bail!("{bin} {why}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_run_is_named_with_its_reason() {
        let folder = tempfile::tempdir().expect("a directory");
        let file = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).expect("a file");
        };
        file("notes.txt", b"hello\n");
        file("tool", b"#!/bin/sh\n");
        file("old", b"#!/no/such/interpreter\n");
        std::fs::create_dir(folder.path().join("lib")).expect("a folder");
        assert!(fit(folder.path(), "tool").is_ok());
        for (bin, expected) in [
            ("notes.txt", "notes.txt is no program"),
            ("old", "old is a script for /no/such/interpreter"),
            ("lib", "lib is a folder"),
            ("gone", "gone cannot be read"),
        ] {
            let said = format!("{:#}", fit(folder.path(), bin).expect_err(expected));
            assert!(said.contains(expected), "{said}");
        }
    }

    /// The programs of this computer are such files: what the reader says of them is what it is meant for.
    #[test]
    fn a_real_program_is_understood() {
        let own = std::env::current_exe().expect("a path");
        let head = overlay::head(&own, HEAD).expect("this test");
        let Ok(executable::Kind::Dynamic(loader)) = executable::kind(&head) else {
            panic!("{:?}", executable::kind(&head));
        };
        assert!(Path::new(&loader).exists(), "{loader}");
    }
}
