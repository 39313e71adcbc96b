//! The server's end: whether sending to everybody at a time pays, what is sent, and when it ends.

mod member;
mod trial;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::pace::Pace;
use super::packet::{HEADER, Kind, PART, parts};
use super::report::{Answer, Invitation, Report};
use crate::core::{BLOCK, Block, Layout};
use member::Member;
use trial::Trial;

/// Machines that are remembered of one torrent, and of one address.
const MOST: usize = 2048;
const MOST_OF_ONE: usize = 4;
/// How often so many machines report, at most and at least; the others do as often together.
const INTERVALS: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(4));
const FEW: usize = 64;
/// Bytes of an answer to a report on the wire, with all headers.
const ANSWER: f64 = 300.0;
/// The part of what the seed sends that the answers to those many may take: they go over the same cable. While something is
/// sent to all, the machines' words set the rate, and each byte counts many times.
const ANSWERS: f64 = 0.005;
const ANSWERS_IN_PASS: f64 = 0.02;
/// In so long the seed shows how fast it can be.
const FIRST_SECONDS: Duration = Duration::from_secs(3);
/// Nobody reports more rarely, however many there are.
const RAREST: Duration = Duration::from_secs(15);
/// It goes on while it is this many times as fast as before.
const STILL_GAIN: f64 = 1.2;
/// The part of the machines that must hear it.
const HEARD: f64 = 0.75;
/// After a trial that showed nothing to gain, the next one follows so much later, twice as late each time.
const PAUSES: (Duration, Duration) = (Duration::from_secs(10), Duration::from_secs(320));
/// After all was sent the room does the rest by itself.
const REST: Duration = Duration::from_secs(2);
/// How many must lack a piece for it to be sent to everybody.
const LACKING: usize = 2;
/// Without a word from any machine for so long, or two intervals, nothing more is sent to all.
const UNHEARD: Duration = Duration::from_secs(3);
/// Blocks that are ordered at a time: between two orders it is looked at what the machines tell.
const AT_A_TIME: usize = 8;
/// It ends after so many rounds that were not worth it: the first ones may not be.
const MOST_POOR: u32 = 5;
/// After so many intervals that changes the rate: those that report often have all done so.
const ROUND: f64 = 1.2;
/// Datagrams of a whole block.
const WHOLE: i32 = BLOCK.div_ceil(PART) as i32;
/// How often to look again when nothing is due.
const LOOK: Duration = Duration::from_millis(50);
/// Ethernet, IP and UDP around each datagram.
const FRAME: u64 = 14 + 20 + 8;

/// What the sender has to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nothing; ask again after so long.
    Wait(Duration),
    /// Send these blocks, the first datagram with this number. A trial leaves as fast as it can, with
    /// [`Kind::TrialEnd`] in its last datagram; before each block of a pass [`Room::due`] says when.
    Send {
        /// Trial or pass.
        kind: Kind,
        /// What.
        blocks: Vec<Block>,
        /// Number of the first datagram.
        number: u32,
    },
    /// Say that it is over, in a datagram with this number.
    Over {
        /// Its number.
        number: u32,
    },
}

/// All machines that fetch one torrent, as far as they report.
#[derive(Debug)]
pub struct Room {
    layout: Layout,
    invitation: Invitation,
    members: BTreeMap<[u8; 20], Member>,
    /// Payload that the seed has sent to anybody, since a while.
    seed: member::Flow,
    /// How fast it has sent at most, in bytes per second, since [`FIRST_SECONDS`] after the first byte; and when that left.
    fastest: f64,
    begun: Option<Duration>,
    phase: Phase,
    /// Nothing is tried before.
    not_before: Duration,
    pause: Duration,
    /// Of the next datagram.
    number: u32,
}

#[derive(Debug)]
enum Phase {
    Watching,
    Trying(Trial),
    Sending(Pass),
}

#[derive(Debug)]
struct Pass {
    /// The piece to send next, and the number of its block; with block 0, the first piece to look at.
    next: (u32, usize),
    pace: Pace,
    gets: f64,
    /// When somebody last told what it hears.
    told: Duration,
    /// So many rounds, one after the other, were not worth it.
    poor: u32,
}

