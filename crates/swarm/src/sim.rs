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
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use metainfo::InfoHash;
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::index;

use crate::core::wire::{Frame, Message};
use crate::core::{
    Action, BLOCK, Bitfield, Block, ByConn, ConnId, Layout, PeerExchange, Settings, Swarm,
};
use event::{Agenda, Event};
use link::{Mail, Uplink};
pub use machine::{Conduct, Machine, Outcome, Wants};

const TICK: Duration = Duration::from_millis(100);
/// As often as the tracker of the server wants to hear of everybody.
const ANNOUNCE: Duration = Duration::from_secs(8);
/// How many others the tracker names at a time.
const NAMED: usize = 50;
/// How long a connect to a machine that is off takes to fail.
const NO_ROUTE: Duration = Duration::from_secs(3);
/// Zeros are right, ones are wrong.
static RIGHT: [u8; BLOCK as usize] = [0; BLOCK as usize];
static WRONG: [u8; BLOCK as usize] = [1; BLOCK as usize];

struct Running {
    machine: Machine,
    /// None before it is switched on and after it vanished.
    swarm: Option<Swarm>,
    /// Who is at the other end.
    links: ByConn<(usize, ConnId)>,
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
            && self.machine.vanishes.is_none()
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
            world.agenda.plan(machine.starts, index, Event::Start);
            if let Some(at) = machine.vanishes {
                world.agenda.plan(at, index, Event::Vanish);
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
            && let Some((at, machine, event)) = self.agenda.next()
            && at <= limit
        {
            self.now = at;
            self.happen(machine, event);
            self.act(machine);
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
        self.agenda.plan(at, machine, event);
    }

    fn happen(&mut self, index: usize, event: Event) {
        match event {
            Event::Start => return self.start(index),
            Event::Dialed { from, conn } => return self.dialed(index, from, conn),
            _ => {}
        }
        let now = self.now;
        let one = &mut self.room[index];
        let Some(swarm) = &mut one.swarm else {
            return;
        };
        match event {
            Event::Start | Event::Dialed { .. } => {}
            Event::Vanish => one.swarm = None,
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
            Event::Connected { conn, peer, theirs } => {
                one.links.insert(conn, (peer, theirs));
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

    /// Some of those who are there, and always the server.
    fn tracker(&mut self, asker: usize) -> Vec<SocketAddrV4> {
        let there = |index: &usize| *index != asker && self.room[*index].swarm.is_some();
        let all: Vec<_> = (0..self.room.len()).filter(there).collect();
        let (servers, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|index| self.room[*index].machine.seed);
        let chosen = index::sample(&mut self.rng, others.len(), others.len().min(NAMED));
        let chosen = chosen.into_iter().map(|at| others[at]);
        servers.into_iter().chain(chosen).map(address).collect()
    }

    fn start(&mut self, index: usize) {
        let pieces = self.layout.pieces();
        let one = &mut self.room[index];
        // A liar claims to have everything.
        let has_all =
            one.machine.seed || matches!(one.machine.conduct, Conduct::Liar | Conduct::Mute);
        let have = if has_all {
            Bitfield::full(pieces)
        } else {
            Bitfield::empty(pieces)
        };
        let mut peer_id = *b"-BS0000-sim-00000000";
        peer_id[12..].copy_from_slice(&(index as u64).to_be_bytes());
        let settings = Settings {
            info_hash: InfoHash([1; 20]),
            layout: self.layout,
            peer_id,
            port: Some(address(index).port()),
            max_peers: if one.machine.seed {
                usize::MAX / 4
            } else {
                self.max_peers
            },
            exchange: PeerExchange::On,
            seed: self.seed ^ (index as u64) << 32,
        };
        if has_all && one.awaited() {
            self.awaited -= 1;
        }
        one.outcome.finished = has_all.then_some(self.now);
        let wanted = one.machine.wants.of(pieces);
        one.swarm = Some(Swarm::wanting(&wanted, settings, have, self.now));
        self.plan(self.now, index, Event::Announce);
        self.plan(self.now + TICK, index, Event::Tick);
    }

    /// Somebody's connection reaches this machine, or finds it off.
    fn dialed(&mut self, index: usize, from: usize, conn: ConnId) {
        let now = self.now;
        let latency = self.room[from].machine.latency;
        let target = &mut self.room[index];
        let Some(swarm) = &mut target.swarm else {
            self.plan(now + NO_ROUTE, from, Event::Closed { conn });
            return;
        };
        // The source port of a connection that somebody makes is any.
        let source = SocketAddrV4::new(*address(from).ip(), 40_000);
        match swarm.incoming(source, now) {
            Some(theirs) => {
                target.links.insert(theirs, (from, conn));
                let connected = Event::Connected {
                    conn,
                    peer: index,
                    theirs,
                };
                self.plan(now + latency, from, connected);
            }
            None => self.plan(now + latency, from, Event::Closed { conn }),
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
        let one = &mut self.room[index];
        match action {
            Action::Connect { conn, to } => match self.at(to) {
                Some(target) => {
                    self.plan(now + latency, target, Event::Dialed { from: index, conn });
                }
                None => self.plan(now + NO_ROUTE, index, Event::Closed { conn }),
            },
            Action::Send { conn, frame } => self.send(index, conn, frame),
            Action::Disconnect { conn, .. } => {
                one.uplink.drop_all(conn);
                if let Some((peer, theirs)) = one.links.remove(&conn) {
                    self.plan(now + latency, peer, Event::Closed { conn: theirs });
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

    fn at(&self, to: SocketAddrV4) -> Option<usize> {
        let index = machine_at(*to.ip());
        (index < self.room.len() && address(index) == to).then_some(index)
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

fn address(index: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(0x0a01_0000 + index as u32), 6881)
}

fn machine_at(address: Ipv4Addr) -> usize {
    (address.to_bits() - 0x0a01_0000) as usize
}

#[cfg(test)]
mod tests;
