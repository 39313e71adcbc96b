//! From folders to what machines fetch: hashes every system, makes its torrent, and packs all of
//! them with the manifest into `torrents.gz`. Reads the payload, writes nothing, opens no socket.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;
use catalog::manifest::{Entry, Manifest};
use indicatif::{ProgressBar, ProgressStyle};
use initrd::Archive;
use metainfo::Torrent;

use crate::check::LoadedSystem;
use crate::doors::http::PayloadFile;

/// The compression level of `torrents.gz`: hashes don't compress, so a higher one only takes time.
const GZIP_LEVEL: u32 = 6;

/// What all systems became.
#[derive(Debug)]
pub struct Prepared {
    /// Each system's torrent and the folder its payload lies in.
    pub torrents: Vec<(Torrent, PathBuf)>,
    /// Payload files by `NAME/path`, for the web seed.
    pub payload: HashMap<String, PayloadFile>,
    /// The initrd that carries torrents and manifest to the machines.
    pub torrents_gz: Vec<u8>,
}

/// Hashes `systems` with all cores and packs what came of it. `manifest` has all but the systems,
/// which are put in here; `announce` is the tracker's URL, where there is one.
///
/// # Errors
/// A file cannot be read or changes while it is being hashed; the message names it.
pub fn prepare(
    systems: &[LoadedSystem],
    mut manifest: Manifest,
    announce: Option<&str>,
) -> anyhow::Result<Prepared> {
    let mut torrents = Vec::with_capacity(systems.len());
    let mut payload = HashMap::new();
    let bar = progress_bar(systems);
    let begun = Instant::now();
    for one in systems {
        let name = &one.system.name;
        bar.set_message(name.clone());
        let hashed = seeder::hash_folder(&one.root, name, &one.files, threads(), &|bytes| {
            bar.inc(bytes);
        })
        .with_context(|| format!("cannot hash system {name}"))?;
        let torrent = match announce {
            Some(url) => hashed.with_announce(url),
            None => hashed,
        };
        for (index, file) in torrent.info().files.iter().enumerate() {
            let path = one.root.join(file.path.iter().collect::<PathBuf>());
            let key = torrent
                .info()
                .relative_path(index)
                .to_string_lossy()
                .into_owned();
            let hashed = PayloadFile::hashed(path)
                .with_context(|| format!("{key} went while it was hashed"))?;
            anyhow::ensure!(
                hashed.size() == file.length,
                "{key} changed while it was hashed; start again when nobody writes there"
            );
            payload.insert(key, hashed);
        }
        manifest.systems.push(Entry {
            name: name.clone(),
            dispname: one.system.dispname.clone(),
            method: one.system.method.clone(),
            torrent: format!("{name}.torrent"),
            size: torrent.info().total_length(),
            info_hash: torrent.info_hash().to_string(),
        });
        torrents.push((torrent, one.root.clone()));
    }
    bar.finish_and_clear();
    tracing::debug!(
        "hashed {} in {:.2} s",
        report::bytes(bar.position()),
        begun.elapsed().as_secs_f64()
    );
    let torrents_gz = pack(&manifest, &torrents)?;
    Ok(Prepared {
        torrents,
        payload,
        torrents_gz,
    })
}

/// `torrents.gz` as the design describes it; the kernel unpacks it over phase 1's root.
fn pack(manifest: &Manifest, torrents: &[(Torrent, PathBuf)]) -> anyhow::Result<Vec<u8>> {
    let (boottorrent, configs) = manifest.to_files();
    let mut archive = Archive::new();
    archive.dir("torrents", 0o755);
    archive.file("torrents/Boottorrent.yaml", boottorrent.as_bytes(), 0o644);
    archive.file("torrents/configs.yaml", configs.as_bytes(), 0o644);
    for (entry, (torrent, _)) in manifest.systems.iter().zip(torrents) {
        archive.file(
            &format!("torrents/{}", entry.torrent),
            &torrent.to_bytes(),
            0o644,
        );
    }
    Ok(initrd::gzip(
        &archive.finish().context("cannot pack torrents.gz")?,
        GZIP_LEVEL,
    ))
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// A bar over all bytes to hash; it draws itself only on a terminal.
fn progress_bar(systems: &[LoadedSystem]) -> ProgressBar {
    let total: u64 = systems
        .iter()
        .flat_map(|s| &s.files)
        .map(|f| f.length)
        .sum();
    if !std::io::stderr().is_terminal() {
        tracing::info!(
            "hashing {} ({} to boot)",
            report::bytes(total),
            systems.len()
        );
    }
    let style = ProgressStyle::with_template(
        "hashing {msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    );
    let bar = ProgressBar::new(total);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
