//! The download of what was chosen, as a task: the layer with QEMU first where the system needs it, then the system.
//! Both are shared for as long as the job lives. Decides nothing; what happens is told through a [`Voice`].

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use catalog::manifest::Entry;
use swarm::net::Options;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::app::Event;
use crate::news::Voice;
use crate::phase1::{LAYERS, OFFERS, Phase1};
use crate::{download, layer};

/// What a person reads while QEMU comes.
const LAYER_FIRST: &str = "QEMU comes first, which this system runs in.";

/// What is to be fetched, and how.
#[derive(Clone, Debug)]
pub struct Order {
    /// The system.
    pub system: Entry,
    /// The layer that it needs and this machine does not have.
    pub layer: Option<Entry>,
    /// Where the system goes, and from whom.
    pub options: Options,
}

/// A running download.
#[derive(Debug)]
pub struct Job {
    /// Ends it.
    pub stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Job {
    /// Begins one, when the job before it has ended.
    pub fn start(allowed: Phase1, order: Order, before: Option<Job>, voice: Voice) -> Job {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            if let Some(job) = before {
                job.end().await;
            }
            let ended = both(allowed, order, &stopped, &voice).await;
            // Whoever asks on behalf of this download has nothing to ask any more.
            stopped.cancel();
            if let Err(error) = ended {
                let what = format!("{error:#}");
                voice.tell(Event::Broken { what }).await;
            }
        });
        Job { stop, task }
    }

    /// Leaves the swarm and waits until nothing of the download runs any more.
    pub async fn end(self) {
        self.stop.cancel();
        let aborting = self.task.abort_handle();
        if tokio::time::timeout(within(), self.task).await.is_err() {
            aborting.abort();
        }
    }
}

/// How long both downloads may take to leave.
fn within() -> Duration {
    download::LEAVE_WITHIN * 2
}

async fn both(
    allowed: Phase1,
    order: Order,
    stop: &CancellationToken,
    voice: &Voice,
) -> anyhow::Result<()> {
    let offers = Path::new(OFFERS);
    let Some(layer) = order.layer else {
        return download::run(offers, order.options, &order.system, stop, voice).await;
    };
    let own = Options {
        to: LAYERS.into(),
        ..order.options.clone()
    };
    fs::create_dir_all(LAYERS).with_context(|| format!("cannot make {LAYERS}"))?;
    let system = (&order.system, order.options.to.as_path());
    download::fits_with_layer(offers, (&layer, &own.to), system)?;
    let (quiet, mut news) = Voice::new();
    let shared = download::fetch(offers, own, &layer, stop, &quiet);
    let system = async {
        loop {
            match news.recv().await.map(|news| news.event) {
                Some(Event::Progress { progress, trouble }) => {
                    let trouble = trouble.or_else(|| Some(LAYER_FIRST.to_owned()));
                    voice.tell(Event::Progress { progress, trouble }).await;
                }
                Some(Event::Fetched { .. }) => break,
                Some(_) => {}
                None => bail!("QEMU did not come"),
            }
        }
        // Later words about the layer concern nobody, and must not wait for somebody who listens.
        drop(news);
        tokio::task::spawn_blocking(move || layer::mount(allowed)).await??;
        download::run(offers, order.options, &order.system, stop, voice).await
    };
    // Whichever ends first for a reason of its own ends both; without one each shares until `stop`.
    let shared = async { shared.await.context("QEMU could not be fetched") };
    tokio::try_join!(shared, system).map(|_| ())
}
