//! A room of simulated machines that run the very same core.
//!
//! Links have a rate in each direction and a latency; the same seed gives the same course to the
//! nanosecond, on however many cores. There are no real bytes: a block is a run of zeros, and what a liar
//! sends is a run of ones. Messages other than blocks take no bandwidth.
//!
//! Time passes in beats of a millisecond. What goes from one machine to another comes in at the next
//! beat at the earliest, so that within a beat every machine is on its own: a [`crew`] of them per core, and
//! nobody reads what another crew writes. Moments without anything to do are skipped.
//!
//! The server of the room is a machine that has everything from the start. As the real one it does
//! not know claims and does not understand cancelling.

mod crew;
mod event;
mod link;
mod machine;
mod pace;
mod place;
mod running;
mod switch;
mod traffic;

use std::num::NonZero;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use crate::core::{Bitfield, Layout, Settings};
use crew::Crew;
pub use machine::{Conduct, Machine, Outcome, Wants};
use pace::Pace;
use running::Running;

/// How long a beat is.
const BEAT: Duration = Duration::from_millis(1);
/// Below so many machines a beat is so short that a second core costs more than it gives.
const SMALL: usize = 256;

/// What all machines know of the room, and nobody changes within a beat.
struct Room {
    layout: Layout,
    seed: u64,
    max_peers: usize,
    /// Blocks that anybody is there for.
    blocks: u64,
    /// The present beat.
    beat: u64,
    /// Machines of one crew; the last one may have fewer.
    crew: usize,
    /// Who has everything from the start.
    seeds: Vec<bool>,
    /// Who is switched on, as the tracker sees it.
    there: Vec<bool>,
}

/// The room.
pub struct World {
    room: Room,
    crews: Vec<Crew>,
}

impl World {
    /// A room that shares a torrent of this layout. `seed` decides everything left to chance.
    pub fn new(layout: Layout, machines: &[Machine], seed: u64) -> Self {
        let cores = match machines.len() {
            ..SMALL => 1,
            SMALL.. => std::thread::available_parallelism().map_or(1, NonZero::get),
        };
        let crew = machines.len().div_ceil(cores).max(1);
        let room = Room {
            layout,
            seed,
            max_peers: Settings::MAX_PEERS,
            blocks: wanted_blocks(&layout, machines),
            beat: 0,
            crew,
            seeds: machines.iter().map(|machine| machine.seed).collect(),
            there: vec![false; machines.len()],
        };
        let all = machines.iter().enumerate();
        let all: Vec<_> = all
            .map(|(index, machine)| Running::new(index, *machine, seed))
            .collect();
        Self {
            crews: divide(all, crew),
            room,
        }
    }

    /// Every machine but the server has at most so many connections.
    #[must_use]
    pub fn with_max_peers(mut self, max_peers: usize) -> Self {
        self.room.max_peers = max_peers;
        self
    }

    /// Works on so many cores instead of all there are; it makes no difference to what happens.
    #[cfg(test)]
    fn on_cores(mut self, cores: usize) -> Self {
        let all: Vec<_> = self.crews.into_iter().flat_map(Crew::disband).collect();
        self.room.crew = all.len().div_ceil(cores);
        self.crews = divide(all, self.room.crew);
        self
    }

    /// Runs until every honest machine that stays has all it wants, or for so long at most.
    pub fn run(self, limit: Duration) -> Vec<Outcome> {
        let room = RwLock::new(self.room);
        let crews: Vec<_> = self.crews.into_iter().map(Mutex::new).collect();
        let pace = Pace::default();
        std::thread::scope(|scope| {
            for crew in crews.iter().skip(1) {
                scope.spawn(|| pace.follow(|| lock(crew).work(&read(&room))));
            }
            let _lead = pace.lead();
            while !pace.is_over() && next_beat(&crews, &mut write(&room), limit) {
                pace.begin();
                if let Some(first) = crews.first() {
                    lock(first).work(&read(&room));
                }
                pace.wait_for(crews.len() - 1);
            }
        });
        let now = start_of(read(&room).beat);
        let crews = crews.into_iter().map(Mutex::into_inner);
        let all = crews.flat_map(|crew| crew.unwrap_or_else(PoisonError::into_inner).disband());
        all.map(|one| one.outcome(now)).collect()
    }
}

/// Crews of so many machines.
fn divide(machines: Vec<Running>, crew: usize) -> Vec<Crew> {
    let crews = machines.len().div_ceil(crew);
    let mut machines = machines.into_iter();
    let crews = (0..crews).map(|_| Crew::new(machines.by_ref().take(crew).collect(), crews));
    crews.collect()
}

/// What crews have for each other changes hands, and the time goes on to when there is something to do.
/// False if there is nothing, or nobody to wait for.
fn next_beat(crews: &[Mutex<Crew>], room: &mut Room, limit: Duration) -> bool {
    let mut crews: Vec<_> = crews.iter().map(lock).collect();
    for from in 0..crews.len() {
        for to in 0..crews.len() {
            let post = std::mem::take(crews[from].out_for(to));
            let empty = crews[to].take_in(from, post);
            *crews[from].out_for(to) = empty;
        }
    }
    for crew in &mut crews {
        crew.tell_who_is_there(&mut room.there);
    }
    let awaited = crews.iter().any(|crew| crew.awaited() > 0);
    let next = crews.iter().filter_map(|crew| crew.next(room.beat)).min();
    let next = next.filter(|beat| awaited && start_of(*beat) <= limit);
    room.beat = next.unwrap_or(room.beat);
    next.is_some()
}

fn lock<T>(one: &Mutex<T>) -> MutexGuard<'_, T> {
    one.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(one: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    one.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(one: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    one.write().unwrap_or_else(PoisonError::into_inner)
}

fn start_of(beat: u64) -> Duration {
    Duration::from_nanos(beat * BEAT.as_nanos() as u64)
}

/// The first beat at or after this moment.
fn beat_at(moment: Duration) -> u64 {
    moment.as_nanos().div_ceil(BEAT.as_nanos()) as u64
}

/// Blocks that anybody is there for.
fn wanted_blocks(layout: &Layout, machines: &[Machine]) -> u64 {
    let mut nobody = Bitfield::full(layout.pieces());
    for machine in machines.iter().filter(|machine| !machine.seed) {
        nobody.remove_all(&machine.wants.of(layout.pieces()));
    }
    let wanted = (0..layout.pieces()).filter(|piece| !nobody.has(*piece));
    wanted.map(|piece| u64::from(layout.blocks(piece))).sum()
}

#[cfg(test)]
mod tests;
