//! One download in phase 1: from the torrent to verified files under `/os`, then seeding until it
//! is told to stop. Reports what happens as the model's events; decides nothing.
//!
//! Only what the system is started from is fetched, and it is told as fetched when every file is what
//! the server's list says, as a whole.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use catalog::manifest::Entry;
use report::{Progress, Source};
use swarm::net::{Download, Error, Options};
use tokio_util::sync::CancellationToken;

use crate::app::Event;
use crate::joined::{self, Parts};
use crate::memory::{self, Need};
use crate::news::Voice;
use crate::offers;
use crate::space::{available, folder_size};

/// How long leaving the swarm may take; trackers and peers notice a silent machine by themselves.
pub const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// Fetches what a system is started from as `options` say, where this machine has the memory for all of it, then seeds until
/// `stop`. What happens is told through `voice`.
///
/// # Errors
/// See [`fits`] and [`fetch`].
pub async fn run(
    offers: &Path,
    options: Options,
    entry: &Entry,
    stop: &CancellationToken,
    voice: &Voice,
) -> anyhow::Result<()> {
    fits(offers, entry, &options.to, 0)?;
    fetch(offers, options, entry, stop, voice).await
}

/// The same without a look at the memory, for what was looked at already: the layer.
///
/// # Errors
/// What ended the download before it was complete, or a file that is not what the server's list says.
pub async fn fetch(
    offers: &Path,
    mut options: Options,
    entry: &Entry,
    stop: &CancellationToken,
    voice: &Voice,
) -> anyhow::Result<()> {
    let torrent = offers::torrent(offers, entry)?;
    clear(&options.to, &entry.name)?;
    options.wanted = offers::wanted(torrent.info(), entry)?;
    options.sums = offers::sums(torrent.info(), entry, &options.wanted)?;
    options.joined = Parts::of(torrent.info(), entry, &options.to)?.map(|parts| parts.joined);
    let to = options.to.clone();
    let mut download = Download::start(Arc::new(torrent), options).await?;
    let ended = follow(&mut download, &entry.name, stop, voice).await;
    let _ = tokio::time::timeout(LEAVE_WITHIN, download.stop()).await;
    ended.map_err(|error| explain(error, &to))
}

/// Refuses a system that does not fit into this machine's memory beside the layer that it needs, before the first byte of
/// either.
///
/// # Errors
/// One sentence with the figures, or a torrent that cannot be read.
pub fn fits_with_layer(
    offers: &Path,
    (layer, layers): (&Entry, &Path),
    (entry, to): (&Entry, &Path),
) -> anyhow::Result<()> {
    let files = need(offers, layer)?.files;
    fits(offers, entry, to, files.saturating_sub(folder_size(layers)))
}

/// Refuses a system that does not fit into this machine's memory, with so many bytes that are fetched beside it. Whatever
/// lay in the folder of all downloads makes room.
fn fits(offers: &Path, entry: &Entry, to: &Path, beside: u64) -> anyhow::Result<()> {
    clear(to, &entry.name)?;
    let need = need(offers, entry)?.beside(beside);
    need.fits(available(to, &entry.name))
        .map_err(anyhow::Error::msg)
}

fn need(offers: &Path, entry: &Entry) -> anyhow::Result<Need> {
    let torrent = offers::torrent(offers, entry)?;
    let wanted = offers::wanted(torrent.info(), entry)?;
    Ok(memory::need(torrent.info(), &wanted, &entry.method))
}

/// Adds what to do where the files are not those of the server's list. The sums come last: they are what
/// the journal can do without.
fn explain(error: Error, to: &Path) -> anyhow::Error {
    let Error::Sum {
        path,
        found,
        promised,
    } = error
    else {
        return error.into();
    };
    anyhow!(
        "{} is not the file that the server promised. Was its folder changed? Restart bt-server with \
         --rehash, then this machine. SHA-256 {found}, promised {promised}",
        path.strip_prefix(to).unwrap_or(&path).display()
    )
}

async fn follow(
    download: &mut Download,
    system: &str,
    stop: &CancellationToken,
    voice: &Voice,
) -> Result<(), Error> {
    let mut news = download.progress();
    let mut complete = false;
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            result = download.complete(), if !complete => {
                result?;
                complete = true;
                let progress = progress(system, &news.borrow());
                voice.tell(Event::Fetched { progress }).await;
            }
            changed = news.changed() => {
                if changed.is_err() {
                    // It ended by itself: without a loss if everything is here, else for a reason
                    // that it tells.
                    return download.complete().await;
                }
                let figures = news.borrow_and_update().clone();
                let progress = progress(system, &figures);
                voice.tell(Event::Progress { progress, trouble: figures.trouble }).await;
            }
        }
    }
}

