//! Leaving phase 1: for the kernel that takes its place, or for the machine's own disk. What waits runs beside the loop.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, anyhow};
use catalog::Method;
use catalog::manifest::Entry;
use report::Report;

use crate::joined::Parts;
use crate::kexec::{self, Plan};
use crate::phase1::{DOWNLOADS, OFFERS, Phase1};
use crate::reports::Reporter;
use crate::{offers, tty};

/// How long the last report may hold up the start.
const LAST_REPORT: Duration = Duration::from_millis(1500);
/// How long the server may take to agree to a restart from the disk: two attempts.
const AGREEMENT: Duration = Duration::from_secs(6);

/// What is loaded, of files that are all here.
pub(super) fn plan(entry: &Entry, kernel: String, cmdline: String) -> anyhow::Result<Plan> {
    let (to, folder) = (Path::new(DOWNLOADS), Path::new(DOWNLOADS).join(&entry.name));
    let torrent = offers::torrent(Path::new(OFFERS), entry)?;
    let initrd = match (Parts::of(torrent.info(), entry, to)?, &entry.method) {
        (Some(parts), _) => Some(parts.complete()?.to_owned()),
        (None, Method::Kexec { initrd, .. }) => initrd.first().map(|path| folder.join(path)),
        (None, _) => None,
    };
    Ok(Plan {
        folder,
        kernel,
        initrd,
        cmdline,
    })
}

/// Loads the kernel, says goodbye, jumps. Only a failure returns.
pub(super) async fn leave(
    allowed: Phase1,
    plan: impl FnOnce() -> anyhow::Result<Plan> + Send + 'static,
    reporter: Option<Reporter>,
    starting: Report,
) -> anyhow::Result<std::convert::Infallible> {
    // Loading copies and hashes every byte: not on the loop's thread.
    tokio::task::spawn_blocking(move || kexec::load(allowed, &plan()?)).await??;
    if let Some(reporter) = reporter {
        reporter.last(starting, LAST_REPORT).await;
    }
    tty::leave_all("Starting the new kernel.");
    tokio::task::spawn_blocking(move || kexec::jump(allowed)).await?
}

/// Has the server tell this machine's firmware to go on with the disk, and restarts: without that it would only come
/// back here. Only a failure returns.
pub(super) async fn leave_for_disk(
    allowed: Phase1,
    reporter: Option<Reporter>,
    starting: Report,
) -> anyhow::Result<std::convert::Infallible> {
    let reporter = reporter.context("the server is not known")?;
    let agreed = reporter.agreed(starting, AGREEMENT).await;
    agreed.map_err(|why| anyhow!("This machine was not restarted: {why}."))?;
    tty::leave_all("Restarting. The firmware goes on with this machine's own disk.");
    tokio::task::spawn_blocking(move || kexec::restart(allowed)).await?
}
