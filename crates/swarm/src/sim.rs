//! A room of simulated machines that run the very same core.
//!
//! Links have a rate in each direction and a latency; time jumps from one event to the next; the
//! same seed gives the same course to the nanosecond. There are no real bytes: a block is a run of
//! zeros, and what a liar sends is a run of ones. Messages other than blocks take no bandwidth; they
//! are handed over once a millisecond, all together, which is what lets a room have a thousand
//! machines.
//!
//! The server of the room is a machine that has everything from the start. As the real one it does
//! not know claims and does not understand cancelling.

mod event;
mod link;
mod machine;
mod switch;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::core::wire::{Frame, Message};
use crate::core::{Action, BLOCK, Bitfield, Block, ByConn, ConnId, Layout, Settings, Swarm};
use event::{Agenda, Event};
use link::{Mail, Uplink};
pub use machine::{Conduct, Machine, Outcome, Wants};
use switch::{ANNOUNCE, NO_ROUTE, machine_at, machine_listening};

const TICK: Duration = Duration::from_millis(100);
/// Zeros are right, ones are wrong.
static RIGHT: [u8; BLOCK as usize] = [0; BLOCK as usize];
static WRONG: [u8; BLOCK as usize] = [1; BLOCK as usize];

/// One end of a connection.
#[derive(Clone, Copy)]
struct End {
    machine: usize,
    /// Which life of the machine: what is on its way to an earlier one is lost.
    life: u32,
    conn: ConnId,
}

struct Running {
    machine: Machine,
    /// How often it was switched off.
    life: u32,
    /// None while it is off.
    swarm: Option<Swarm>,
    /// Who is at the other end.
    links: ByConn<End>,
    uplink: Uplink,
    mail: Mail,
    /// When all that is on its way to it has come in.
    down_free: Duration,
    /// Pieces with a wrong block in their file.
    spoilt: BTreeMap<u32, bool>,
    received: u64,
    stored: u64,
    /// What the server has sent.
    sent: BTreeSet<Block>,
    outcome: Outcome,
}

impl Running {
    fn new(machine: Machine) -> Self {
        Self {
            machine,
            life: 0,
            swarm: None,
            links: ByConn::default(),
            uplink: Uplink::default(),
            mail: Mail::default(),
            down_free: Duration::ZERO,
            spoilt: BTreeMap::new(),
            received: 0,
            stored: 0,
            sent: BTreeSet::new(),
            outcome: Outcome::default(),
        }
    }

    /// Whether the room waits for it.
    fn awaited(&self) -> bool {
        self.outcome.finished.is_none()
            && self.machine.stays()
            && self.machine.conduct == Conduct::Honest
    }
}

/// The room.
pub struct World {
    layout: Layout,
    seed: u64,
    max_peers: usize,
    blocks: u64,
    now: Duration,
    agenda: Agenda,
    room: Vec<Running>,
    /// Machines that are not done.
    awaited: usize,
    rng: StdRng,
}

impl World {
    /// A room that shares a torrent of this layout. `seed` decides everything left to chance.
    pub fn new(layout: Layout, machines: &[Machine], seed: u64) -> Self {
        let mut world = Self {
            layout,
            seed,
            max_peers: Settings::MAX_PEERS,
            blocks: wanted_blocks(&layout, machines),
            now: Duration::ZERO,
            agenda: Agenda::default(),
            room: machines
                .iter()
                .map(|machine| Running::new(*machine))
                .collect(),
            awaited: 0,
            rng: StdRng::seed_from_u64(seed),
        };
        world.awaited = world.room.iter().filter(|one| one.awaited()).count();
        for (index, machine) in machines.iter().enumerate() {
            world.plan(machine.starts, index, Event::Start);
            if let Some(at) = machine.vanishes {
                world.plan(at, index, Event::Vanish);
            }
            if let Some(at) = machine.leaves {
                world.plan(at, index, Event::Leave);
            }
        }
        world
    }

    /// Every machine but the server has at most so many connections.
    #[must_use]
    pub fn with_max_peers(self, max_peers: usize) -> Self {
        Self { max_peers, ..self }
    }

    /// Runs until every honest machine that stays has all it wants, or for so long at most.
    pub fn run(mut self, limit: Duration) -> Vec<Outcome> {
        while self.awaited > 0
            && let Some((at, machine, life, event)) = self.agenda.next()
            && at <= limit
        {
            self.now = at;
            if life == self.room[machine].life {
                self.happen(machine, event);
                self.act(machine);
            }
        }
        for one in &mut self.room {
            one.outcome.wasted = one.received - one.stored;
            one.outcome.given = one.sent.iter().map(|block| block.piece).collect();
            if let Some(swarm) = &one.swarm {
                one.outcome.status = swarm.status(self.now);
            }
        }
        self.room.into_iter().map(|one| one.outcome).collect()
    }

