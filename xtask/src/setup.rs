//! `cargo xtask setup`: all that building and testing need.
//!
//! What is only missing is installed ([`installed`]); programs whose packages would start a service or change this
//! computer's boot menu are unpacked below `target/` and not installed.

use std::path::Path;

use anyhow::Result;

use crate::phase1::packages::{self, Wanted};
use crate::{installed, places};

/// Installs what is missing, and says so when nothing is.
pub(crate) fn task() -> Result<()> {
    installed::ensure()?;
    unpack_for_tests()?;
    println!("Everything that building and testing need is there.");
    Ok(())
}

/// Unpacks into `target/tools` what tests run and nobody wants installed; where it is there already, nothing is asked
/// or fetched.
pub(crate) fn unpack_for_tests() -> Result<()> {
    let _turn = places::turn()?;
    let folder = places::target().join("tools");
    let missing = installed::needs(include_str!("../packages-unpacked.txt"))
        .filter(|need| !is_unpacked(&folder, need.package))
        .inspect(|need| println!("Unpacking {}: {}", need.package, need.why));
    let wanted: Vec<Wanted> = missing
        .map(|need| Wanted {
            name: need.package.to_owned(),
            licence: None,
        })
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(&folder)?;
    for package in packages::resolve(&wanted)? {
        let file = packages::fetch(&package, &folder)?;
        packages::unpack(&package, &file, &folder)?;
    }
    Ok(())
}

/// Whether the tree of a package is there, in any version.
fn is_unpacked(folder: &Path, package: &str) -> bool {
    let prefix = format!("{package}_");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut trees = entries.filter(|entry| entry.path().is_dir());
    trees.any(|tree| tree.file_name().to_string_lossy().starts_with(&prefix))
}
