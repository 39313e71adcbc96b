//! `cargo xtask setup`: the Debian packages that building and testing need, installed with apt-get.
//!
//! Installs only what is missing, names each package with its reason before, and never removes or upgrades anything
//! on its own account. `ensure` is what other tasks call first. Programs whose packages would start a service are
//! unpacked below `target/` and not installed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::phase1::packages::{self, Wanted};
use crate::{places, run};

/// A package and why it is needed; the list of those that every task may need is `xtask/packages.txt`.
pub(crate) struct Need {
    /// Its name.
    pub(crate) package: &'static str,
    /// The reason, in a few words.
    pub(crate) why: &'static str,
}

/// Installs what is missing, and says so when nothing is.
pub(crate) fn task() -> Result<()> {
    let missing = missing()?;
    if !missing.is_empty() {
        install(&missing)?;
    }
    unpack_for_tests()?;
    println!("Everything that building and testing need is there.");
    Ok(())
}

/// Unpacks into `target/tools` what tests run and nobody wants installed; where it is there already, nothing is asked
/// or fetched.
pub(crate) fn unpack_for_tests() -> Result<()> {
    let _turn = places::turn()?;
    let folder = places::target().join("tools");
    let missing = needs(include_str!("../packages-unpacked.txt"))
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

/// Installs what is missing; silent when nothing is.
pub(crate) fn ensure() -> Result<()> {
    ensure_all(needs(include_str!("../packages.txt")))
}

/// Installs what is missing of these; silent when nothing is.
pub(crate) fn ensure_all(needs: impl Iterator<Item = Need>) -> Result<()> {
    let missing: Vec<Need> = needs.filter(|need| !installed(need.package)).collect();
    if missing.is_empty() {
        Ok(())
    } else {
        install(&missing)
    }
}

/// Fetches the package lists anew (`apt-get update`).
pub(crate) fn refresh_lists() -> Result<()> {
    eprintln!("Fetching the package lists of this machine's package sources.");
    run::run_aloud(run::as_root("apt-get").args(["-q", "update"]))
}

fn missing() -> Result<Vec<Need>> {
    Ok(needs(include_str!("../packages.txt"))
        .filter(|need| !installed(need.package))
        .collect())
}

/// Reads a list of lines `PACKAGE  WHY`.
pub(crate) fn needs(list: &'static str) -> impl Iterator<Item = Need> {
    list.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let (package, why) = line.split_once(char::is_whitespace)?;
            Some(Need {
                package,
                why: why.trim(),
            })
        })
}

/// dpkg-query fails for a package it has never heard of, which is just another way of not being installed.
fn installed(package: &str) -> bool {
    run::output(Command::new("dpkg-query").args([
        "--show",
        "--showformat=${db:Status-Status}",
        package,
    ]))
    .is_ok_and(|status| status == "installed")
}

fn install(missing: &[Need]) -> Result<()> {
    println!(
        "Installing with apt-get{}:",
        if run::is_root() { "" } else { ", through sudo" }
    );
    for need in missing {
        println!("  {:<16} {}", need.package, need.why);
    }
    let names: Vec<&str> = missing.iter().map(|need| need.package).collect();
    if !names.iter().all(|name| has_candidate(name)) {
        refresh_lists()?;
    }
    // Lists that are older than the mirror name files that are gone: one more try with fresh lists.
    apt_install(&names).or_else(|_| {
        refresh_lists()?;
        apt_install(&names)
    })
}

fn apt_install(names: &[&str]) -> Result<()> {
    // `env` because sudo drops variables; the front end must never stop to ask.
    run::run_aloud(
        run::as_root("env")
            .args([
                "DEBIAN_FRONTEND=noninteractive",
                "apt-get",
                "-q",
                "install",
                "--yes",
                "--no-install-recommends",
            ])
            .args(names),
    )
    .context("apt-get could not install what building and testing need")
}

fn has_candidate(package: &str) -> bool {
    run::output(Command::new("apt-cache").args(["show", "--no-all-versions", package]))
        .is_ok_and(|text| text.contains("Package: "))
}

#[cfg(test)]
mod tests {
    use super::needs;

    #[test]
    fn every_package_has_a_reason() {
        let list: Vec<_> = needs(include_str!("../packages.txt"))
            .chain(needs(include_str!("../packages-unpacked.txt")))
            .collect();
        assert!(list.iter().any(|need| need.package == "qemu-system-x86"));
        for need in &list {
            assert!(need.why.len() > 3, "{} has no reason", need.package);
            // On some machines a backport whose dependencies exclude qemu-system-x86's.
            assert_ne!(need.package, "qemu-utils");
        }
    }

    #[test]
    fn comments_and_empty_lines_are_not_packages() {
        assert_eq!(needs("# a b\n\nkmod  depmod\n").count(), 1);
    }
}
