//! What goes over the links: blocks take their time, messages only the latency.

use std::time::Duration;

use rand::RngExt;

use super::event::{End, Event};
use super::link::{Letter, Parcel, Post};
use super::running::Running;
use super::{Conduct, Room, beat_at};
use crate::core::ConnId;
use crate::core::wire::{Claim, Frame, Kind, Message, OUR_CLAIM_ID, Way};

/// What a grabber claims at every tick.
const GRABBED: usize = 20;

impl Room {
    /// Something is going to happen at the other end of a connection.
    pub(super) fn post_to(&self, at: Duration, end: End, event: Event, out: &mut [Post]) {
        self.post(at, end.machine, Some(end.life), event, out);
    }

    /// Something is going to happen to another machine, in this life of it or in any.
    pub(super) fn post(
        &self,
        at: Duration,
        to: usize,
        life: Option<u32>,
        event: Event,
        out: &mut [Post],
    ) {
        let parcel = Parcel {
            at,
            to,
            life,
            event,
        };
        out[to / self.crew].parcels.push(parcel);
    }
}

impl Running {
    /// A grabber claims some pieces every time.
    pub(super) fn grab(&mut self, room: &Room, out: &mut [Post]) {
        if self.machine.conduct != Conduct::Grabber {
            return;
        }
        let conns: Vec<_> = self.links.keys().copied().collect();
        for (conn, _) in conns
            .iter()
            .flat_map(|conn| (0..GRABBED).map(move |n| (*conn, n)))
        {
            let claim = Claim {
                kind: Kind::Takes,
                piece: self.rng.random_range(..room.layout.pieces()),
                rank: 0,
                way: Way::Direct,
            };
            self.send(conn, claim.to_message(OUR_CLAIM_ID).into(), room, out);
        }
    }

    pub(super) fn send(&mut self, conn: ConnId, frame: Frame, room: &Room, out: &mut [Post]) {
        let Some(to) = self.links.get(&conn).copied() else {
            return;
        };
        let asks = matches!(frame, Frame::Message(Message::Request(_)));
        if asks && self.machine.conduct == Conduct::Grabber {
            return;
        }
        // A message that reached the other end within this beat is there in the next one.
        let beat = beat_at(self.now + self.machine.latency).max(room.beat + 1);
        let words = frame.into();
        out[to.machine / room.crew]
            .letters
            .push(Letter { beat, to, words });
    }

    /// The link takes the next block, if it rests.
    pub(super) fn transmit(&mut self) {
        if let Some(block) = self.uplink.begin() {
            let seconds = f64::from(block.length + 13) / self.machine.up;
            let at = self.now + Duration::from_secs_f64(seconds);
            self.agenda.plan(at, Event::Left);
        }
    }

    /// A block has left. Its first byte came while the last one had not left, so on an idle link it
    /// is in at once.
    pub(super) fn left(&mut self, room: &Room, out: &mut [Post]) {
        let Some((conn, block)) = self.uplink.end() else {
            return;
        };
        if self.machine.seed && !self.sent.insert(block) && (self.sent.len() as u64) < room.blocks {
            self.outcome.repeated += 1;
        }
        let right = self.machine.conduct != Conduct::Liar;
        if let Some(swarm) = &mut self.swarm {
            swarm.uploaded(conn, block);
        }
        if let Some(end) = self.links.get(&conn).copied() {
            let comes = Event::Comes {
                conn: end.conn,
                block,
                right,
            };
            room.post_to(self.now + self.machine.latency, end, comes, out);
        }
        self.transmit();
    }
}
