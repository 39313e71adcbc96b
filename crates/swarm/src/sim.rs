//! A room of simulated machines that run the very same core.
//!
//! Links have a rate in each direction and a latency; time jumps from one event to the next; the
//! same seed gives the same course to the nanosecond. There are no real bytes: a block is a run of
//! zeros, and what a liar sends is a run of ones. Messages other than blocks take no bandwidth.

mod event;
mod machine;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use bytes::Bytes;
use metainfo::InfoHash;

use crate::core::wire::{Frame, Message};
use crate::core::{Action, BLOCK, Bitfield, Block, ConnId, Layout, Settings, Swarm};
use event::{Event, Scheduled};
pub use machine::{Conduct, Machine, Outcome};

const TICK: Duration = Duration::from_millis(100);
const ANNOUNCE: Duration = Duration::from_secs(5);
/// How long a connect to a machine that is off takes to fail.
const NO_ROUTE: Duration = Duration::from_secs(3);

/// Zeros are right and ones are wrong.
static RIGHT: [u8; BLOCK as usize] = [0; BLOCK as usize];
static WRONG: [u8; BLOCK as usize] = [1; BLOCK as usize];

struct Running {
    machine: Machine,
    /// None before it is switched on and after it vanished.
    swarm: Option<Swarm>,
    /// Who is at the other end.
    links: BTreeMap<ConnId, (usize, ConnId)>,
    /// When what is queued so far has left, and has come in.
    up_free: Duration,
    down_free: Duration,
    /// Pieces with a wrong block in their file.
    spoilt: BTreeMap<u32, bool>,
    received: u64,
    stored: u64,
    outcome: Outcome,
}

/// The room.
pub struct World {
    layout: Layout,
    seed: u64,
    now: Duration,
    order: u64,
    events: BinaryHeap<Reverse<Scheduled>>,
    room: Vec<Running>,
}

impl World {
    /// A room that shares a torrent of this layout. `seed` decides everything left to chance.
    pub fn new(layout: Layout, machines: &[Machine], seed: u64) -> Self {
        let room = machines.iter().map(|machine| Running {
            machine: *machine,
            swarm: None,
            links: BTreeMap::new(),
            up_free: Duration::ZERO,
            down_free: Duration::ZERO,
            spoilt: BTreeMap::new(),
            received: 0,
            stored: 0,
            outcome: Outcome::default(),
        });
        let mut world = Self {
            layout,
            seed,
            now: Duration::ZERO,
            order: 0,
            events: BinaryHeap::new(),
            room: room.collect(),
        };
        for (index, machine) in machines.iter().enumerate() {
            world.schedule(machine.starts, index, Event::Start);
            if let Some(at) = machine.vanishes {
                world.schedule(at, index, Event::Vanish);
            }
        }
        world
    }

    /// Runs until every honest machine that stays has everything, or for so long at most.
    pub fn run(mut self, limit: Duration) -> Vec<Outcome> {
        while let Some(Reverse(next)) = self.events.pop() {
            if next.at > limit || self.everybody_done() {
                break;
            }
            self.now = next.at;
            self.happen(next.machine, next.event);
            self.act(next.machine);
        }
        for one in &mut self.room {
            one.outcome.wasted = one.received - one.stored;
            if let Some(swarm) = &one.swarm {
                one.outcome.status = swarm.status(self.now);
            }
        }
        self.room.into_iter().map(|one| one.outcome).collect()
    }

    fn everybody_done(&self) -> bool {
        self.room.iter().all(|one| {
            one.outcome.finished.is_some()
                || one.machine.vanishes.is_some()
                || one.machine.conduct != Conduct::Honest
        })
    }

    fn schedule(&mut self, at: Duration, machine: usize, event: Event) {
        self.order += 1;
        let scheduled = Scheduled {
            at,
            order: self.order,
            machine,
            event,
        };
        self.events.push(Reverse(scheduled));
    }

    fn happen(&mut self, index: usize, event: Event) {
        if matches!(event, Event::Start) {
            self.start(index);
        }
        if let Event::Dialed { from, conn } = event {
            self.dialed(index, from, conn);
            return;
        }
        let now = self.now;
        let one = &mut self.room[index];
        let Some(swarm) = &mut one.swarm else {
            return;
        };
        match event {
            Event::Start | Event::Dialed { .. } => {}
            Event::Reaching { conn, bytes, frame } => self.reaching(index, conn, bytes, frame),
            Event::Vanish => one.swarm = None,
            Event::Tick => {
                swarm.tick(now);
                self.schedule(now + TICK, index, Event::Tick);
            }
            Event::Announce => {
                let others = (0..self.room.len()).filter(|other| self.room[*other].swarm.is_some());
                let others: Vec<_> = others.map(address).collect();
                if let Some(swarm) = &mut self.room[index].swarm {
                    swarm.learned(others, now);
                }
                self.schedule(now + ANNOUNCE, index, Event::Announce);
            }
            Event::Connected { conn, peer, theirs } => {
                one.links.insert(conn, (peer, theirs));
                swarm.connected(conn, now);
            }
            Event::Closed { conn } => {
                one.links.remove(&conn);
                swarm.disconnected(conn, now);
            }
            Event::Frame { conn, frame } => {
                one.received += u64::from(matches!(frame, Frame::Message(Message::Piece { .. })));
                swarm.received(conn, frame, now);
            }
            Event::Left { conn, block } => swarm.uploaded(conn, block),
            Event::Checked { piece, right } => swarm.checked(piece, right, now),
        }
    }

