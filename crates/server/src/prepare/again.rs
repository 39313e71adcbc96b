//! The same while the server runs: what did not change is not hashed again, and who fetches what changed is not
//! forgotten.

use std::num::NonZero;
use std::path::PathBuf;
use std::thread;

use anyhow::Context;
use bytes::Bytes;
use catalog::manifest::{Entry, Manifest};
use seeder::{Cache, Fingerprint, Hashed};

use super::{Prepared, assemble, hash_qemu, progress_bar};
use crate::check::LoadedSystem;

/// Hashes one system, unless it is as it was `before`, or as the cache knows it. With half of the cores: machines are
/// being served.
///
/// # Errors
/// A file cannot be read, or changes meanwhile; the message names it.
pub fn hash_again(
    one: &LoadedSystem,
    before: Option<&Hashed>,
    cache: &Cache,
) -> anyhow::Result<Hashed> {
    if let Some(before) = before.filter(|before| is_still(one, before)) {
        return Ok(before.clone());
    }
    let name = &one.system.name;
    if let Some(known) = cache.find(&one.root, name, &one.files) {
        return Ok(known);
    }
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let bar = progress_bar(one.size());
    bar.set_message(name.clone());
    let progress = |bytes| bar.inc(bytes);
    let hashed = cache.hash(&one.root, name, &one.files, threads.div_ceil(2), &progress);
    bar.finish_and_clear();
    hashed.with_context(|| format!("cannot hash system {name}"))
}

/// Whether these are the files that were hashed, as far as anybody can tell without reading them. The time of the last
/// change counts too, unlike for who serves them: it alone gives away who wrote into a file and put its time back. Where it
/// is another owner or a hard link, one system is hashed for nothing.
fn is_still(one: &LoadedSystem, before: &Hashed) -> bool {
    let info = before.torrent.info();
    let same = |(file, was): (&metainfo::FileEntry, &Fingerprint)| {
        let path = one.root.join(file.path.iter().collect::<PathBuf>());
        path.metadata()
            .is_ok_and(|now| now.is_file() && *was == Fingerprint::of(&now))
    };
    one.root == before.root
        && one.files == info.files
        && one.files.iter().zip(&before.files).all(same)
}

impl Prepared {
    /// What follows from a change: `systems` are what is offered from now on. Payload of before is served on by HTTP as
    /// long as it is what it was: machines may be in the middle of it. QEMU, once it is offered, stays.
    ///
    /// # Errors
    /// An archive has no room for so much.
    pub fn again(
        &self,
        mut systems: Vec<(LoadedSystem, Hashed)>,
        manifest: Manifest,
        announce: Option<&str>,
        qemu: Option<Bytes>,
    ) -> anyhow::Result<Prepared> {
        systems.sort_by(|(one, _), (other, _)| one.system.name.cmp(&other.system.name));
        let qemu = match &self.qemu {
            Some(qemu) => Some(qemu.clone()),
            None => {
                let loaded: Vec<_> = systems.iter().map(|(one, _)| one.clone()).collect();
                hash_qemu(qemu, &loaded)?
            }
        };
        let payload = self.payload.iter();
        let served = payload.filter(|(_, file)| file.is_still_there());
        let served = served
            .map(|(at, file)| (at.clone(), file.clone()))
            .collect();
        assemble(systems, qemu, served, (manifest, announce))
    }

    /// What is told of each system, and what it was hashed to.
    pub fn offered(&self) -> impl Iterator<Item = (&Entry, &Hashed)> {
        self.entries.iter().zip(&self.systems)
    }
}