/// Removes what an earlier choice left in the folder of all downloads.
fn clear(to: &Path, system: &str) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(to).with_context(|| format!("cannot read {}", to.display()))?;
    for entry in entries
        .flatten()
        .filter(|entry| entry.file_name() != system && entry.path() != joined::file(to, system))
    {
        let path = entry.path();
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// The engine's figures as the report's.
pub fn progress(system: &str, figures: &swarm::net::Progress) -> Progress {
    Progress {
        system: system.to_owned(),
        total: figures.total,
        have: figures.have,
        uploaded: figures.uploaded,
        peers: figures.peers,
        rate: figures.rate,
        sources: figures
            .sources
            .iter()
            .map(|(address, bytes)| Source {
                address: *address,
                bytes: *bytes,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn an_earlier_choice_makes_room_and_the_same_one_stays() {
        let to = tempfile::tempdir().expect("a directory");
        for path in ["old/boot", "tiny/boot"] {
            fs::create_dir_all(to.path().join(path)).expect("a folder");
            fs::write(to.path().join(path).join("vmlinuz"), vec![7; 100_000]).expect("a file");
        }
        for name in ["old.initrd", "tiny.initrd"] {
            fs::write(to.path().join(name), b"parts").expect("a file");
        }
        clear(to.path(), "tiny").expect("room");
        let mut left: Vec<_> = fs::read_dir(to.path())
            .expect("the directory")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["tiny", "tiny.initrd"]);
        assert!(folder_size(&to.path().join("tiny")) >= 100_000);
    }

    /// An offer of one file of so many bytes, none of which exist.
    fn offer(offers: &Path, name: &str, length: u64) -> Entry {
        const PIECE: u64 = 1 << 26;
        let pieces = usize::try_from(length.div_ceil(PIECE)).expect("a few pieces");
        let torrent = metainfo::Torrent::new(metainfo::Info {
            name: name.to_owned(),
            piece_length: PIECE as u32,
            pieces: vec![[7; 20]; pieces],
            files: vec![metainfo::FileEntry {
                path: vec!["disk.img".to_owned()],
                length,
            }],
            private: false,
            single_file: false,
        });
        fs::write(offers.join(name), torrent.to_bytes()).expect("a torrent");
        Entry {
            name: name.to_owned(),
            dispname: name.to_owned(),
            method: catalog::Method::Qemu {
                args: String::new(),
            },
            torrent: name.to_owned(),
            size: length,
            info_hash: torrent.info_hash().to_string(),
            files: Vec::new(),
            signed: None,
            unfit: None,
            inferred: false,
        }
    }

    #[test]
    fn a_guest_whose_layer_leaves_no_room_for_it_is_refused_before_either_is_fetched() {
        let folder = || tempfile::tempdir().expect("a directory");
        let (offers, layers, to) = (folder(), folder(), folder());
        let system = offer(offers.path(), "guest", 1 << 20);
        let fits = |layer: u64| {
            let layer = offer(offers.path(), ".qemu", layer);
            let layer = (&layer, layers.path());
            fits_with_layer(offers.path(), layer, (&system, to.path()))
        };
        fits(1 << 20).expect("two of a megabyte");
        // A tebibyte.
        let error = fits(1 << 40).expect_err("more than any machine has");
        assert!(error.to_string().contains("1.1 TB"), "{error}");
    }

    #[test]
    fn an_initrd_that_has_no_room_beside_its_copy_is_refused_before_a_byte_of_it_is_fetched() {
        let folder = || tempfile::tempdir().expect("a directory");
        let (offers, to) = (folder(), folder());
        let total = crate::facts::memory_total();
        let mut entry = offer(offers.path(), "large", total / 2);
        entry.method = catalog::Method::Kexec {
            kernel: "disk.img".to_owned(),
            initrd: Vec::new(),
            files: vec!["disk.img".to_owned()],
            cmdline: String::new(),
        };
        let error = fits(offers.path(), &entry, to.path(), 0);
        let said = error.expect_err("twice is too much").to_string();
        // Or what is free of it, on a computer that is busy.
        assert!(said.contains("; this machine has "), "{said}");
        assert_eq!(fs::read_dir(to.path()).expect("the folder").count(), 0);
        // A program's folder is there once.
        entry.method = catalog::Method::Bin {
            bin: "disk.img".to_owned(),
            args: String::new(),
        };
        let need = need(offers.path(), &entry).expect("a torrent");
        assert!(need.to_start() < total, "{need:?}");
    }
}
