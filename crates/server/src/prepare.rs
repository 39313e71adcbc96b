//! From folders to what machines fetch: hashes every system that is not as it was, makes its torrent,
//! and packs all of them with the manifest into `torrents.gz`. Reads the payload, writes nothing but
//! the hash cache, opens no socket.

mod again;
mod heads;

use std::io::IsTerminal;
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use bytes::Bytes;
use catalog::Method;
use catalog::manifest::{Entry, Manifest, ManifestFile};
use indicatif::{ProgressBar, ProgressStyle};
use initrd::Archive;
use metainfo::{FileEntry, InfoHash, Sha256, Torrent};
use seeder::{Cache, Hashed, InMemory};

pub use again::hash_again;
pub(crate) use heads::unfit_file;

use crate::check::LoadedSystem;
use crate::offer::Payload;
use crate::payload::PayloadFile;
use crate::shelf;

/// What QEMU's torrent is called. A system's name begins with no dot.
const QEMU: &str = ".qemu";

/// The compression level of `torrents.gz`: hashes don't compress, so a higher one only takes time.
const GZIP_LEVEL: u32 = 6;

/// Which systems are hashed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Rehash {
    /// Those that are not as they were when they were hashed before.
    Changed,
    /// All of them.
    Everything,
}

/// What all systems became.
#[derive(Debug)]
pub struct Prepared {
    /// The systems, in the order of their names.
    pub loaded: Vec<LoadedSystem>,
    /// Each system's torrent, and the files it was made of.
    pub systems: Vec<Hashed>,
    /// QEMU, if a system starts in it and the server has it.
    pub qemu: Option<InMemory>,
    /// Payload files by `NAME/path`, for the web seed.
    pub payload: Arc<Payload>,
    /// The initrd that carries torrents and manifest to the machines.
    pub torrents_gz: Vec<u8>,
    /// What every manifest says of the systems.
    entries: Vec<Entry>,
    /// Bytes that were read and hashed for it now.
    pub hashed: u64,
}

impl Prepared {
    /// As `torrents_gz`, for machines of another network, which know the server by other addresses.
    ///
    /// # Errors
    /// An archive has no room for so much.
    pub fn torrents_gz_for(
        &self,
        mut manifest: Manifest,
        announce: Option<&str>,
    ) -> anyhow::Result<Vec<u8>> {
        manifest.systems.clone_from(&self.entries);
        manifest.layer = self.qemu.as_ref().map(layer);
        let torrents = self.all_torrents().map(|torrent| {
            let torrent = torrent.clone();
            match announce {
                Some(url) => torrent.with_announce(url),
                None => torrent,
            }
        });
        pack(&manifest, torrents)
    }

    /// The systems' torrents in their order, and QEMU's behind them.
    fn all_torrents(&self) -> impl Iterator<Item = &Torrent> {
        let systems = self.systems.iter().map(|one| &one.torrent);
        systems.chain(self.qemu.iter().map(|qemu| &qemu.torrent))
    }

    /// All torrents: name and info hash.
    pub fn torrents(&self) -> impl Iterator<Item = (&str, InfoHash)> {
        let all = self.all_torrents();
        all.map(|torrent| (torrent.info().name.as_str(), torrent.info_hash()))
    }
}

/// Hashes what `cache` does not know of `systems`, with all cores, and packs what came of it.
/// `manifest` has all but the systems, which are put in here; `announce` is the tracker's URL, where
/// there is one; `qemu` is QEMU's image, which is offered only if one of the systems starts in it.
///
/// # Errors
/// A file cannot be read or changes while it is being hashed; the message names it.
pub fn prepare(
    systems: &[LoadedSystem],
    manifest: Manifest,
    announce: Option<&str>,
    qemu: Option<Bytes>,
    cache: &Cache,
    rehash: Rehash,
) -> anyhow::Result<Prepared> {
    let (all, hashed) = hash(systems, cache, rehash)?;
    let qemu = hash_qemu(qemu, systems)?;
    let all = systems.iter().cloned().zip(all).collect();
    let prepared = assemble(all, qemu, Payload::new(), (manifest, announce))?;
    Ok(Prepared { hashed, ..prepared })
}

/// QEMU's torrent, if a system starts in it and its image is there.
fn hash_qemu(qemu: Option<Bytes>, systems: &[LoadedSystem]) -> anyhow::Result<Option<InMemory>> {
    let qemu = qemu.filter(|_| systems.iter().any(|one| starts_in_qemu(&one.system)));
    let hash = |bytes| InMemory::hash(QEMU, shelf::QEMU, bytes).context("cannot hash QEMU");
    qemu.map(hash).transpose()
}

/// What all of it comes to, beside `payload` of before.
fn assemble(
    all: Vec<(LoadedSystem, Hashed)>,
    mut qemu: Option<InMemory>,
    mut payload: Payload,
    (mut manifest, announce): (Manifest, Option<&str>),
) -> anyhow::Result<Prepared> {
    let (loaded, mut systems): (Vec<_>, Vec<_>) = all.into_iter().unzip();
    let mut entries = Vec::new();
    for (one, system) in systems.iter_mut().zip(&loaded) {
        if let Some(url) = announce {
            one.torrent = one.torrent.clone().with_announce(url);
        }
        payload.extend(payload_files(one));
        entries.push(entry(one, system));
    }
    if let (Some(qemu), Some(url)) = (&mut qemu, announce) {
        qemu.torrent = qemu.torrent.clone().with_announce(url);
    }
    manifest.systems.clone_from(&entries);
    manifest.layer = qemu.as_ref().map(layer);
    let torrents = systems.iter().map(|one| &one.torrent);
    let torrents = torrents.chain(qemu.iter().map(|qemu| &qemu.torrent));
    let torrents_gz = pack(&manifest, torrents.cloned())?;
    Ok(Prepared {
        loaded,
        systems,
        qemu,
        payload: Arc::new(payload),
        torrents_gz,
        entries,
        hashed: 0,
    })
}

