//! The manifest of phase 1: what it is made of, under which licences, and where the sources are to be found.
//!
//! Phase 1 is distributed with bt-server, and most of it is under the GPL: every part must name its source.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::packages::Package;
use crate::{cargo, places, run};

/// `manifest.json`.
#[derive(Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// The parts, Debian's packages first, then our own program.
    pub(super) packages: Vec<Part>,
    /// The Rust crates that are compiled into bttui.
    pub(super) crates: Vec<Crate>,
    /// The files of the image, in the order of their names.
    pub(super) files: Vec<ImageFile>,
}

/// A package whose content is in the image.
#[derive(Serialize, Deserialize)]
pub(super) struct Part {
    name: String,
    version: String,
    architecture: String,
    licence: String,
    source: String,
    source_version: String,
    /// Other sources whose code is in the binaries, as `name (= version)`.
    built_using: Vec<String>,
}

/// A crate of Rust.
#[derive(Serialize, Deserialize)]
pub(super) struct Crate {
    name: String,
    version: String,
    licence: String,
}

/// A file as it travels.
#[derive(Serialize, Deserialize)]
pub(super) struct ImageFile {
    /// Its name in the image.
    pub(super) name: String,
    /// Its size in bytes.
    pub(super) size: u64,
    /// Its SHA-256 in lower-case hex.
    pub(super) sha256: String,
}

/// The entry of a Debian package unpacked at `tree`.
pub(super) fn part(package: &Package, tree: &Path) -> Result<Part> {
    let path = tree
        .join("usr/share/doc")
        .join(&package.name)
        .join("copyright");
    // GRUB's packages leave theirs in another package.
    let copyright = fs::read_to_string(&path).unwrap_or_default();
    let licence = declared(&copyright).or_else(|| package.licence.clone()).with_context(|| {
        format!("{}: it has no copyright file for machines; name its licence in phase1/packages.txt", package.name)
    })?;
    Ok(Part {
        name: package.name.clone(),
        version: package.version.clone(),
        architecture: package.architecture.clone(),
        licence,
        source: package.source.clone(),
        source_version: package.source_version.clone(),
        built_using: package.built_using.clone(),
    })
}

/// The entry of our own program, with the C library that is linked into it.
pub(super) fn bttui() -> Result<Part> {
    let libc = run::output(Command::new("dpkg-query").args([
        "--show",
        "--showformat=${source:Package} (= ${source:Version})",
        "libc6-dev",
    ]))?;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Part {
        name: "bttui".to_owned(),
        version: version.clone(),
        architecture: "amd64".to_owned(),
        licence: env!("CARGO_PKG_LICENSE").to_owned(),
        source: "bt-server".to_owned(),
        source_version: version,
        built_using: vec![libc],
    })
}

/// The crates of others that bttui is linked from, in the order of their names.
pub(super) fn crates() -> Result<Vec<Crate>> {
    let tree = run::output(
        cargo::command()
            .args([
                "tree",
                "--package",
                "bttui",
                "--edges",
                "normal",
                "--target",
                cargo::TARGET,
            ])
            .args(["--prefix", "none", "--format", "{p}|{l}"])
            .current_dir(places::root()),
    )?;
    let mut lines: Vec<&str> = tree.lines().filter(|line| !line.contains("(/")).collect();
    lines.sort_unstable();
    lines.dedup_by_key(|line| line.trim_end_matches(" (*)"));
    Ok(lines.into_iter().filter_map(crate_line).collect())
}

/// The image's files as they lie in `folder`; the manifest itself is not among them.
pub(super) fn files(folder: &Path) -> Result<Vec<ImageFile>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        let name = path
            .file_name()
            .expect("listed by name")
            .to_string_lossy()
            .into_owned();
        if name != "manifest.json" {
            let bytes = fs::read(&path)?;
            files.push(ImageFile {
                name,
                size: bytes.len() as u64,
                sha256: super::sha256(&bytes),
            });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The manifest in `folder`; an error also when the files there are not the ones it lists.
pub(super) fn read(folder: &Path) -> Result<Manifest> {
    let manifest: Manifest = serde_json::from_slice(&fs::read(folder.join("manifest.json"))?)?;
    let pairs = |files: &[ImageFile]| {
        files
            .iter()
            .map(|f| (f.name.clone(), f.sha256.clone()))
            .collect::<Vec<_>>()
    };
    anyhow::ensure!(
        pairs(&manifest.files) == pairs(&files(folder)?),
        "the files are not those of the manifest"
    );
    Ok(manifest)
}

/// `tokio v1.54.0|MIT`, also `serde_derive v1.0.0 (proc-macro)|MIT OR Apache-2.0`: macros run here and are not in bttui.
fn crate_line(line: &str) -> Option<Crate> {
    let (package, licence) = line.trim_end_matches(" (*)").split_once('|')?;
    let (name, version) = package.split_once(" v")?;
    (!version.contains("(proc-macro)")).then(|| Crate {
        name: name.to_owned(),
        version: version.to_owned(),
        licence: licence.to_owned(),
    })
}

/// What a machine-readable copyright file says of `Files: *`, in SPDX's words where Debian's differ.
fn declared(copyright: &str) -> Option<String> {
    if !copyright.lines().next()?.starts_with("Format:") {
        return None;
    }
    let mut paragraphs = copyright.split("\n\n");
    let all = paragraphs.find(|paragraph| paragraph.lines().any(|line| line == "Files: *"))?;
    let licence = all
        .lines()
        .find_map(|line| line.strip_prefix("License:"))?
        .trim();
    Some(match licence {
        "GPL-2" => "GPL-2.0-only".to_owned(),
        "GPL-2+" => "GPL-2.0-or-later".to_owned(),
        other => other.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{crate_line, declared};

    #[test]
    fn the_licence_of_everything_is_read_and_that_of_single_files_is_not() {
        let file = "Format: some-format\nUpstream-Name: x\n\nFiles: debian/*\nLicense: MIT\n\n\
            Files: *\nCopyright: them\nLicense: GPL-2+\n\nFiles: src/a.c\nLicense: BSD-2-clause\n";
        assert_eq!(declared(file).as_deref(), Some("GPL-2.0-or-later"));
        assert_eq!(
            declared("This package was made by hand.\n\nFiles: *\nLicense: GPL-2\n"),
            None
        );
    }

    #[test]
    fn macros_are_not_linked_in() {
        let tokio = crate_line("tokio v1.54.0|MIT (*)").unwrap();
        assert_eq!(
            (
                tokio.name.as_str(),
                tokio.version.as_str(),
                tokio.licence.as_str()
            ),
            ("tokio", "1.54.0", "MIT")
        );
        assert!(crate_line("serde_derive v1.0.0 (proc-macro)|MIT OR Apache-2.0").is_none());
    }
}
