//! The one program of a folder that says nothing of how it starts: a static one, by its first bytes and not by its name.
//!
//! Scripts and programs that need shared libraries are not guessed, since phase 1 may lack what they need; where there is
//! nothing else, what they need is said.

use super::PayloadFile;
use super::listed::{NAMED, listed, listed_in_part};
use crate::executable::{self, Kind, Unfit};

/// Tells a file's first bytes, [`executable::HEAD`] of them where it looks like a program. Nothing for a file that cannot be read.
pub type Head<'a> = &'a dyn Fn(&str) -> Vec<u8>;

/// What the folder's files are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Guess<'a> {
    /// None is a program.
    Nothing,
    /// This is the only static one.
    One(&'a str),
    /// Several could be meant, all of them static, or all of them not: the first of them, for a message.
    Several(String),
    /// There is one, which is not static, and why that is not enough.
    Unfit(&'a str, Unfit),
}

/// Looks into the files, until there are more static programs than a message names. Only one file's bytes are kept.
pub(super) fn guess<'a>(files: &'a [PayloadFile], head: Head<'_>) -> Guess<'a> {
    let (mut fit, mut unfit) = (Vec::new(), Vec::new());
    let mut first_unfit = Vec::new();
    for file in files {
        let path = file.path.as_str();
        if is_library(path) {
            continue;
        }
        let bytes = head(path);
        if !executable::looks_runnable(&bytes) {
            continue;
        }
        match executable::kind(&bytes) {
            Ok(Kind::Static) => fit.push(path),
            _ => {
                if unfit.is_empty() {
                    first_unfit = bytes;
                }
                unfit.push(path);
            }
        }
        if fit.len() > NAMED {
            break;
        }
    }
    match (&fit[..], &unfit[..]) {
        ([one], _) => Guess::One(one),
        ([], []) => Guess::Nothing,
        ([], [path]) => Guess::Unfit(path, why(&first_unfit)),
        ([], _) => Guess::Several(listed(&unfit)),
        _ => Guess::Several(listed_in_part(&fit)),
    }
}

/// Why a program that is not static is not started without being asked for.
fn why(head: &[u8]) -> Unfit {
    // What phase 1 has of what such programs name.
    let exists = |path: &str| path == "/bin/sh";
    match executable::check(head, exists) {
        Ok(Kind::Script(interpreter)) => {
            format!("is a script for {interpreter} and not a static program")
        }
        Ok(_) => "is not a static program".to_owned(),
        Err(why) => why,
    }
}

/// Shared libraries have no loader in them either.
fn is_library(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.ends_with(".so") || name.contains(".so.")
}
