//! The journal: what every machine did, when, and how many bytes it took.
//!
//! Doors tell it through a [`Journal`] handle, which never blocks; one task ([`record`]) owns all
//! history and publishes a [`Snapshot`] a few times a second. The API and the table at the end
//! read the last snapshot, so watching never slows a boot. It decides nothing about a boot.

mod allowance;
mod book;
mod log;
mod snapshot;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use report::{Mac, Step};
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use snapshot::{Dropped, Machine, Snapshot, Told};

/// Events that may wait for the journal. A door that finds it full drops the event and counts it:
/// a missing line is better than a slow boot.
const QUEUE: usize = 4096;

/// Events that it takes before it looks whether it is to publish or to end: however many come, it does both.
const AT_ONCE: usize = 512;
/// The journal lets more come before it looks again: waking it for each event would cost the doors of a large room more
/// than the events do.
const LET_COME: Duration = Duration::from_millis(5);

/// Fetches that a listener may be behind with; it misses the oldest beyond that.
const FETCHES: usize = 256;

/// How often a changed history is published to those who watch.
const PUBLISH_EVERY: Duration = Duration::from_millis(250);

/// How a door knows a machine: firmware is known by its MAC, a TFTP or HTTP client by its address.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Who {
    /// The hardware address, as DHCP and the client's reports carry it.
    Mac(Mac),
    /// The address it asked from; the journal knows whose lease that is.
    Address(Ipv4Addr),
}

enum Event {
    Step(Instant, Who, Option<Arc<str>>, Step),
    Dropped(&'static str, &'static str),
    Owners(Vec<(Ipv4Addr, Mac)>),
    Names(Vec<(Mac, String)>),
}

/// The doors' end of the journal. Cheap to clone; no call of it ever waits.
#[derive(Clone, Debug)]
pub struct Journal {
    events: mpsc::Sender<Event>,
    fetches: broadcast::Sender<Ipv4Addr>,
    epoch: Instant,
    /// Events that found the queue full.
    lost: Arc<AtomicU64>,
    /// The interface that is spoken for.
    interface: Option<Arc<str>>,
}

/// The journal's own end: what [`record`] runs on.
pub struct Recorder {
    events: mpsc::Receiver<Event>,
    publish: watch::Sender<Arc<Snapshot>>,
    epoch: Instant,
    lost: Arc<AtomicU64>,
}

/// A journal that begins now: the doors' handle, the recorder's end and what watchers read.
#[must_use]
pub fn journal() -> (Journal, Recorder, watch::Receiver<Arc<Snapshot>>) {
    let (events, queue) = mpsc::channel(QUEUE);
    let (publish, snapshots) = watch::channel(Arc::default());
    let recorder = Recorder {
        events: queue,
        publish,
        epoch: Instant::now(),
        lost: Arc::default(),
    };
    let journal = Journal {
        events,
        fetches: broadcast::Sender::new(FETCHES),
        epoch: recorder.epoch,
        lost: Arc::clone(&recorder.lost),
        interface: None,
    };
    (journal, recorder, snapshots)
}

impl Journal {
    /// The same journal for the doors of one interface: what they tell of is on its wire.
    #[must_use]
    pub fn of(&self, interface: &str) -> Journal {
        Journal {
            interface: Some(interface.into()),
            ..self.clone()
        }
    }

    /// The interface whose doors these are, where it was said.
    #[must_use]
    pub fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    /// Notes that `who` did `step`, now.
    pub fn step(&self, who: Who, step: Step) {
        if let (Who::Address(address), Step::File { .. }) = (who, &step) {
            // Nobody need listen.
            let _ = self.fetches.send(address);
        }
        let on = self.interface.clone();
        self.tell(Event::Step(Instant::now(), who, on, step));
    }

    /// Who fetches a file from now on, by whichever door: for a door that has to know whether firmware went on.
    #[must_use]
    pub fn fetches(&self) -> broadcast::Receiver<Ipv4Addr> {
        self.fetches.subscribe()
    }

    /// Counts something a door refused to look at: a malformed packet, a request over a limit.
    /// `door` and `reason` come from the code, never from the wire, so the counters are bounded.
    pub fn dropped(&self, door: &'static str, reason: &'static str) {
        self.tell(Event::Dropped(door, reason));
    }

    /// How long ago the journal began: the clock that a snapshot's times go by.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// Whose leases an earlier run left, so that machines which are in the middle of their boot are
    /// known by their addresses. That is no step of theirs.
    pub fn owners(&self, owners: Vec<(Ipv4Addr, Mac)>) {
        self.tell(Event::Owners(owners));
    }

    /// What machines are called, by the configuration.
    pub fn names(&self, names: Vec<(Mac, String)>) {
        self.tell(Event::Names(names));
    }

    fn tell(&self, event: Event) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.events.try_send(event) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Records until `stop` is cancelled, then takes in what the doors still said on their way out and
/// publishes the last snapshot. `own` are the server's own addresses, at least one, for what the log says of sources.
pub async fn record(mut recorder: Recorder, own: Vec<Ipv4Addr>, stop: CancellationToken) {
    let mut book = book::Book::default();
    let mut log = log::Log::new(own.clone());
    let mut tick = tokio::time::interval(PUBLISH_EVERY);
    let (mut changed, mut events) = (true, Vec::new());
    loop {
        tokio::select! {
            count = recorder.events.recv_many(&mut events, AT_ONCE) => {
                if count == 0 {
                    break;
                }
                for event in events.drain(..) {
                    take_in(event, recorder.epoch, &mut book, &mut log);
                }
                changed = true;
                tokio::time::sleep(LET_COME).await;
            },
            _ = tick.tick() => {
                book.count_lost(recorder.lost.swap(0, Ordering::Relaxed));
                log.tick(recorder.epoch.elapsed(), &book.dropped());
                if std::mem::take(&mut changed) {
                    recorder.publish.send_replace(book.snapshot(&own, recorder.epoch.elapsed()).into());
                }
            }
            () = stop.cancelled() => break,
        }
    }
    while let Ok(event) = recorder.events.try_recv() {
        take_in(event, recorder.epoch, &mut book, &mut log);
    }
    recorder
        .publish
        .send_replace(book.snapshot(&own, recorder.epoch.elapsed()).into());
}

fn take_in(event: Event, epoch: Instant, book: &mut book::Book, log: &mut log::Log) {
    match event {
        Event::Step(at, who, on, step) => {
            let now = at.saturating_duration_since(epoch);
            let who = book.resolve(who);
            log.step(now, who, on.as_deref(), book, &step);
            book.push(now, who, on, step);
        }
        Event::Dropped(door, reason) => book.count_dropped(door, reason),
        Event::Owners(owners) => book.remember(owners),
        Event::Names(names) => book.name(names),
    }
}