    fn start(&mut self, index: usize) {
        let pieces = self.layout.pieces();
        let one = &mut self.room[index];
        // A liar claims to have everything.
        let has_all = one.machine.seed || one.machine.conduct != Conduct::Honest;
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
            max_peers: 50,
            seed: self.seed ^ (index as u64) << 32,
        };
        one.outcome.finished = has_all.then_some(self.now);
        one.swarm = Some(Swarm::new(settings, have, self.now));
        self.schedule(self.now, index, Event::Announce);
        self.schedule(self.now + TICK, index, Event::Tick);
    }

    /// Somebody's connection reaches this machine, or finds it off.
    fn dialed(&mut self, index: usize, from: usize, conn: ConnId) {
        let now = self.now;
        let latency = self.room[from].machine.latency;
        let target = &mut self.room[index];
        let Some(swarm) = &mut target.swarm else {
            self.schedule(now + NO_ROUTE, from, Event::Closed { conn });
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
                self.schedule(now + latency, from, connected);
            }
            None => self.schedule(now + latency, from, Event::Closed { conn }),
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
                    self.schedule(now + latency, target, Event::Dialed { from: index, conn });
                }
                None => self.schedule(now + NO_ROUTE, index, Event::Closed { conn }),
            },
            Action::Send { conn, frame } => {
                if let Some((peer, theirs)) = one.links.get(&conn).copied() {
                    self.schedule(
                        now + latency,
                        peer,
                        Event::Frame {
                            conn: theirs,
                            frame,
                        },
                    );
                }
            }
            Action::Disconnect { conn, .. } => {
                if let Some((peer, theirs)) = one.links.remove(&conn) {
                    self.schedule(now + latency, peer, Event::Closed { conn: theirs });
                }
            }
            Action::Upload { conn, block } => self.upload(index, conn, block),
            Action::Store { block, data } => {
                one.stored += 1;
                *one.spoilt.entry(block.piece).or_default() |= data[0] != RIGHT[0];
            }
            Action::Check { piece } => {
                let right = one.spoilt.remove(&piece) == Some(false);
                self.schedule(now, index, Event::Checked { piece, right });
            }
            Action::Banned { address } => {
                one.outcome.banned.push(machine_at(address));
            }
            Action::Complete => one.outcome.finished = Some(now),
        }
    }

    fn upload(&mut self, index: usize, conn: ConnId, block: Block) {
        let one = &mut self.room[index];
        let Some((peer, theirs)) = one.links.get(&conn).copied() else {
            return;
        };
        let content = match one.machine.conduct {
            Conduct::Mute => return,
            Conduct::Liar => &WRONG,
            Conduct::Honest => &RIGHT,
        };
        let bytes = f64::from(block.length + 13);
        one.up_free = one.up_free.max(self.now) + Duration::from_secs_f64(bytes / one.machine.up);
        let (left, latency) = (one.up_free, one.machine.latency);
        let data = Bytes::from_static(content).slice(..block.length as usize);
        let frame = Message::Piece {
            piece: block.piece,
            begin: block.begin,
            data,
        }
        .into();
        self.schedule(
            left + latency,
            peer,
            Event::Reaching {
                conn: theirs,
                bytes,
                frame,
            },
        );
        self.schedule(left, index, Event::Left { conn, block });
    }

    /// A block stands before a machine's own link. Its first byte came while the last one had not
    /// left, so on an idle link it is in at once.
    fn reaching(&mut self, index: usize, conn: ConnId, bytes: f64, frame: Frame) {
        let one = &mut self.room[index];
        let reception = Duration::from_secs_f64(bytes / one.machine.down);
        one.down_free = self.now.max(one.down_free + reception);
        let at = one.down_free;
        self.schedule(at, index, Event::Frame { conn, frame });
    }

    fn at(&self, to: SocketAddrV4) -> Option<usize> {
        let index = machine_at(*to.ip());
        (index < self.room.len() && address(index) == to).then_some(index)
    }
}

fn address(index: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(0x0a01_0000 + index as u32), 6881)
}

fn machine_at(address: Ipv4Addr) -> usize {
    (address.to_bits() - 0x0a01_0000) as usize
}

#[cfg(test)]
mod tests;
