//! What is sent to all machines of a room at a time: see [`swarm::core::multicast`], which decides when, what and how fast.
//!
//! Machines report by HTTP, to the [`Desk`]; one task sends. In a network one torrent is sent at a time. Where
//! nothing is to be gained, nothing is ever sent but some trials of 130 KB, ever more rarely.

mod rooms;
mod voice;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metainfo::InfoHash;
use seeder::Reader;
use swarm::core::multicast::{Answer, Order, Report};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use rooms::{Rooms, Task};
use voice::Voice;

/// Where machines report.
#[derive(Clone)]
pub struct Desk(Arc<Shared>);

struct Shared {
    rooms: Mutex<Rooms>,
    begun: Instant,
    /// Somebody has reported.
    wake: Notify,
}

/// Why a report is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The seed does not have this torrent.
    NotSeeded,
    /// It is not one, or one about another torrent.
    NoReport,
}

impl Desk {
    /// For the torrents of this seed.
    #[must_use]
    pub fn new(seed: Reader) -> Self {
        Self(Arc::new(Shared {
            rooms: Mutex::new(Rooms::new(seed)),
            begun: Instant::now(),
            wake: Notify::new(),
        }))
    }

    /// For no torrent: every report is refused.
    #[must_use]
    pub fn closed() -> Self {
        Self::new(Reader::default())
    }

    /// A machine at `from` reports.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub fn report(
        &self,
        torrent: &InfoHash,
        from: Ipv4Addr,
        body: &[u8],
    ) -> Result<Answer, Refusal> {
        let now = self.now();
        let mut rooms = self.rooms();
        let room = rooms.of(torrent, now).ok_or(Refusal::NotSeeded)?;
        let report = Report::parse(body, room.pieces()).ok_or(Refusal::NoReport)?;
        let answer = room.report(from, report, now);
        drop(rooms);
        self.0.wake.notify_one();
        Ok(answer)
    }

    fn now(&self) -> Duration {
        self.0.begun.elapsed()
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends what is to be sent from the interface with this address, until `stop`. A network without multicast is
/// said once and stops nothing.
///
/// # Errors
/// None; it is a door like the others.
pub async fn run(desk: Desk, from: Ipv4Addr, stop: CancellationToken) -> anyhow::Result<()> {
    let speaking = async {
        match Voice::open(from) {
            Ok(voice) => speak(&desk, voice).await,
            Err(why) => tracing::warn!("nothing can be sent to all machines at a time: {why}"),
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = speaking => {}
    }
    Ok(())
}

async fn speak(desk: &Desk, mut voice: Voice) {
    loop {
        let task = desk.rooms().next(desk.now());
        let Task::Do(to, order) = task else {
            desk.0.wake.notified().await;
            continue;
        };
        let sent = match order {
            Order::Wait(time) => {
                tokio::time::sleep(time).await;
                continue;
            }
            Order::Over { number } => voice.says_over(&to, number).await,
            Order::Send {
                kind,
                blocks,
                number,
            } => {
                let due = |block| {
                    let now = desk.now();
                    let due = desk.rooms().due(&to.torrent, block, now);
                    due.saturating_sub(now)
                };
                voice.sends(&to, (kind, &blocks, number), due).await
            }
        };
        if let Err(why) = sent {
            let name = &to.pieces.info().name;
            tracing::warn!("{name} is not sent to all machines at a time: {why}");
            desk.rooms().failed(&to.torrent, desk.now());
        }
    }
}
