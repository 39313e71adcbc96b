//! What the server offers, as the kernel unpacked it from `torrents.gz`: the manifest and the
//! torrents. Only reads.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use catalog::manifest::{Entry, Manifest};
use metainfo::Torrent;

/// Reads the manifest from a folder.
///
/// # Errors
/// Files that are missing or damaged.
pub fn manifest(folder: &Path) -> anyhow::Result<Manifest> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).with_context(|| {
            format!("cannot read {}; torrents.gz did not reach this machine. Was it among the loader's initrds?", path.display())
        })
    };
    Ok(Manifest::parse(
        &read("Boottorrent.yaml")?,
        &read("configs.yaml")?,
    )?)
}

/// Reads a system's torrent and checks that it is the one the manifest means.
///
/// # Errors
/// A file that is missing, damaged, or of another system.
pub fn torrent(folder: &Path, entry: &Entry) -> anyhow::Result<Torrent> {
    let path = folder.join(&entry.torrent);
    let bytes = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let torrent =
        Torrent::parse(&bytes).with_context(|| format!("{} is damaged", path.display()))?;
    if torrent.info().name != entry.name {
        bail!(
            "{} is the torrent of {:?}, not of {:?}",
            path.display(),
            torrent.info().name,
            entry.name
        );
    }
    if torrent.info_hash().to_string() != entry.info_hash {
        bail!(
            "{} is not the torrent that the server's list names",
            path.display()
        );
    }
    Ok(torrent)
}
