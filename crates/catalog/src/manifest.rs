//! What a machine is told: which systems there are, how each starts, and where the server is.
//!
//! It travels as two files in `torrents.gz`, named as in the original project and written as JSON,
//! which is YAML too. Reading it needs no YAML and never trusts a path that leaves the folder.

#[cfg(test)]
mod tests;

use std::net::SocketAddrV4;
use std::time::Duration;

use metainfo::Sha256;
use report::{Mac, MacPattern};
use serde::{Deserialize, Serialize};

use crate::{Method, Shell};

/// The version of the manifest this crate writes and reads.
pub const VERSION: u32 = 0;
/// `seed_max` where the configuration does not set it, in seconds: longer than the rest of a room
/// needs once one machine is done, short enough that nobody gives up waiting.
pub const SEED_MAX: u64 = 60;

/// Everything a machine needs to show its menu and to fetch what was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Format version; see [`VERSION`].
    pub version: u32,
    /// Seconds the menu waits before it starts the default; 0 starts at once, negative waits for
    /// ever.
    pub timeout: i64,
    /// Folder name of the system that starts by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// Seconds a machine seeds at least before it starts the system; 0 or negative: at once. See
    /// [`Manifest::seeding`] for what this and the next two come to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_time: Option<i64>,
    /// What ends seeding; set where `seed_time` is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_until: Option<SeedUntil>,
    /// Upper bound in seconds for `seed_until`; set where `seed_time` is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_max: Option<u64>,
    /// The server's HTTP address without a final slash, e.g. `http://10.77.0.1:6969`.
    pub server: String,
    /// Where the server's own seed listens, so that machines reach it without a tracker too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<SocketAddrV4>,
    /// Whether machines look for each other by multicast (`bt_enable_lpd`, BEP 14).
    #[serde(default)]
    pub lpd: bool,
    /// Whether machines tell each other whom they know (`enable_peer_exchange`, BEP 11). They do where
    /// nothing is said.
    #[serde(default = "yes")]
    pub exchange: bool,
    /// QEMU for guests, as one more torrent that holds its image (`*.squashfs`): machines fetch it when a system needs it.
    /// None where the server has none. Of the entry's texts only name, torrent, size, info hash and files matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<Entry>,
    /// Who gets a shell at the machine. Nobody where nothing is said.
    #[serde(default, skip_serializing_if = "Shell::is_no")]
    pub shell: Shell,
    /// What is different for some machines: of the entries that fit one, the longest pattern's holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machines: Vec<MachineEntry>,
    /// What the menu offers, in its order.
    #[serde(skip)]
    pub systems: Vec<Entry>,
}

fn yes() -> bool {
    true
}

/// What holds for one machine, or for all that a pattern fits, instead of the room's own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineEntry {
    /// Whom it is for.
    #[serde(rename = "match")]
    pub pattern: MacPattern,
    /// What the machine is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// As [`Manifest::default`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// As [`Manifest::timeout`].
    pub timeout: i64,
}

/// What ends a machine's seeding before it starts its system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedUntil {
    /// Nobody in the room is still fetching this system.
    Room,
}

/// When a machine that has every byte of its system starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeding {
    /// When it has seeded for so long (`seed_time`).
    AtLeast(Duration),
    /// When no other machine in the room is still fetching the system (`seed_until: room`), or after
    /// so long (`seed_max`).
    WhileOthersFetch {
        /// The upper bound.
        at_most: Duration,
    },
}

/// One system of the menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Folder name; also the torrent's name.
    pub name: String,
    /// What the menu shows.
    pub dispname: String,
    /// How it starts.
    #[serde(flatten)]
    pub method: Method,
    /// File name of its torrent beside the manifest, `NAME.torrent`.
    pub torrent: String,
    /// Bytes of its payload.
    pub size: u64,
    /// Its torrent's info hash in hexadecimal.
    pub info_hash: String,
    /// What every file of its payload must be, in the torrent's order. Empty where the server does not
    /// say: then the pieces' hashes are all there is to compare.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<ManifestFile>,
    /// Whether its kernel carries a signature, by whomever. Nothing where there is no kernel or
    /// the server does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<bool>,
    /// Why its kernel or program can run on no machine that comes here, as a clause that begins with the file's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfit: Option<String>,
    /// Whether its folder has no config.yaml, so that how it starts was inferred from its files.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
}

/// One file of a system's payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
    /// Its path below the system's folder: the torrent's components, joined by `/`.
    pub path: String,
    /// What its bytes hash to.
    pub sha256: Sha256,
}

