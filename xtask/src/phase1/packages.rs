//! Debian packages as phase 1 takes them: found in apt's lists, fetched and verified by apt, unpacked without installing.
//!
//! Never installs anything and needs no root; which mirror they come from is this machine's own business.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::apt::Apt;
use crate::run;

/// A line of `phase1/packages.txt`.
pub(crate) struct Wanted {
    /// The package's name, or that of one which only depends on it; `NAME:ARCHITECTURE` for one of another architecture,
    /// `NAME/RELEASE` for one of another Debian release, as apt writes it.
    pub(crate) name: String,
    /// The licence to name where the package's copyright file does not say it in a form for machines.
    pub(crate) licence: Option<String>,
}

/// A package in one version, as apt's lists describe it.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    /// Its name in the archive.
    pub(crate) name: String,
    /// Its version in the archive.
    pub(crate) version: String,
    /// `amd64` or `all`, or the foreign one that was asked for.
    pub(crate) architecture: String,
    /// Which apt knows it.
    apt: Apt,
    /// The source package it was built from.
    pub(crate) source: String,
    /// That source's version.
    pub(crate) source_version: String,
    /// Other sources whose code is in the binary, as `name (= version)`.
    pub(crate) built_using: Vec<String>,
    /// SHA-256 of the package file, which apt's signed lists vouch for.
    pub(crate) sha256: String,
    /// The licence of its [`Wanted`].
    pub(crate) licence: Option<String>,
}

/// Reads the package list.
pub(crate) fn wanted(list: &str) -> Result<Vec<Wanted>> {
    let lines = list
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split_whitespace();
            let (Some(name), Some(licence), Some(_why)) =
                (words.next(), words.next(), words.next())
            else {
                bail!("phase 1's packages.txt: \"{line}\" is not PACKAGE LICENCE WHAT-WE-TAKE");
            };
            Ok(Wanted {
                name: name.to_owned(),
                licence: (licence != "-").then(|| licence.to_owned()),
            })
        })
        .collect()
}

/// The newest versions of packages in apt's lists; asks no network unless the lists don't know one of them at all.
///
/// One of another architecture that cannot be had is left out, and why is said: not every mirror has all of them, and
/// what it is for is missing then, no more.
pub(crate) fn resolve(wanted: &[Wanted]) -> Result<Vec<Package>> {
    let (own, others): (Vec<&Wanted>, Vec<&Wanted>) = wanted
        .iter()
        .partition(|wanted| Apt::of(&wanted.name).1 == Apt::Own);
    let names: Vec<&str> = own.iter().map(|wanted| wanted.name.as_str()).collect();
    let named = known(&Apt::Own, &names)?;
    let mut packages = Vec::new();
    for (wanted, record) in own.into_iter().zip(named) {
        let record = match followed(&record) {
            Some(real) => records(&Apt::Own, &[&real])?.remove(0),
            None => record,
        };
        packages.push(described(wanted, &record)?);
    }
    for wanted in others {
        let (name, apt) = Apt::of(&wanted.name);
        let found = known(&apt, &[name]).and_then(|records| described(wanted, &records[0]));
        match (found, apt) {
            (Ok(package), apt) => packages.push(Package { apt, ..package }),
            (Err(error), Apt::Architecture(_)) => {
                eprintln!("{} is left out: {error:#}", wanted.name);
            }
            (Err(error), _) => return Err(error.context(wanted.name.clone())),
        }
    }
    Ok(packages)
}

/// Fetches all package lists anew that these packages are found in.
pub(crate) fn refresh_lists<'a>(wanted: impl IntoIterator<Item = &'a Wanted>) -> Result<()> {
    let mut apts: Vec<Apt> = Vec::new();
    for wanted in wanted {
        let (_, apt) = Apt::of(&wanted.name);
        if !apts.contains(&apt) {
            apts.push(apt);
        }
    }
    apts.iter().try_for_each(Apt::refresh_lists)
}

fn described(wanted: &Wanted, record: &str) -> Result<Package> {
    let package = parse(record).with_context(|| format!("apt's record of {}", wanted.name))?;
    Ok(Package {
        licence: wanted.licence.clone(),
        ..package
    })
}

/// The records of packages, from fresh lists where the lists know one of them not at all.
fn known(apt: &Apt, names: &[&str]) -> Result<Vec<String>> {
    records(apt, names).or_else(|_| {
        apt.refresh_lists()?;
        records(apt, names)
    })
}

/// Fetches the package file into `folder`, unless it is there; apt checks it against the signed lists.
pub(crate) fn fetch(package: &Package, folder: &Path) -> Result<PathBuf> {
    let file = folder.join(file_name(package));
    if file.is_file() && super::sha256(&fs::read(&file)?) == package.sha256 {
        return Ok(file);
    }
    // A folder of its own: apt spells the version in its own way, and half a download must not look like a whole one.
    let fresh = folder.join(format!("{}.part", package.name));
    fs::create_dir_all(&fresh)?;
    let mut download = package.apt.download(&package.name, &package.version)?;
    run::run(download.current_dir(&fresh)).with_context(|| {
        format!(
            "could not fetch {} {}; are apt's lists current?",
            package.name, package.version
        )
    })?;
    let fetched = fs::read_dir(&fresh)?
        .next()
        .context("apt-get download left no file")??
        .path();
    ensure!(
        super::sha256(&fs::read(&fetched)?) == package.sha256,
        "{} is not what apt's lists name",
        fetched.display()
    );
    fs::rename(&fetched, &file)?;
    fs::remove_dir(&fresh)?;
    Ok(file)
}

