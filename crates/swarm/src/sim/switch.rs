//! Machines that are switched on and off, and how they find each other.

use std::net::SocketAddrV4;
use std::time::Duration;

use metainfo::InfoHash;
use rand::rngs::StdRng;
use rand::seq::index;

use super::event::{End, Event};
use super::link::{Mail, Post, Uplink};
use super::place::{NO_ROUTE, TICK, address};
use super::running::Running;
use super::{BEAT, Conduct, Room};
use crate::core::{Bitfield, PeerExchange, Settings, Swarm};

/// How many others the tracker names at a time.
const NAMED: usize = 50;

impl Room {
    /// Some of those who are there, and always the server.
    pub(super) fn tracker(&self, asker: usize, rng: &mut StdRng) -> Vec<SocketAddrV4> {
        let there = |index: &usize| *index != asker && self.there[*index];
        let all = (0..self.there.len()).filter(there);
        let (servers, others): (Vec<_>, Vec<_>) = all.partition(|index| self.seeds[*index]);
        let chosen = index::sample(rng, others.len(), others.len().min(NAMED));
        let chosen = chosen.into_iter().map(|at| others[at]);
        servers.into_iter().chain(chosen).map(address).collect()
    }
}

impl Running {
    pub(super) fn start(&mut self, room: &Room, out: &mut [Post]) {
        let (now, pieces) = (self.now, room.layout.pieces());
        // Connections of an earlier life end when somebody is there again to say so.
        self.hang_up(room, out);
        let machine = &self.machine;
        // A liar claims to have everything.
        let has_all = machine.seed || matches!(machine.conduct, Conduct::Liar | Conduct::Mute);
        let have = if has_all {
            Bitfield::full(pieces)
        } else {
            Bitfield::empty(pieces)
        };
        let mut peer_id = *b"-BS0000-sim-00000000";
        peer_id[11] += self.life as u8;
        peer_id[12..].copy_from_slice(&(self.index as u64).to_be_bytes());
        let settings = Settings {
            info_hash: InfoHash([1; 20]),
            layout: room.layout,
            peer_id,
            port: Some(address(self.index).port()),
            max_peers: if machine.seed {
                usize::MAX / 4
            } else {
                room.max_peers
            },
            exchange: PeerExchange::On,
            seed: room.seed ^ (self.index as u64) << 32,
        };
        let wanted = machine.wants.of(pieces);
        self.swarm = Some(Swarm::wanting(&wanted, settings, have, now));
        // What came in an earlier life is lost, but it had come.
        self.outcome.finished = self.outcome.finished.or(has_all.then_some(now));
        self.outcome.right = 0;
        // Who starts at the same moment is named too.
        self.agenda.plan(now + BEAT, Event::Announce);
        self.agenda.plan(now + TICK, Event::Tick);
    }

    /// From one moment to the next, without a word.
    pub(super) fn off(&mut self) {
        self.swarm = None;
        self.life += 1;
        self.uplink = Uplink::default();
        self.mail = Mail::default();
        self.spoilt.clear();
        self.agenda.clear();
        if let Some(at) = self.machine.returns {
            self.agenda.plan(at.max(self.now), Event::Start);
        }
    }

    /// Ends all connections, so that the other ends notice.
    pub(super) fn hang_up(&mut self, room: &Room, out: &mut [Post]) {
        let at = self.now + self.machine.latency;
        for end in std::mem::take(&mut self.links).values() {
            let closed = Event::Closed { conn: end.conn };
            room.post_to(at, *end, closed, out);
        }
    }

    /// Somebody's connection reaches this machine, or finds it off.
    pub(super) fn dialed(&mut self, from: End, latency: Duration, room: &Room, out: &mut [Post]) {
        let now = self.now;
        let refused = Event::Closed { conn: from.conn };
        let Some(swarm) = &mut self.swarm else {
            return room.post_to(now + NO_ROUTE, from, refused, out);
        };
        // The source port of a connection that somebody makes is any.
        let source = SocketAddrV4::new(*address(from.machine).ip(), 40_000);
        let Some(conn) = swarm.incoming(source, now) else {
            return room.post_to(now + latency, from, refused, out);
        };
        self.links.insert(conn, from);
        let to = End {
            machine: self.index,
            life: self.life,
            conn,
        };
        let connected = Event::Connected {
            conn: from.conn,
            to,
        };
        room.post_to(now + latency, from, connected, out);
    }
}
