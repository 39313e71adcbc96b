//! A machine of the room at work.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::event::{Agenda, End, Event};
use super::link::{Letter, Mail, Parcel, Post, Uplink};
use super::place::{ANNOUNCE, NO_ROUTE, TICK, machine_at, machine_listening};
use super::{BEAT, Conduct, Machine, Outcome, Room};
use crate::core::wire::{Frame, Message};
use crate::core::{Action, BLOCK, Block, ByConn, Swarm};

/// Zeros are right, ones are wrong.
static RIGHT: [u8; BLOCK as usize] = [0; BLOCK as usize];
static WRONG: [u8; BLOCK as usize] = [1; BLOCK as usize];

pub(super) struct Running {
    pub(super) index: usize,
    pub(super) machine: Machine,
    /// How often it was switched off.
    pub(super) life: u32,
    /// None while it is off.
    pub(super) swarm: Option<Swarm>,
    pub(super) now: Duration,
    pub(super) agenda: Agenda,
    /// Who is at the other end.
    pub(super) links: ByConn<End>,
    pub(super) uplink: Uplink,
    pub(super) mail: Mail,
    /// When all that is on its way to it has come in.
    down_free: Duration,
    /// Where the file is wrong: pieces, and blocks of them.
    pub(super) spoilt: BTreeMap<u32, BTreeSet<u32>>,
    received: u64,
    stored: u64,
    /// What the server has sent.
    pub(super) sent: BTreeSet<Block>,
    pub(super) outcome: Outcome,
    pub(super) rng: StdRng,
}

impl Running {
    pub(super) fn new(index: usize, machine: Machine, seed: u64) -> Self {
        let mut agenda = Agenda::default();
        agenda.plan(machine.starts, Event::Start);
        if let Some(at) = machine.vanishes {
            agenda.plan(at, Event::Vanish);
        }
        if let Some(at) = machine.leaves {
            agenda.plan(at, Event::Leave);
        }
        Self {
            index,
            machine,
            life: 0,
            swarm: None,
            now: Duration::ZERO,
            agenda,
            links: ByConn::default(),
            uplink: Uplink::default(),
            mail: Mail::default(),
            down_free: Duration::ZERO,
            spoilt: BTreeMap::new(),
            received: 0,
            stored: 0,
            sent: BTreeSet::new(),
            outcome: Outcome::default(),
            rng: StdRng::seed_from_u64(!seed ^ (index as u64) << 32),
        }
    }

    /// Whether the room waits for it.
    pub(super) fn awaited(&self) -> bool {
        self.outcome.finished.is_none()
            && self.machine.stays()
            && self.machine.conduct == Conduct::Honest
    }

    pub(super) fn is_on(&self) -> bool {
        self.swarm.is_some()
    }

    /// The next beat in which it has something to do.
    pub(super) fn next(&self) -> Option<u64> {
        let event = self.agenda.first();
        let event = event.map(|at| (at.as_nanos() / BEAT.as_nanos()) as u64);
        [event, self.mail.first()].into_iter().flatten().min()
    }

    /// What became of it.
    pub(super) fn outcome(mut self, now: Duration) -> Outcome {
        self.outcome.wasted = self.received - self.stored;
        self.outcome.given = self.sent.iter().map(|block| block.piece).collect();
        if let Some(swarm) = &self.swarm {
            self.outcome.status = swarm.status(now.max(self.now));
        }
        self.outcome
    }

    pub(super) fn take_letter(&mut self, letter: Letter) {
        if letter.to.life == self.life {
            self.mail.push(letter);
        }
    }

    /// Something comes from another machine, not before the present beat.
    pub(super) fn take_parcel(&mut self, parcel: Parcel, now: Duration) {
        if parcel.life.is_some_and(|life| life != self.life) {
            return;
        }
        let at = parcel.at.max(now);
        if let Event::Comes { conn, block, right } = parcel.event {
            let seconds = f64::from(block.length + 13) / self.machine.down;
            self.down_free = at.max(self.down_free + Duration::from_secs_f64(seconds));
            let arrived = Event::Arrived { conn, block, right };
            self.agenda.plan(self.down_free, arrived);
        } else {
            self.agenda.plan(at, parcel.event);
        }
    }

    /// Does what there is to do in one beat.
    pub(super) fn work(&mut self, room: &Room, now: Duration, end: Duration, out: &mut [Post]) {
        self.now = now;
        while let Some(mut letters) = self.mail.take(room.beat) {
            for (conn, words) in letters.drain(..) {
                let frame = words.into();
                let deaf = self.machine.seed && matches!(frame, Frame::Message(Message::Cancel(_)));
                if let Some(swarm) = self.swarm.as_mut().filter(|_| !deaf) {
                    swarm.received(conn, frame, now);
                }
            }
            self.mail.give_back(letters);
            self.act(room, out);
        }
        while let Some((at, event)) = self.agenda.next(end) {
            self.now = at;
            self.happen(event, room, out);
            self.act(room, out);
        }
    }

