//! `cargo xtask tidy`: the sentences of crates/README.md that a machine can check.
//!
//! Who imports whom and which rooms are pure is read from the map's own table, so that map and code cannot part. Each
//! finding names a place and what to do there. Changes nothing.

mod graph;
mod layout;
mod licence;
mod map;
mod rust_text;
mod source;

use std::fmt;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::{places, run};

/// The map, which holds the table of rooms.
const MAP: &str = "crates/README.md";

/// A broken rule: where, and what to do.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    file: String,
    line: Option<usize>,
    what: String,
}

impl Finding {
    fn file(file: &str, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            what: what.into(),
        }
    }

    fn line(file: &str, line: usize, what: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line: Some(line),
            what: what.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.what),
            None => write!(f, "{}: {}", self.file, self.what),
        }
    }
}

/// Checks everything; an error when anything was found.
pub(crate) fn task() -> Result<()> {
    let files = files()?;
    let (rooms, mut findings) =
        map::rooms(&fs::read_to_string(places::root().join(MAP)).context(MAP)?);
    findings.extend(layout::check(&files, &rooms));
    findings.extend(graph::check(&graph::load()?, &rooms));
    for file in &files {
        // What git lists may just have been deleted; what is not text has no words to check.
        if let Ok(text) = fs::read_to_string(places::root().join(file)) {
            findings.extend(source::check(file, &text, &rooms));
        }
    }
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => bail!("1 rule is broken"),
        n => bail!("{n} rules are broken"),
    }
}

/// All files that are or would be committed, as paths from the top.
fn files() -> Result<Vec<String>> {
    let listed = run::output(
        Command::new("git")
            // A checkout may belong to somebody else, as it does under sudo; names are all we take from it.
            .args([
                "-c",
                "safe.directory=*",
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(places::root()),
    )
    .context("tidy looks at the files git knows, and this is no git repository")?;
    Ok(listed.split_terminator('\0').map(str::to_owned).collect())
}