/// Unpacks a package file below `folder` and gives the folder that holds its tree; once only for each version.
pub(crate) fn unpack(package: &Package, file: &Path, folder: &Path) -> Result<PathBuf> {
    let tree = folder.join(file_name(package).trim_end_matches(".deb"));
    if tree.is_dir() {
        return Ok(tree);
    }
    fs::create_dir_all(folder)?;
    let half = folder.join(format!("{}.part", package.name));
    if half.exists() {
        fs::remove_dir_all(&half)?;
    }
    run::run(
        Command::new("dpkg-deb")
            .arg("--extract")
            .arg(file)
            .arg(&half),
    )?;
    fs::rename(&half, &tree)?;
    Ok(tree)
}

/// As apt names it, but for characters a file name may have anyway.
fn file_name(package: &Package) -> String {
    let version = package.version.replace(':', "%3a");
    format!("{}_{version}_{}.deb", package.name, package.architecture)
}

/// One record for each name, in one question: apt reads its lists anew each time.
fn records(apt: &Apt, names: &[&str]) -> Result<Vec<String>> {
    let text = apt.show(names)?;
    names
        .iter()
        .map(|name| {
            let mut paragraphs = text.split("\n\n");
            let record = paragraphs.find(|record| field(record, "Package") == Some(name));
            Ok(record
                .with_context(|| format!("apt knows no package {name}"))?
                .to_owned())
        })
        .collect()
}

/// `linux-image-amd64` holds nothing and depends on `linux-image-6.1.0-56-amd64 (= 6.1.192-2)`: the name to go on with
/// when the only thing a package depends on is one whose name begins as its own.
fn followed(record: &str) -> Option<String> {
    let (name, depends) = (field(record, "Package")?, field(record, "Depends")?);
    let stem = name.rsplit_once('-')?.0;
    let only = (!depends.contains(',')).then(|| depends.split_whitespace().next())??;
    (only.starts_with(stem) && depends.contains("(= ")).then(|| only.to_owned())
}

fn parse(record: &str) -> Result<Package> {
    let must = |key| field(record, key).with_context(|| format!("no field {key}"));
    let (name, version) = (must("Package")?, must("Version")?);
    // "Source: syslinux", "Source: busybox (1:1.35.0-4)", or none when both are the same.
    let source = field(record, "Source").unwrap_or(name);
    let (source, source_version) = match source.split_once(" (") {
        Some((source, rest)) => (source, rest.trim_end_matches(')')),
        None => (source, version),
    };
    Ok(Package {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: must("Architecture")?.to_owned(),
        apt: Apt::Own,
        source: source.to_owned(),
        source_version: source_version.to_owned(),
        built_using: field(record, "Built-Using")
            .map(|list| list.split(", ").map(str::to_owned).collect())
            .unwrap_or_default(),
        sha256: must("SHA256")?.to_owned(),
        licence: None,
    })
}

/// The one-line field of a control record.
fn field<'a>(record: &'a str, key: &str) -> Option<&'a str> {
    record
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(k, value)| (k == key).then(|| value.trim()))
}

#[cfg(test)]
mod tests {
    use super::{followed, parse, wanted};

    const META: &str = "Package: linux-image-amd64\nSource: linux-signed-amd64 (6.1.2+1)\nVersion: 6.1.2-1\n\
        Depends: linux-image-6.1.0-9-amd64 (= 6.1.2-1)\nArchitecture: amd64\nSHA256: ab\n";
    const BUSYBOX: &str = "Package: busybox-static\nSource: busybox (1:1.35.0-4)\nVersion: 1:1.35.0-4+b1\n\
        Architecture: amd64\nBuilt-Using: glibc (= 2.36-9), other (= 1)\nSHA256: cd\n";

    #[test]
    fn a_package_that_only_names_another_is_followed() {
        assert_eq!(followed(META).as_deref(), Some("linux-image-6.1.0-9-amd64"));
        assert_eq!(followed(BUSYBOX), None);
        let two = META.replace("(= 6.1.2-1)\nArch", "(= 6.1.2-1), kmod\nArch");
        assert_eq!(followed(&two), None);
        assert_eq!(followed("Package: ipxe-qemu\nDepends: ipxe-extra\n"), None);
    }

    #[test]
    fn source_and_built_using_are_named_with_their_versions() {
        let package = parse(BUSYBOX).unwrap();
        assert_eq!(
            (package.source.as_str(), package.source_version.as_str()),
            ("busybox", "1:1.35.0-4")
        );
        assert_eq!(package.built_using, ["glibc (= 2.36-9)", "other (= 1)"]);
        let plain = parse("Package: ipxe\nVersion: 1\nArchitecture: all\nSHA256: ef\n").unwrap();
        assert_eq!(
            (plain.source.as_str(), plain.source_version.as_str()),
            ("ipxe", "1")
        );
        assert!(
            parse("Package: ipxe\nVersion: 1\nArchitecture: all\n").is_err(),
            "no checksum"
        );
    }

    #[test]
    fn the_list_of_phase_1_is_well_formed() {
        let list = wanted(include_str!("../../../phase1/packages.txt")).unwrap();
        assert!(
            list.iter()
                .any(|w| w.name == "linux-image-amd64" && w.licence.is_none())
        );
        assert!(wanted(include_str!("../../../phase1/qemu/packages.txt")).is_ok());
        assert!(
            wanted("busybox-static GPL-2.0-only\n").is_err(),
            "a package with no reason"
        );
    }
}
