//! The serving half of a run: hash, serve every network, and end in order.
//!
//! One cancel token and one task set: the first signal stops all, and so does the failure of the last network; the
//! failure of one leaves the others as they are. The journal stops last, so that it hears what the doors say on their
//! way out.

pub mod network;
mod offering;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use seeder::Cache;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::alive;
use crate::bind::Bound;
use crate::journal;
use crate::once::Once;
use crate::plan::Plan;
use crate::prepare::{Prepared, prepare};
use crate::screen;
use network::{Looked, Shared};

/// How long the doors may take to finish what they hold once they were told to stop.
const LAST_WORDS: Duration = Duration::from_millis(800);
/// How long the seeds and the journal may take after them.
const LAST_BYTES: Duration = Duration::from_millis(400);

/// Serves the networks of `plan`, whose ports are in `rooms` in the same order, until a signal or until none can be served
/// any more, then prints what every machine did.
///
/// # Errors
/// A system cannot be hashed; in each network another DHCP server answers where none may, or a door fails.
pub async fn serve(rooms: Vec<(Bound, Option<Looked>)>, plan: Plan) -> anyhow::Result<()> {
    let mut signals = Signals::new()?;
    let stop = CancellationToken::new();
    let journal_stop = CancellationToken::new();
    let (journal, recorder, machines) = journal::journal();
    let recording = journal::record(recorder, plan.addresses(), journal_stop.clone());
    let recording = tokio::spawn(recording);

    let rules = &plan.first().pxe.machines;
    let named = rules.names();
    journal.names(named.map(|(mac, name)| (mac, name.to_owned())).collect());
    let once = Once::open(&plan.state, rules.clone(), &plan.boot_again);
    let plan = Arc::new(plan);
    let (hashed, prepared) = watch::channel(None);
    let is_ready = Arc::new(AtomicBool::new(false));
    let shared = Shared {
        plan: Arc::clone(&plan),
        prepared,
        journal,
        machines: machines.clone(),
        once: once.clone(),
        is_ready: Arc::clone(&is_ready),
        stop: stop.clone(),
    };
    let mut networks = JoinSet::new();
    for (at, (bound, looked)) in rooms.into_iter().enumerate() {
        networks.spawn(network::run(at, bound, looked, shared.clone()));
    }
    drop(shared);
    if once.matters() {
        // It only reads and forgets: without it nobody is served worse.
        tokio::spawn(once.follow(stop.clone()));
    }
    let hashing = async {
        let prepared = hash(Arc::clone(&plan)).await?;
        hashed.send_replace(Some(Arc::new(prepared)));
        alive::follow(plan, &hashed).await;
        std::future::pending::<anyhow::Result<()>>().await
    };
    let outcome = tokio::select! {
        () = signals.any() => Ok(()),
        failed = hashing => failed,
        last = last_failure(&mut networks) => Err(last),
    };
    if is_ready.load(Ordering::Relaxed) {
        tracing::info!("stopping");
    }
    stop.cancel();
    let _ = tokio::time::timeout(LAST_WORDS + LAST_BYTES, async {
        while networks.join_next().await.is_some() {}
    })
    .await;
    networks.abort_all();
    journal_stop.cancel();
    let _ = tokio::time::timeout(LAST_BYTES, recording).await;
    if is_ready.load(Ordering::Relaxed) {
        screen::print(&screen::table(&machines.borrow()));
    }
    outcome
}

/// Tells of each network that fails, and hands back why the last one did.
async fn last_failure(networks: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Error {
    loop {
        let failed = network::first_failure(networks.join_next().await);
        if networks.is_empty() {
            return failed;
        }
        tracing::error!("{failed:#}; the other networks are served as before");
    }
}

/// Hashing keeps all cores busy and blocks, so it has threads of its own.
async fn hash(plan: Arc<Plan>) -> anyhow::Result<Prepared> {
    let work = move || {
        let first = plan.first();
        prepare(
            &plan.systems,
            first.manifest.clone(),
            first.announce.as_deref(),
            first.shelf.qemu(),
            &Cache::in_state(&plan.state),
            plan.rehash,
        )
    };
    tokio::task::spawn_blocking(work)
        .await
        .context("hashing ended early")?
}

/// The two signals that end a run: Ctrl-C and what service managers send.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn any(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
