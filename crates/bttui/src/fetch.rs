//! `bttui fetch`: the download alone, headless, on any Linux.
//!
//! Progress goes to standard error, machine-readable lines to standard output; the exit code says
//! whether every byte is here and verified.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use metainfo::Torrent;
use swarm::net::{Download, Options, Wanted, WebSeed};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::cli::Fetch;
use crate::download::LEAVE_WITHIN;
use crate::fetch_log::Log;
use crate::fetch_share::Share;
use crate::space::folder_size;

/// How often progress is written.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Exit codes: the shell's convention for programs that a signal ended.
const INTERRUPTED: u8 = 130;
const TERMINATED: u8 = 143;

/// Downloads, verifies, shares, and leaves the swarm; returns the exit code.
///
/// # Errors
/// Everything but a signal that kept the download from being complete.
pub async fn run(args: &Fetch) -> anyhow::Result<u8> {
    let torrent = read(&args.torrent)?;
    let wanted = match &args.only[..] {
        [] => Wanted::Everything,
        paths => Wanted::named(torrent.info(), paths.iter().map(String::as_str))?,
    };
    prepare(&args.to, &torrent, &wanted)?;
    let mut signals = Signals::new()?;
    let options = Options {
        listen: args.listen,
        wanted,
        peers: args.peers.clone(),
        lsd: args.lsd,
        web_seed: args.web_seed.clone().or_else(|| named(&torrent)),
        ..Options::new(&args.to)
    };
    let name = torrent.info().name.clone();
    let mut log = Log::new(args.json, &name);
    // What an earlier run left is hashed first, which takes its time.
    let mut download = tokio::select! {
        started = Download::start(Arc::new(torrent), options) => started?,
        code = signals.next() => {
            log.stopped();
            return Ok(code);
        }
    };
    let ended = follow(
        &mut download,
        &mut signals,
        &mut log,
        &Share::of(args, &name),
    )
    .await;
    log.end();
    let _ = tokio::time::timeout(LEAVE_WITHIN, download.stop()).await;
    ended
}

fn read(path: &Path) -> anyhow::Result<Torrent> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Torrent::parse(&bytes)
        .with_context(|| format!("{} is not a torrent that can be used", path.display()))
}

/// The first web seed of the torrent (BEP 19) that is one for us: `http://` and an address.
fn named(torrent: &Torrent) -> Option<WebSeed> {
    let mut urls = torrent.web_seeds().iter();
    urls.find_map(|url| WebSeed::parse(url).ok())
}

/// Makes the directory, and finds out before the first byte what would fail after the last.
fn prepare(to: &Path, torrent: &Torrent, wanted: &Wanted) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)
        .with_context(|| format!("cannot make the directory {}", to.display()))?;
    let probe = to.join(format!(".bttui-{}", std::process::id()));
    std::fs::write(&probe, b"").with_context(|| format!("cannot write into {}", to.display()))?;
    std::fs::remove_file(&probe).with_context(|| format!("cannot write into {}", to.display()))?;
    let needed = wanted.file_bytes(torrent.info());
    let here = folder_size(&to.join(&torrent.info().name));
    let fs = rustix::fs::statvfs(to)
        .with_context(|| format!("cannot ask for the free space of {}", to.display()))?;
    let room = fs.f_bavail.saturating_mul(fs.f_frsize).saturating_add(here);
    if needed > room {
        bail!(
            "no space in {}: {} needed, {} free",
            to.display(),
            report::bytes(needed),
            report::bytes(room)
        );
    }
    Ok(())
}

/// Follows the download to its end and through the time of sharing.
async fn follow(
    download: &mut Download,
    signals: &mut Signals,
    log: &mut Log,
    share: &Share,
) -> anyhow::Result<u8> {
    let mut news = download.progress();
    let mut peers = 0;
    let started = Instant::now();
    let mut tick = tokio::time::interval(TELL_EVERY);
    loop {
        tokio::select! {
            result = download.complete() => {
                result?;
                break;
            }
            code = signals.next() => {
                log.stopped();
                return Ok(code);
            }
            _ = tick.tick() => log.progress(&news.borrow(), started.elapsed())?,
            Ok(()) = news.changed() => {
                let now = news.borrow_and_update();
                if std::mem::replace(&mut peers, now.peers) != now.peers {
                    log.peers(&now, started.elapsed())?;
                }
            }
        }
    }
    log.complete(&news.borrow(), started.elapsed())?;
    tokio::select! {
        // Whoever stops a seeder has every byte: what was asked for is done.
        _ = signals.next() => {}
        shared = share.follow(&news, log) => shared?,
    }
    Ok(0)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for a signal; returns the exit code that tells of it.
    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => INTERRUPTED,
            _ = self.terminate.recv() => TERMINATED,
        }
    }
}

/// Says on standard error why it failed.
pub fn complain(error: &anyhow::Error) {
    let _ = writeln!(io::stderr(), "bttui: {error:#}");
}
