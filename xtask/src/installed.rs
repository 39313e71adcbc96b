//! The Debian packages that building and testing need, installed with apt-get.
//!
//! Installs only what is missing, names each package with its reason before, and never removes or upgrades anything
//! on its own account. [`ensure`] is what other tasks call first.

use std::process::Command;

use anyhow::{Context, Result};

use crate::run;

/// A package and why it is needed; the list of those that every task may need is `xtask/packages.txt`.
pub(crate) struct Need {
    /// Its name.
    pub(crate) package: &'static str,
    /// The reason, in a few words.
    pub(crate) why: &'static str,
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