    fn plan(&mut self, at: Duration, machine: usize, event: Event) {
        let life = self.room[machine].life;
        self.agenda.plan(at, machine, life, event);
    }

    /// Something is going to happen at the other end of a connection.
    fn plan_at(&mut self, at: Duration, end: End, event: Event) {
        self.agenda.plan(at, end.machine, end.life, event);
    }

    fn happen(&mut self, index: usize, event: Event) {
        match event {
            Event::Start => return self.start(index),
            Event::Vanish => return self.off(index),
            Event::Leave => {
                self.hang_up(index);
                return self.off(index);
            }
            Event::Dialed { from } => return self.dialed(index, from),
            _ => {}
        }
        let now = self.now;
        let one = &mut self.room[index];
        let Some(swarm) = &mut one.swarm else {
            return;
        };
        match event {
            Event::Start | Event::Vanish | Event::Leave | Event::Dialed { .. } => {}
            Event::Tick => {
                swarm.tick(now);
                self.grab(index);
                self.plan(now + TICK, index, Event::Tick);
            }
            Event::Announce => {
                let peers = self.tracker(index);
                if let Some(swarm) = &mut self.room[index].swarm {
                    swarm.learned(peers, now);
                }
                self.plan(now + ANNOUNCE, index, Event::Announce);
            }
            Event::Connected { conn, to } => {
                one.links.insert(conn, to);
                swarm.connected(conn, now);
            }
            Event::Closed { conn } => {
                one.links.remove(&conn);
                one.uplink.drop_all(conn);
                swarm.disconnected(conn, now);
            }
            Event::Mail => {
                let mut letters = one.mail.take(now);
                for (conn, letter) in letters.drain(..) {
                    let frame = letter.into();
                    let deaf =
                        one.machine.seed && matches!(frame, Frame::Message(Message::Cancel(_)));
                    if !deaf {
                        swarm.received(conn, frame, now);
                    }
                }
                one.mail.give_back(letters);
            }
            Event::Left => self.left(index),
            Event::Arrived { conn, block, right } => {
                one.received += 1;
                let (piece, begin) = (block.piece, block.begin);
                let content = if right { &RIGHT } else { &WRONG };
                let data = Bytes::from_static(content).slice(..block.length as usize);
                let frame = Message::Piece { piece, begin, data }.into();
                swarm.received(conn, frame, now);
            }
            Event::Checked { piece, right } => {
                if right {
                    one.outcome.right += u64::from(self.layout.piece_size(piece));
                }
                swarm.checked(piece, right, now);
            }
        }
    }

    fn act(&mut self, index: usize) {
        while let Some(action) = self.room[index].swarm.as_mut().and_then(Swarm::poll) {
            self.do_one(index, action);
        }
    }

    fn do_one(&mut self, index: usize, action: Action) {
        let now = self.now;
        let latency = self.room[index].machine.latency;
        let machines = self.room.len();
        let one = &mut self.room[index];
        match action {
            Action::Connect { conn, to } => match machine_listening(to, machines) {
                Some(target) => {
                    let (machine, life) = (index, one.life);
                    let from = End {
                        machine,
                        life,
                        conn,
                    };
                    self.plan(now + latency, target, Event::Dialed { from });
                }
                None => self.plan(now + NO_ROUTE, index, Event::Closed { conn }),
            },
            Action::Send { conn, frame } => self.send(index, conn, frame),
            Action::Disconnect { conn, .. } => {
                one.uplink.drop_all(conn);
                if let Some(end) = one.links.remove(&conn) {
                    self.plan_at(now + latency, end, Event::Closed { conn: end.conn });
                }
            }
            Action::Upload { conn, block } => {
                if one.machine.conduct != Conduct::Mute {
                    one.uplink.push(conn, block);
                    self.transmit(index);
                }
            }
            Action::Store { block, data, .. } => {
                one.stored += 1;
                *one.spoilt.entry(block.piece).or_default() |= data[0] != RIGHT[0];
            }
            Action::Check { piece } => {
                let right = one.spoilt.remove(&piece) == Some(false);
                self.plan(now, index, Event::Checked { piece, right });
            }
            Action::Banned { address } => {
                one.outcome.banned.push(machine_at(address));
            }
            Action::Complete => {
                self.awaited -= usize::from(one.awaited());
                one.outcome.finished = Some(now);
            }
        }
    }
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