/// Whether a system needs QEMU.
pub(crate) fn starts_in_qemu(system: &catalog::System) -> bool {
    matches!(system.method, Method::Qemu { .. })
}

/// All systems in their order, and how many bytes were read for it. What is hashed is remembered at
/// once: whoever kills the server finds what was done by then.
fn hash(
    systems: &[LoadedSystem],
    cache: &Cache,
    rehash: Rehash,
) -> anyhow::Result<(Vec<Hashed>, u64)> {
    let begun = Instant::now();
    let known = |one: &LoadedSystem| match rehash {
        Rehash::Changed => cache.find(&one.root, &one.system.name, &one.files),
        Rehash::Everything => None,
    };
    let known: Vec<_> = systems.iter().map(known).collect();
    let before = known.iter().flatten().count();
    let new = systems
        .iter()
        .zip(&known)
        .filter(|(_, known)| known.is_none());
    let bar = progress_bar(new.map(|(one, _)| one.size()).sum());
    let hash = |(one, known): (&LoadedSystem, Option<Hashed>)| {
        if let Some(known) = known {
            return Ok(known);
        }
        let name = &one.system.name;
        bar.set_message(name.clone());
        cache
            .hash(&one.root, name, &one.files, threads(), &|bytes| {
                bar.inc(bytes);
            })
            .with_context(|| format!("cannot hash system {name}"))
    };
    let all = systems
        .iter()
        .zip(known)
        .map(hash)
        .collect::<Result<_, _>>()?;
    bar.finish_and_clear();
    tracing::info!(
        "hashed {} in {:.2} s; {before} of {} systems are as they were hashed before",
        report::bytes(bar.position()),
        begun.elapsed().as_secs_f64(),
        systems.len()
    );
    cache.tidy();
    Ok((all, bar.position()))
}

/// A system's files as HTTP serves them, by `NAME/path`.
fn payload_files(one: &Hashed) -> impl Iterator<Item = (String, Arc<PayloadFile>)> {
    let info = one.torrent.info();
    let files = info.files.iter().zip(&one.files).enumerate();
    files.map(|(index, (file, was))| {
        let path = one.root.join(file.path.iter().collect::<PathBuf>());
        let key = info.relative_path(index).to_string_lossy().into_owned();
        (key, Arc::new(PayloadFile::new(path, *was)))
    })
}

/// What the manifest says of a system.
fn entry(hashed: &Hashed, one: &LoadedSystem) -> Entry {
    let (name, torrent) = (&one.system.name, &hashed.torrent);
    let head = heads::of(one);
    let files = torrent.info().files.iter().zip(&hashed.sha256);
    let file = |(file, sha256): (&FileEntry, &Sha256)| ManifestFile {
        path: file.path.join("/"),
        sha256: *sha256,
    };
    Entry {
        name: name.clone(),
        dispname: one.system.dispname.clone(),
        method: one.system.method.clone(),
        torrent: format!("{name}.torrent"),
        size: torrent.info().total_length(),
        info_hash: torrent.info_hash().to_string(),
        files: files.map(file).collect(),
        signed: head.signed,
        unfit: head.unfit,
        inferred: one.system.method_line.is_none(),
    }
}

/// What the manifest says of QEMU.
fn layer(qemu: &InMemory) -> Entry {
    Entry {
        name: QEMU.to_owned(),
        dispname: "QEMU".to_owned(),
        method: Method::Qemu {
            args: String::new(),
        },
        torrent: format!("{QEMU}.torrent"),
        size: qemu.torrent.info().total_length(),
        signed: None,
        unfit: None,
        inferred: false,
        info_hash: qemu.torrent.info_hash().to_string(),
        files: vec![ManifestFile {
            path: shelf::QEMU.to_owned(),
            sha256: qemu.sha256,
        }],
    }
}

/// `torrents.gz` as the design describes it; the kernel unpacks it over phase 1's root.
fn pack(manifest: &Manifest, torrents: impl Iterator<Item = Torrent>) -> anyhow::Result<Vec<u8>> {
    let (boottorrent, configs) = manifest.to_files();
    let mut archive = Archive::new();
    archive.dir("torrents", 0o755);
    archive.file("torrents/Boottorrent.yaml", boottorrent.as_bytes(), 0o644);
    archive.file("torrents/configs.yaml", configs.as_bytes(), 0o644);
    let entries = manifest.systems.iter().chain(&manifest.layer);
    for (entry, torrent) in entries.zip(torrents) {
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

/// A bar over the bytes to hash; it draws itself only on a terminal.
fn progress_bar(total: u64) -> ProgressBar {
    if total > 0 && !std::io::stderr().is_terminal() {
        tracing::info!("hashing {}", report::bytes(total));
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