    fn happen(&mut self, event: Event, room: &Room, out: &mut [Post]) {
        let now = self.now;
        match event {
            Event::Start => return self.start(room, out),
            Event::Vanish => return self.off(),
            Event::Leave => {
                self.hang_up(room, out);
                return self.off();
            }
            Event::Dialed { from, latency } => return self.dialed(from, latency, room, out),
            Event::Announce => return self.announce(room),
            Event::Left => return self.left(room, out),
            _ => {}
        }
        let Some(swarm) = &mut self.swarm else {
            return;
        };
        match event {
            Event::Tick => {
                swarm.tick(now);
                self.grab(room, out);
                self.agenda.plan(now + TICK, Event::Tick);
            }
            Event::Connected { conn, to } => {
                self.links.insert(conn, to);
                swarm.connected(conn, now);
            }
            Event::Closed { conn } => {
                self.links.remove(&conn);
                self.uplink.drop_all(conn);
                swarm.disconnected(conn, now);
            }
            Event::Arrived { conn, block, right } => {
                self.received += 1;
                let (piece, begin) = (block.piece, block.begin);
                let content = if right { &RIGHT } else { &WRONG };
                let data = Bytes::from_static(content).slice(..block.length as usize);
                let frame = Message::Piece { piece, begin, data }.into();
                swarm.received(conn, frame, now);
            }
            Event::Checked { piece, right } => {
                if right {
                    self.outcome.right += u64::from(room.layout.piece_size(piece));
                }
                swarm.checked(piece, right, now);
            }
            // Done above, or when it was posted.
            Event::Start
            | Event::Vanish
            | Event::Leave
            | Event::Dialed { .. }
            | Event::Announce
            | Event::Left
            | Event::Comes { .. } => {}
        }
    }

    /// The tracker names some of those who are there.
    fn announce(&mut self, room: &Room) {
        let peers = room.tracker(self.index, &mut self.rng);
        if let Some(swarm) = &mut self.swarm {
            swarm.learned(peers, self.now);
        }
        self.agenda.plan(self.now + ANNOUNCE, Event::Announce);
    }

    fn act(&mut self, room: &Room, out: &mut [Post]) {
        while let Some(action) = self.swarm.as_mut().and_then(Swarm::poll) {
            self.do_one(action, room, out);
        }
    }

    fn do_one(&mut self, action: Action, room: &Room, out: &mut [Post]) {
        let (now, latency) = (self.now, self.machine.latency);
        match action {
            Action::Connect { conn, to } => match machine_listening(to, room.there.len()) {
                Some(target) => {
                    let (machine, life) = (self.index, self.life);
                    let from = End {
                        machine,
                        life,
                        conn,
                    };
                    let dialed = Event::Dialed { from, latency };
                    room.post(now + latency, target, None, dialed, out);
                }
                None => self.agenda.plan(now + NO_ROUTE, Event::Closed { conn }),
            },
            Action::Send { conn, frame } => self.send(conn, frame, room, out),
            Action::Disconnect { conn, .. } => {
                self.uplink.drop_all(conn);
                if let Some(end) = self.links.remove(&conn) {
                    let closed = Event::Closed { conn: end.conn };
                    room.post_to(now + latency, end, closed, out);
                }
            }
            Action::Upload { conn, block } => {
                if self.machine.conduct != Conduct::Mute {
                    self.uplink.push(conn, block);
                    self.transmit();
                }
            }
            Action::Recall { conn, block } => {
                if self.uplink.recall(conn, block)
                    && let Some(swarm) = &mut self.swarm
                {
                    swarm.dropped(conn, block);
                }
            }
            Action::Store { block, data, .. } => {
                self.stored += 1;
                let wrong = self.spoilt.entry(block.piece).or_default();
                // A piece that is begun anew is written over.
                match data[0] == RIGHT[0] {
                    true => wrong.remove(&block.begin),
                    false => wrong.insert(block.begin),
                };
            }
            Action::Check { piece } => {
                let right = self
                    .spoilt
                    .remove(&piece)
                    .is_some_and(|wrong| wrong.is_empty());
                self.agenda.plan(now, Event::Checked { piece, right });
            }
            Action::Banned { address } => {
                self.outcome.banned.push(machine_at(address));
            }
            Action::Complete => self.outcome.finished = Some(now),
        }
    }
}
