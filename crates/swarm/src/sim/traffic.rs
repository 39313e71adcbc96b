//! What goes over the links: blocks take their time, messages only the latency.

use std::time::Duration;

use rand::RngExt;

use super::event::Event;
use super::{Conduct, World};
use crate::core::ConnId;
use crate::core::wire::{Claim, Frame, Kind, Message, OUR_CLAIM_ID, Way};

/// Messages are handed over at multiples of this.
const MAIL: Duration = Duration::from_millis(1);
/// What a grabber claims at every tick.
const GRABBED: usize = 20;

impl World {
    /// A grabber claims some pieces every time.
    pub(super) fn grab(&mut self, index: usize) {
        if self.room[index].machine.conduct != Conduct::Grabber {
            return;
        }
        let conns: Vec<_> = self.room[index].links.keys().copied().collect();
        for (conn, _) in conns
            .iter()
            .flat_map(|conn| (0..GRABBED).map(move |n| (*conn, n)))
        {
            let claim = Claim {
                kind: Kind::Takes,
                piece: self.rng.random_range(..self.layout.pieces()),
                rank: 0,
                way: Way::Direct,
            };
            self.send(index, conn, claim.to_message(OUR_CLAIM_ID).into());
        }
    }

    pub(super) fn send(&mut self, index: usize, conn: ConnId, frame: Frame) {
        let one = &self.room[index];
        let Some(end) = one.links.get(&conn).copied() else {
            return;
        };
        let asks = matches!(frame, Frame::Message(Message::Request(_)));
        if asks && one.machine.conduct == Conduct::Grabber {
            return;
        }
        let at = next_mail(self.now + one.machine.latency);
        let other = &mut self.room[end.machine];
        if other.life == end.life && other.mail.push(at, end.conn, frame.into()) {
            self.plan(at, end.machine, Event::Mail);
        }
    }

    /// The link of a machine takes the next block, if it rests.
    pub(super) fn transmit(&mut self, index: usize) {
        let one = &mut self.room[index];
        if let Some(block) = one.uplink.begin() {
            let seconds = f64::from(block.length + 13) / one.machine.up;
            self.plan(
                self.now + Duration::from_secs_f64(seconds),
                index,
                Event::Left,
            );
        }
    }

    /// A block has left. Its first byte came while the last one had not left, so on an idle link it
    /// is in at once.
    pub(super) fn left(&mut self, index: usize) {
        let now = self.now;
        let one = &mut self.room[index];
        let Some((conn, block)) = one.uplink.end() else {
            return;
        };
        if one.machine.seed && !one.sent.insert(block) && (one.sent.len() as u64) < self.blocks {
            one.outcome.repeated += 1;
        }
        let right = one.machine.conduct != Conduct::Liar;
        let latency = one.machine.latency;
        if let Some(swarm) = &mut one.swarm {
            swarm.uploaded(conn, block);
        }
        if let Some(end) = one.links.get(&conn).copied() {
            let other = &mut self.room[end.machine];
            let reception =
                Duration::from_secs_f64(f64::from(block.length + 13) / other.machine.down);
            other.down_free = (now + latency).max(other.down_free + reception);
            let (at, conn) = (other.down_free, end.conn);
            self.plan_at(at, end, Event::Arrived { conn, block, right });
        }
        self.transmit(index);
    }
}

/// When a message that is there at this moment is handed over.
fn next_mail(at: Duration) -> Duration {
    let every = MAIL.as_nanos() as u64;
    Duration::from_nanos((at.as_nanos() as u64).div_ceil(every) * every)
}
