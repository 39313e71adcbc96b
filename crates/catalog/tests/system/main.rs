//! One system: its `config.yaml`, what is inferred without one, and what is said about mistakes.

#![cfg(feature = "yaml")]

mod config;
mod handed_on;
mod image;
mod program;

use catalog::{Checked, PayloadFile, Problem, System, system};

/// The file that problems are shown under.
const FILE: &str = "oss/tiny/config.yaml";

/// A payload of files of one byte.
fn files(paths: &[&str]) -> Vec<PayloadFile> {
    let file = |path: &&str| PayloadFile {
        path: (*path).to_owned(),
        size: 1,
    };
    paths.iter().map(file).collect()
}

/// What such a folder is with this `config.yaml`.
fn read(paths: &[&str], config: &str) -> Checked<System> {
    system("tiny", &files(paths), Some((FILE, config)))
}

fn said(problems: &[Problem]) -> String {
    let all = problems.iter().map(|problem| format!("{problem}\n"));
    all.collect()
}
