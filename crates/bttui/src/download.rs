//! One download in phase 1: from the torrent to verified files under `/os`, then seeding until it
//! is told to stop. Reports what happens as the model's events; decides nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use catalog::manifest::Entry;
use report::{Progress, Source};
use swarm::net::{Download, Options};
use tokio_util::sync::CancellationToken;

use crate::app::Event;
use crate::news::Voice;
use crate::offers;

/// How long leaving the swarm may take; trackers and peers notice a silent machine by themselves.
pub const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// Fetches a system's payload as `options` say, then seeds until `stop`. What happens is told through `voice`.
///
/// # Errors
/// What ended the download before it was complete.
pub async fn run(
    offers: &Path,
    options: Options,
    entry: &Entry,
    stop: &CancellationToken,
    voice: &Voice,
) -> anyhow::Result<()> {
    let torrent = offers::torrent(offers, entry)?;
    make_room(&options.to, &entry.name, torrent.info().total_length())?;
    let mut download = Download::start(Arc::new(torrent), options).await?;
    let ended = follow(&mut download, &entry.name, stop, voice).await;
    let _ = tokio::time::timeout(LEAVE_WITHIN, download.stop()).await;
    ended
}

async fn follow(
    download: &mut Download,
    system: &str,
    stop: &CancellationToken,
    voice: &Voice,
) -> anyhow::Result<()> {
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
                    return Ok(download.complete().await?);
                }
                let figures = news.borrow_and_update().clone();
                let progress = progress(system, &figures);
                voice.tell(Event::Progress { progress, trouble: figures.trouble }).await;
            }
        }
    }
}

/// Removes what an earlier choice left there, and checks that the rest is enough.
fn make_room(to: &Path, system: &str, needed: u64) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(to).with_context(|| format!("cannot read {}", to.display()))?;
    for entry in entries
        .flatten()
        .filter(|entry| entry.file_name() != system)
    {
        let path = entry.path();
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        removed.with_context(|| format!("cannot remove {}", path.display()))?;
    }
    let room = rustix::fs::statvfs(to)
        .map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize))
        .unwrap_or(u64::MAX);
    let room = room.saturating_add(folder_size(&to.join(system)));
    if needed > room {
        bail!(
            "this system needs {} of memory for its files; this machine has room for {}",
            report::bytes(needed),
            report::bytes(room)
        );
    }
    Ok(())
}

/// Bytes that a folder's files occupy already.
pub(crate) fn folder_size(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_size(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
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
        fs::write(to.path().join("old.initrd"), b"left behind").expect("a file");
        make_room(to.path(), "tiny", 1).expect("room");
        let left: Vec<_> = fs::read_dir(to.path())
            .expect("the directory")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(left, ["tiny"]);
        assert!(folder_size(&to.path().join("tiny")) >= 100_000);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_figures() {
        let to = tempfile::tempdir().expect("a directory");
        let error = make_room(to.path(), "tiny", u64::MAX).expect_err("nobody has so much");
        let text = error.to_string();
        assert!(
            text.contains("needs 18.4 EB") && text.contains("room for"),
            "{text}"
        );
    }
}
