//! Machines that are switched on and off, and how they find each other.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use metainfo::InfoHash;
use rand::seq::index;

use super::event::Event;
use super::link::{Mail, Uplink};
use super::{Conduct, End, TICK, World};
use crate::core::{Bitfield, ByConn, PeerExchange, Settings, Swarm};

/// As often as the tracker of the server wants to hear of everybody.
pub(super) const ANNOUNCE: Duration = Duration::from_secs(8);
/// How many others the tracker names at a time.
const NAMED: usize = 50;
/// How long a connect to a machine that is off takes to fail.
pub(super) const NO_ROUTE: Duration = Duration::from_secs(3);

impl World {
    /// Some of those who are there, and always the server.
    pub(super) fn tracker(&mut self, asker: usize) -> Vec<SocketAddrV4> {
        let there = |index: &usize| *index != asker && self.room[*index].swarm.is_some();
        let all: Vec<_> = (0..self.room.len()).filter(there).collect();
        let (servers, others): (Vec<_>, Vec<_>) = all
            .into_iter()
            .partition(|index| self.room[*index].machine.seed);
        let chosen = index::sample(&mut self.rng, others.len(), others.len().min(NAMED));
        let chosen = chosen.into_iter().map(|at| others[at]);
        servers.into_iter().chain(chosen).map(address).collect()
    }

    pub(super) fn start(&mut self, index: usize) {
        let pieces = self.layout.pieces();
        // Connections of an earlier life end when somebody is there again to say so.
        self.hang_up(index);
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
        peer_id[11] += one.life as u8;
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
        // What came in an earlier life is lost, but it had come.
        one.outcome.finished = one.outcome.finished.or(has_all.then_some(self.now));
        one.outcome.right = 0;
        let wanted = one.machine.wants.of(pieces);
        one.swarm = Some(Swarm::wanting(&wanted, settings, have, self.now));
        self.plan(self.now, index, Event::Announce);
        self.plan(self.now + TICK, index, Event::Tick);
    }

    /// From one moment to the next, without a word.
    pub(super) fn off(&mut self, index: usize) {
        let one = &mut self.room[index];
        one.swarm = None;
        one.life += 1;
        one.uplink = Uplink::default();
        one.mail = Mail::default();
        one.spoilt.clear();
        if let Some(at) = one.machine.returns {
            self.plan(at.max(self.now), index, Event::Start);
        }
    }

    /// Ends all connections of a machine, so that the other ends notice.
    pub(super) fn hang_up(&mut self, index: usize) {
        let one = &mut self.room[index];
        let at = self.now + one.machine.latency;
        let links: ByConn<End> = std::mem::take(&mut one.links);
        for end in links.values() {
            self.plan_at(at, *end, Event::Closed { conn: end.conn });
        }
    }

    /// Somebody's connection reaches this machine, or finds it off.
    pub(super) fn dialed(&mut self, index: usize, from: End) {
        let now = self.now;
        let latency = self.room[from.machine].machine.latency;
        let refused = Event::Closed { conn: from.conn };
        let target = &mut self.room[index];
        let Some(swarm) = &mut target.swarm else {
            return self.plan_at(now + NO_ROUTE, from, refused);
        };
        // The source port of a connection that somebody makes is any.
        let source = SocketAddrV4::new(*address(from.machine).ip(), 40_000);
        let Some(conn) = swarm.incoming(source, now) else {
            return self.plan_at(now + latency, from, refused);
        };
        target.links.insert(conn, from);
        let to = End {
            machine: index,
            life: target.life,
            conn,
        };
        let connected = Event::Connected {
            conn: from.conn,
            to,
        };
        self.plan_at(now + latency, from, connected);
    }
}

/// Which of so many machines listens there.
pub(super) fn machine_listening(to: SocketAddrV4, machines: usize) -> Option<usize> {
    let index = machine_at(*to.ip());
    (index < machines && address(index) == to).then_some(index)
}

pub(super) fn machine_at(address: Ipv4Addr) -> usize {
    (address.to_bits() - 0x0a01_0000) as usize
}

fn address(index: usize) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(0x0a01_0000 + index as u32), 6881)
}
