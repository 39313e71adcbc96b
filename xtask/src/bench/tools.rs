//! The programs that bt-server is compared with.
//!
//! Those whose Debian packages would start a service are unpacked below `target/` and not installed: nothing of a
//! bench ever listens on this computer's own interfaces, and nothing starts with it tomorrow.

use std::path::{Path, PathBuf};

use anyhow::Result;
use lab::Host;

use crate::phase1::packages::{self, Wanted};
use crate::{installed, places};

/// A package that is only unpacked, and why it is needed. Their libraries are on every Debian with curl.
const UNPACKED: [(&str, &str); 6] = [
    (
        "opentracker",
        "the tracker of the other BitTorrent programs",
    ),
    ("libowfat0", "a library of opentracker"),
    ("nginx", "a web server to compare with"),
    ("kea-dhcp4-server", "a DHCP server to compare with"),
    ("atftpd", "a TFTP server to compare with"),
    ("libwrap0", "a library of atftpd"),
];

/// Where the unpacked programs lie.
pub(super) struct Tools {
    trees: [PathBuf; 6],
}

impl Tools {
    /// Installs what is missing, and unpacks the rest.
    pub(super) fn get() -> Result<Tools> {
        installed::ensure()?;
        installed::ensure_all(installed::needs(include_str!("../../packages-bench.txt")))?;
        let _turn = places::turn()?;
        let folder = places::target().join("bench/programs");
        let wanted = UNPACKED.map(|(name, _why)| Wanted {
            name: name.to_owned(),
            licence: None,
        });
        let mut trees = Vec::new();
        for package in packages::resolve(&wanted)? {
            let file = packages::fetch(&package, &folder)?;
            trees.push(packages::unpack(&package, &file, &folder)?);
        }
        let trees = trees.try_into().expect("one for each package");
        Ok(Tools { trees })
    }

    /// Nothing, for runs that need nothing but ours.
    #[cfg(test)]
    pub(super) fn none() -> Tools {
        Tools {
            trees: Default::default(),
        }
    }

    /// A command that will run opentracker on `host`.
    pub(super) fn opentracker(&self, host: &Host) -> std::process::Command {
        let [opentracker, libowfat, ..] = &self.trees;
        let mut command = host.command(opentracker.join("usr/bin/opentracker"));
        command.env("LD_LIBRARY_PATH", libowfat.join("usr/lib"));
        command
    }

    /// nginx.
    pub(super) fn nginx(&self) -> PathBuf {
        let [_, _, nginx, ..] = &self.trees;
        nginx.join("usr/sbin/nginx")
    }

    /// Kea's server for IPv4.
    pub(super) fn kea(&self) -> PathBuf {
        let [_, _, _, kea, ..] = &self.trees;
        kea.join("usr/sbin/kea-dhcp4")
    }

    /// A command that will run atftpd on `host`.
    pub(super) fn atftpd(&self, host: &Host) -> std::process::Command {
        let [.., atftpd, libwrap] = &self.trees;
        let mut command = host.command(atftpd.join("usr/sbin/atftpd"));
        command.env("LD_LIBRARY_PATH", libwrap.join("usr/lib/x86_64-linux-gnu"));
        command
    }
}

/// The folder of everything a bench leaves.
pub(super) fn folder() -> PathBuf {
    places::target().join("bench")
}

/// Debian's own Python: another one in PATH does not have Debian's modules.
pub(super) const PYTHON: &str = "/usr/bin/python3";

/// A script of ours, as a file.
pub(super) fn script(room: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let file = room.join(name);
    std::fs::write(&file, text)?;
    crate::run::make_executable(&file)?;
    Ok(file)
}