/// Why a manifest cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// One of the two files is not the JSON that the server writes.
    #[error("{file} is damaged: {source}")]
    Json {
        /// Name of the file in `torrents.gz`.
        file: &'static str,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// The server is of another generation than this client.
    #[error("the server speaks version {0} of the manifest, this client version {VERSION}")]
    Version(u32),
    /// A path or name that would leave the folder it belongs to.
    #[error("system {system:?} names an unsafe path: {path:?}")]
    Unsafe {
        /// The system's folder name.
        system: String,
        /// The offending path.
        path: String,
    },
}

impl Manifest {
    /// The two files as the machine finds them: `torrents/Boottorrent.yaml` (everything but the
    /// systems) and `torrents/configs.yaml` (the systems), both JSON and the same for the same
    /// manifest.
    pub fn to_files(&self) -> (String, String) {
        // Structs of strings and numbers always have a JSON form.
        let json = |value: serde_json::Result<String>| value.expect("plain data serialises") + "\n";
        (
            json(serde_json::to_string_pretty(self)),
            json(serde_json::to_string_pretty(&self.systems)),
        )
    }

    /// Reads the two files back.
    ///
    /// # Errors
    /// Damaged JSON, another version, or a path that would leave the system's folder.
    pub fn parse(boottorrent: &str, configs: &str) -> Result<Manifest, Error> {
        let json = |file| move |source| Error::Json { file, source };
        let mut manifest: Manifest =
            serde_json::from_str(boottorrent).map_err(json("Boottorrent.yaml"))?;
        if manifest.version != VERSION {
            return Err(Error::Version(manifest.version));
        }
        manifest.systems = serde_json::from_str(configs).map_err(json("configs.yaml"))?;
        for entry in manifest.systems.iter().chain(&manifest.layer) {
            entry.check_paths()?;
        }
        Ok(manifest)
    }

    /// The entry that holds for this machine, if one does.
    pub fn entry_of(&self, mac: Mac) -> Option<&MachineEntry> {
        let fitting = self.machines.iter().filter(|entry| entry.pattern.fits(mac));
        fitting.max_by_key(|entry| entry.pattern)
    }

    /// The manifest with this machine's own default and timeout in the room's place.
    #[must_use]
    pub fn told_to(mut self, mac: Mac) -> Manifest {
        if let Some(entry) = self.entry_of(mac) {
            (self.default, self.timeout) = (entry.default.clone(), entry.timeout);
        }
        self
    }

    /// When machines start their systems. A `seed_time` holds whatever else is said; without one,
    /// `seed_until: room` does, which is also what a manifest means that says nothing.
    pub fn seeding(&self) -> Seeding {
        match self.seed_time {
            Some(seconds) => Seeding::AtLeast(Duration::from_secs(seconds.max(0).unsigned_abs())),
            None => Seeding::WhileOthersFetch {
                at_most: Duration::from_secs(self.seed_max.unwrap_or(SEED_MAX)),
            },
        }
    }
}

impl Entry {
    /// The files without which it cannot start, as paths of the torrent, each once: a kernel, its initrds and what
    /// is handed on with them need nothing else of their folder. `None`: all of them, for a program may open any of its files.
    pub fn needed_files(&self) -> Option<Vec<String>> {
        let Method::Kexec {
            kernel,
            initrd,
            files,
            ..
        } = &self.method
        else {
            return None;
        };
        let mut needed = vec![kernel.clone()];
        for path in initrd.iter().chain(files) {
            if !needed.contains(path) {
                needed.push(path.clone());
            }
        }
        Some(needed)
    }

    fn check_paths(&self) -> Result<(), Error> {
        let unsafe_path = |path: &str| Error::Unsafe {
            system: self.name.clone(),
            path: path.to_owned(),
        };
        for name in [&self.name, &self.torrent] {
            if name.contains('/') || !is_inside(name) {
                return Err(unsafe_path(name));
            }
        }
        let mut paths: Vec<&String> = self.files.iter().map(|file| &file.path).collect();
        match &self.method {
            Method::Kexec {
                kernel,
                initrd,
                files,
                ..
            } => {
                paths.push(kernel);
                paths.extend(initrd);
                paths.extend(files);
            }
            Method::Bin { bin, .. } => paths.push(bin),
            Method::Qemu { .. } | Method::Local => {}
        }
        match paths.into_iter().find(|path| !is_inside(path)) {
            Some(path) => Err(unsafe_path(path)),
            None => Ok(()),
        }
    }
}

/// Whether a `/`-separated path stays in the folder it is relative to.
pub(crate) fn is_inside(path: &str) -> bool {
    path.split('/')
        .all(|part| !matches!(part, "" | "." | "..") && !part.contains('\0'))
}
