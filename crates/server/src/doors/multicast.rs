//! What is sent to all machines of a room at a time: see [`swarm::core::multicast`], which decides when, to whom, what and
//! how fast.
//!
//! Machines report by HTTP, to the [`Desk`]; one task sends. Where nothing is to be gained, nothing is ever sent but some
//! trials of 130 KB, ever more rarely.

mod voice;

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metainfo::InfoHash;
use seeder::Reader;
use swarm::core::Layout;
use swarm::core::multicast::{Answer, Order, Report, Room, Rooms, Task};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use voice::{Audience, Voice};

/// Where machines report.
#[derive(Clone)]
pub struct Desk(Arc<Shared>);

struct Shared {
    rooms: Mutex<Rooms>,
    seed: Reader,
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
            rooms: Mutex::default(),
            seed,
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
        let new = || {
            let pieces = self.0.seed.pieces(torrent)?;
            Some((Layout::of(pieces.info()), rand::random()))
        };
        let mut rooms = self.rooms();
        let room = rooms.meet(*torrent, new, now).ok_or(Refusal::NotSeeded)?;
        let report = Report::parse(body, room.pieces()).ok_or(Refusal::NoReport)?;
        let answer = room.report(from, report, now);
        drop(rooms);
        self.0.wake.notify_one();
        Ok(answer)
    }

    /// What is to be done now.
    fn next(&self) -> Task {
        let sent = |torrent: &InfoHash| self.0.seed.uploaded(torrent).unwrap_or_default();
        self.rooms().poll(sent, self.now())
    }

    /// Those who are spoken to; nobody where the seed has the torrent no more.
    fn audience(&self, torrent: &InfoHash) -> Option<Audience> {
        let pieces = self.0.seed.pieces(torrent)?;
        let invitation = self.rooms().room(torrent)?.invitation();
        Some(Audience { pieces, invitation })
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
    // The rate that was told last, while something is sent.
    let mut told = None;
    loop {
        let (torrent, order) = match desk.next() {
            Task::Idle => {
                desk.0.wake.notified().await;
                continue;
            }
            Task::Wait(time) => {
                tokio::time::sleep(time).await;
                continue;
            }
            Task::Speak(torrent, order) => (torrent, order),
        };
        let Some(to) = desk.audience(&torrent) else {
            desk.rooms().failed(&torrent, desk.now());
            told = None;
            continue;
        };
        let name = &to.pieces.info().name;
        if let Some(room) = desk.rooms().room(&torrent) {
            tell(name, room, &mut told);
        }
        if let Err(why) = carry_out(desk, &mut voice, (&torrent, &to), order).await {
            tracing::warn!("{name} is not sent to all machines at a time: {why}");
            desk.rooms().failed(&torrent, desk.now());
            told = None;
        }
    }
}

/// Says what is ordered.
async fn carry_out(
    desk: &Desk,
    voice: &mut Voice,
    (torrent, to): (&InfoHash, &Audience),
    order: Order,
) -> std::io::Result<()> {
    match order {
        Order::Wait(time) => {
            tokio::time::sleep(time).await;
            Ok(())
        }
        Order::Over { number } => voice.says_over(to, number).await,
        Order::Send {
            kind,
            blocks,
            number,
        } => {
            let due = |block| {
                let now = desk.now();
                let due = desk.rooms().due(torrent, block, now);
                due.saturating_sub(now)
            };
            voice.sends(to, (kind, &blocks, number), due).await
        }
    }
}

/// For people to know.
fn tell(name: &str, room: &Room, told: &mut Option<f64>) {
    let group = room.invitation().group;
    let was = std::mem::replace(told, room.rate());
    match (was, room.rate()) {
        (None, Some(rate)) => tracing::info!(
            "{name}: {} machines pass on too slowly what they have; it is sent to all of them at a time from now on, \
             by multicast to {group}, {:.1} Mbit/s at first",
            room.machines(),
            rate * 8e-6
        ),
        (Some(rate), None) => tracing::info!(
            "{name}: multicast to {group} is over, {:.1} Mbit/s at last; the machines do the rest",
            rate * 8e-6
        ),
        _ => {}
    }
}