impl Room {
    /// Nobody is there. What is sent goes to where the invitation says.
    #[must_use]
    pub fn new(layout: Layout, invitation: Invitation) -> Self {
        Self {
            layout,
            invitation,
            members: BTreeMap::new(),
            seed: member::Flow::default(),
            fastest: 0.0,
            begun: None,
            phase: Phase::Watching,
            not_before: Duration::ZERO,
            pause: PAUSES.0,
            // A machine that has heard nothing says 0.
            number: 1,
        }
    }

    /// Where machines listen.
    #[must_use]
    pub fn invitation(&self) -> Invitation {
        self.invitation
    }

    /// How many machines have reported and lack something.
    #[must_use]
    pub fn machines(&self) -> usize {
        self.members.len()
    }

    /// Of how many pieces it is.
    #[must_use]
    pub fn pieces(&self) -> u32 {
        self.layout.pieces()
    }

    /// Whether nothing is sent, and no trial waited for.
    #[must_use]
    pub fn is_watching(&self) -> bool {
        matches!(self.phase, Phase::Watching)
    }

    /// A rate at which is sent now, in bytes per second on the wire.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        match &self.phase {
            Phase::Sending(pass) => Some(pass.pace.rate()),
            Phase::Watching | Phase::Trying(_) => None,
        }
    }

    /// A machine tells how it is.
    pub fn report(&mut self, from: Ipv4Addr, report: Report, now: Duration) -> Answer {
        let peer_id = report.peer_id;
        if report.lacking.is_empty() {
            self.members.remove(&report.peer_id);
        } else if self.has_place(from, &report.peer_id) {
            let member = self.members.entry(report.peer_id);
            let member = member.or_insert_with(|| Member::new(from));
            let told = member.reports(report, (self.invitation.session, self.number), now);
            if let (Phase::Sending(pass), true) = (&mut self.phase, told) {
                pass.told = now;
            }
        }
        let interval = self.interval(&peer_id);
        if let Some(member) = self.members.get_mut(&peer_id) {
            member.reports_in(interval);
        }
        Answer {
            interval,
            invitation: self.invitation,
        }
    }

    /// The seed has sent so much of this torrent to anybody, all in all. Tell it a few times a second.
    pub fn seed_sent(&mut self, bytes: u64, now: Duration) {
        self.seed.add(bytes, now);
        if bytes > 0 {
            let begun = *self.begun.get_or_insert(now);
            if now.saturating_sub(begun) >= FIRST_SECONDS {
                self.fastest = self.fastest.max(self.seed.rate().unwrap_or(0.0));
            }
        }
    }

    /// What to do now.
    pub fn poll(&mut self, now: Duration) -> Order {
        self.members.retain(|_, member| !member.silent(now));
        match &self.phase {
            Phase::Watching => self.watch(now),
            Phase::Trying(trial) => self.judge(*trial, now),
            Phase::Sending(_) => self.go_on(now),
        }
    }

    /// When the next block of a pass may leave.
    pub fn due(&mut self, block: Block, now: Duration) -> Duration {
        match &mut self.phase {
            Phase::Sending(pass) => pass.pace.spend(on_wire(block), now),
            Phase::Watching | Phase::Trying(_) => now,
        }
    }

    /// What was ordered cannot be sent. Nothing is tried for a while.
    pub fn give_up(&mut self, now: Duration) {
        self.rest();
        self.put_off(now);
    }

    fn has_place(&self, from: Ipv4Addr, peer_id: &[u8; 20]) -> bool {
        let of_one = self.members.values().filter(|member| member.from == from);
        self.members.contains_key(peer_id)
            || self.members.len() < MOST && of_one.count() < MOST_OF_ONE
    }

    /// The first ones by their names, which are drawn by lot, report as often as those of a small room, so that a pass is
    /// followed as closely in a large one.
    fn interval(&self, peer_id: &[u8; 20]) -> Duration {
        match self.members.range(..*peer_id).take(FEW).count() < FEW {
            true => self.shortest_interval(),
            false => self.longest_interval(),
        }
    }

    /// Of who reports often: the rarer the slower the server's cable seems to be.
    fn shortest_interval(&self) -> Duration {
        let (rate, part) = match &self.phase {
            Phase::Sending(pass) => (pass.pace.rate(), ANSWERS_IN_PASS),
            // A pass may follow.
            Phase::Trying(_) => (self.fastest, ANSWERS_IN_PASS),
            Phase::Watching => (self.fastest, ANSWERS),
        };
        if rate <= 0.0 {
            return INTERVALS.0;
        }
        let all = self.members.len().min(FEW) as f64 * ANSWER;
        let seconds = all / (rate * part);
        Duration::from_secs_f64(seconds.min(INTERVALS.1.as_secs_f64())).max(INTERVALS.0)
    }

    fn longest_interval(&self) -> Duration {
        let times = self.members.len() as f64 / FEW as f64;
        let shortest = self.shortest_interval();
        shortest.mul_f64(times.max(1.0)).min(RAREST)
    }

    /// Whether so many lack it that it is sent to everybody.
    fn is_lacked(&self, piece: u32) -> bool {
        let lacking = self
            .members
            .values()
            .filter(|member| member.lacking.has(piece));
        lacking.take(LACKING).count() == LACKING
    }

    fn blocks(&self, piece: u32) -> impl Iterator<Item = Block> + use<> {
        let layout = self.layout;
        (0..layout.blocks(piece)).map(move |number| layout.block(piece, number))
    }

    fn send(&mut self, kind: Kind, blocks: Vec<Block>) -> Order {
        let number = self.number;
        let datagrams: u32 = blocks.iter().map(|block| parts(*block)).sum();
        self.number = self.number.saturating_add(datagrams);
        Order::Send {
            kind,
            blocks,
            number,
        }
    }

    fn put_off(&mut self, now: Duration) {
        self.not_before = now + self.pause;
        self.pause = (self.pause * 2).min(PAUSES.1);
    }

    fn rest(&mut self) {
        self.phase = Phase::Watching;
        for member in self.members.values_mut() {
            member.starts_over();
        }
    }

    fn go_on(&mut self, now: Duration) -> Order {
        if !self.still_pays(now) {
            self.put_off(now);
            return self.over();
        }
        let Phase::Sending(pass) = &self.phase else {
            return Order::Wait(LOOK);
        };
        let (piece, block) = match pass.next {
            (piece, 0) => {
                let mut rest = piece..self.layout.pieces();
                let Some(piece) = rest.find(|piece| self.is_lacked(*piece)) else {
                    (self.pause, self.not_before) = (PAUSES.0, now + REST);
                    return self.over();
                };
                (piece, 0)
            }
            begun => begun,
        };
        let blocks: Vec<_> = self.blocks(piece).skip(block).take(AT_A_TIME).collect();
        if let Phase::Sending(pass) = &mut self.phase {
            let block = block + blocks.len();
            pass.next = match block < self.layout.blocks(piece) as usize {
                true => (piece, block),
                false => (piece + 1, 0),
            };
        }
        self.send(Kind::Pass, blocks)
    }

    fn over(&mut self) -> Order {
        self.rest();
        let number = self.number;
        self.number = self.number.saturating_add(1);
        Order::Over { number }
    }

    /// Follows what the machines tell. False where it is to end.
    fn still_pays(&mut self, now: Duration) -> bool {
        let interval = self.shortest_interval();
        let round = interval.mul_f64(ROUND);
        let Phase::Sending(pass) = &mut self.phase else {
            return false;
        };
        if now.saturating_sub(pass.told) > UNHEARD.max(2 * interval) {
            return self.members.is_empty();
        }
        let since = pass.pace.round();
        if now.saturating_sub(since) < round {
            return true;
        }
        let losses = self
            .members
            .values()
            .filter_map(|member| member.loss(since));
        let (losses, deaf): (Vec<f64>, Vec<f64>) = losses.partition(|loss| *loss < 0.5);
        if losses.is_empty() && deaf.is_empty() {
            return true;
        }
        let heard = losses.len() as f64 >= HEARD * (losses.len() + deaf.len()) as f64;
        let (most, middle) = (losses.iter().copied().fold(0.0, f64::max), median(losses));
        if heard {
            pass.pace.review(most, now);
        } else {
            pass.pace.hold(now);
        }
        // Of a block that has lost one datagram nothing is left.
        let whole = (1.0 - middle.unwrap_or(0.0)).powi(WHOLE);
        let good = heard && pass.pace.rate() * whole > STILL_GAIN * pass.gets;
        pass.poor = if good { 0 } else { pass.poor + 1 };
        pass.poor < MOST_POOR
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Bytes of a block's datagrams on the wire.
fn on_wire(block: Block) -> u64 {
    u64::from(block.length) + u64::from(parts(block)) * (HEADER as u64 + FRAME)
}

#[cfg(test)]
mod tests;
