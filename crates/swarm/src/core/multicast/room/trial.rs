//! Whether it pays: what the machines tell, and a trial.

use std::collections::BTreeSet;
use std::time::Duration;

use super::member::Member;
use super::{FRAME, HEARD, LOOK, Order, Pace, Pass, Phase, Room, median};
use crate::core::multicast::packet::{HEADER, Kind, PART, parts};
use crate::core::multicast::report::Burst;

/// Machines at fewer addresses share well, or have little to gain.
const FEWEST: usize = 3;
/// The server must send so many times what a machine gets: that many times does it send each byte. Where cables are alike it
/// is 1.1.
const COPIES: f64 = 2.0;
/// Before the server has sent so many pieces for each machine, the room has nothing to share yet.
const FIRST_PIECES: u64 = 4;
/// A room that will be done within so long is left alone.
const WORTH: Duration = Duration::from_secs(3);
/// The slowest must be able to get so many times what it gets.
const GAIN: f64 = 1.5;
/// Blocks of a trial: 134 KB on the wire, which a switch of a room can hold.
const TRIAL: usize = 8;
/// Fewer of its datagrams say nothing about a cable but that it is a bad one.
const FEW_OF_TRIAL: u32 = 8;
/// The part of what the cable in the middle carries that is used at first.
const CAREFUL: f64 = 0.9;
/// After so many datagrams (3 TB) nothing more is tried in this session, so that their numbers never begin anew.
const NUMBERS: u32 = u32::MAX / 2;
/// How long machines may take to tell how a trial arrived. Who has heard it says so at once, however rarely it reports.
const TIME_TO_ANSWER: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
pub(super) struct Trial {
    first: u32,
    datagrams: u32,
    until: Duration,
    was: Was,
}

/// What was before, in bytes per second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Was {
    /// What a machine got.
    pub(super) gets: f64,
    /// What the server sent to all together.
    pub(super) sends: f64,
}

impl Room {
    pub(super) fn watch(&mut self, now: Duration) -> Order {
        let was = match self.gain_is_likely() {
            Some(was) if now >= self.not_before && self.number < NUMBERS => was,
            _ => return Order::Wait(LOOK),
        };
        let lacked = (0..self.layout.pieces()).filter(|piece| self.is_lacked(*piece));
        let blocks = lacked.flat_map(|piece| self.blocks(piece));
        let blocks: Vec<_> = blocks.take(TRIAL).collect();
        let datagrams = blocks.iter().map(|block| parts(*block)).sum();
        self.phase = Phase::Trying(Trial {
            first: self.number,
            datagrams,
            until: now + TIME_TO_ANSWER,
            was,
        });
        self.send(Kind::Trial, blocks)
    }

    /// What is now, where the server sends the same several times and goes on doing so for a while.
    fn gain_is_likely(&self) -> Option<Was> {
        let machines = self.members.len();
        // A stranger can have many names and not as many addresses.
        let addresses: BTreeSet<_> = self.members.values().map(|member| member.from).collect();
        if addresses.len() < FEWEST {
            return None;
        }
        // Of who has just come nothing is known yet; there may always be one.
        let rates: Vec<_> = self.members.values().filter_map(Member::rates).collect();
        if (rates.len() as f64) < HEARD * machines as f64 {
            return None;
        }
        let gets = median(rates.iter().map(|(fetched, _)| *fetched).collect())?;
        let of_server: f64 = rates.iter().map(|(_, of_server)| of_server).sum();
        // What machines tell is believed only as far as the seed has really sent it.
        let sends = f64::min(of_server, self.seed.rate()?);
        let sums = self.members.values().map(Member::of_server);
        let sent = sums.fold(0, u64::saturating_add).min(self.seed.sum());
        let piece = u64::from(self.layout.piece_size(0));
        let begun = sent >= FIRST_PIECES * machines as u64 * piece;
        let lacking: u64 = self.members.values().map(Member::lacks).sum();
        let left = (lacking / machines as u64 * piece) as f64;
        let long = left > gets * WORTH.as_secs_f64();
        (begun && long && gets > 0.0 && sends > COPIES * gets).then_some(Was { gets, sends })
    }

    /// Once everybody has told how the trial arrived, or has had time to.
    pub(super) fn judge(&mut self, trial: Trial, now: Duration) -> Order {
        let ends = trial.first + trial.datagrams;
        let all: Vec<_> = self
            .members
            .values()
            .map(|one| one.burst(trial.first..ends))
            .collect();
        if now < trial.until && all.iter().any(Option::is_none) {
            return Order::Wait(LOOK / 5);
        }
        let mut carried: Vec<f64> = all.iter().flatten().map(carried).collect();
        carried.sort_by(f64::total_cmp);
        let (slowest, middle) = (carried.first().copied(), carried.get(carried.len() / 2));
        let slowest = slowest.unwrap_or_default();
        let heard = carried.len() as f64 >= HEARD * all.len() as f64;
        let pays = middle.filter(|_| heard && slowest >= GAIN * trial.was.gets);
        tracing::debug!(
            "a trial: {} of {} machines hear it, the slowest {:.1} MB/s, each gets {:.1} MB/s now",
            carried.len(),
            all.len(),
            slowest / 1e6,
            trial.was.gets / 1e6
        );
        let Some(middle) = pays else {
            self.give_up(now);
            return Order::Wait(LOOK);
        };
        self.phase = Phase::Sending(Pass {
            next: (0, 0),
            // Most cables are alike, and what else comes over one at that moment makes it look slower. More than the server
            // has really sent nobody can make it send at first.
            pace: Pace::new(f64::min(middle * CAREFUL, trial.was.sends), now),
            gets: trial.was.gets,
            told: now,
            poor: 0,
        });
        self.go_on(now)
    }
}

/// How many bytes a second the cable carries that a trial came over: what arrived, in the time that it took. Where a
/// queue on the way was too short for all of it, what passed was as far apart.
fn carried(burst: &Burst) -> f64 {
    if burst.datagrams < FEW_OF_TRIAL {
        return 0.0;
    }
    let bytes = u64::from(burst.datagrams - 1) * (HEADER as u64 + u64::from(PART) + FRAME);
    bytes as f64 / burst.span.as_secs_f64().max(1e-6)
}
