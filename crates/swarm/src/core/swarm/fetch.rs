//! Asking for blocks, and taking them in.

use std::time::Duration;

use bytes::Bytes;

use super::{Action, Block, ConnId, Message, Swarm};
use crate::core::Offer;
use crate::core::picker::{Arrival, Worker};
use crate::core::requests::{Answer, Trust};

/// What machines that keep up lack of what a peer has is not more than they fetch in so many seconds.
const AS_OTHERS: f64 = 1.5;
/// Who lacks what it fetches in so many seconds, while its cable is free, asks everybody for the same. In a room of sixteen that
/// keeps up it is a fifth of that.
const BEHIND: f64 = 0.5;
/// Who is ahead keeps so many blocks open at the server. One that others wait for gives it little then, and one that
/// nobody else asks hardly rests.
const COURTESY: u32 = 1;
/// For so long after it met the server a machine keeps no more than so many blocks open there. Of machines that are switched on
/// together one is first; alone with the server it would ask for as much as it gets in 0.3 s, and the others would have
/// nothing to share until that is sent (eight machines were done some 0.2 s earlier with this, of 7.9 s).
const FIRST_WORDS: Duration = Duration::from_millis(500);
const FIRST_BLOCKS: u32 = 16;
/// So many times as long a request may wait at a peer for who is far behind.
const MOST_HASTE: f64 = 1.5;

impl Swarm {
    /// What all peers but this one have for us together.
    pub fn offer_beside(&self, but: Option<ConnId>) -> Offer {
        let others = self
            .peers
            .iter()
            .filter(|(conn, peer)| Some(**conn) != but && peer.may_ask());
        let mut others = others.map(|(_, peer)| &peer.has).peekable();
        if others.peek().is_none() {
            return Offer::Nothing;
        }
        let mut missing = self.picker.lacking().clone();
        for has in others {
            missing.remove_all(has);
        }
        if missing.is_empty() {
            Offer::Everything
        } else {
            Offer::Something
        }
    }

    /// Asks a peer for as much as its window allows.
    pub(super) fn fill(&mut self, conn: ConnId, now: Duration) {
        if self.overhearing.on {
            return;
        }
        // Who has promised in vain is tried with one block at a time that another brings as well: however many
        // of them there are, they hold up nothing a second time.
        let doubted = self.doubts(conn) && self.somebody_delivers();
        let Some(peer) = self.peers.get_mut(&conn).filter(|peer| peer.may_ask()) else {
            return;
        };
        let suspect = self.offenders.is_suspect(peer.ip());
        let room = match doubted {
            true => peer.requests.room_within(1, now),
            // Once the room has everything, nothing is claimed any more and nobody catches up: who was ahead
            // then would go last until the end.
            false if peer.server() && self.picker.anything_unseen() && self.claims.ahead() => {
                peer.requests.room_within(COURTESY, now)
            }
            false if peer.server() && now.saturating_sub(peer.began) < FIRST_WORDS => {
                peer.requests.room_within(FIRST_BLOCKS, now)
            }
            false => peer.requests.room(now),
        };
        let mut asked = Vec::new();
        for _ in 0..room {
            let worker = Worker {
                conn,
                address: peer.ip(),
                has: &peer.has,
                current: peer.requests.current,
                suspect,
                idle: peer.requests.idle(),
                proven: peer.requests.trust() == Trust::Proven,
            };
            let picked = if doubted {
                self.picker.probe(&worker, &mut self.rng)
            } else if peer.server() {
                self.picker
                    .pick_of_server(&worker, &mut self.claims, now, &mut self.rng)
            } else {
                self.picker.pick(&worker, &mut self.rng)
            };
            let Some(block) = picked.filter(|block| !peer.requests.has(*block)) else {
                break;
            };
            peer.requests.asked(block, now);
            asked.push(block);
        }
        for block in asked {
            self.send(conn, Message::Request(block), now);
        }
        self.tell_claims(now);
    }

    /// Whether a peer has promised and not brought anything since.
    fn doubts(&self, conn: ConnId) -> bool {
        let peer = self.peers.get(&conn);
        peer.is_some_and(|peer| peer.requests.trust() == Trust::Doubted)
    }

    /// Whether anything is asked of somebody who may bring it.
    fn somebody_delivers(&self) -> bool {
        let mut all = self.peers.values().map(|peer| &peer.requests);
        all.any(|requests| requests.trust() != Trust::Doubted && !requests.is_empty())
    }

    /// Lets everybody take the blocks that became free; who is doubted comes last.
    pub(super) fn settle(&mut self, now: Duration) {
        if std::mem::take(&mut self.refill) && !self.complete() {
            let mut conns: Vec<_> = self.peers.keys().copied().collect();
            conns.sort_by_key(|conn| self.doubts(*conn));
            for conn in conns {
                self.fill(conn, now);
            }
        }
    }

    /// Who is behind its peers lets more requests wait at each of them, and so gets a larger part of what they send; the
    /// room is done when its last machine is. A machine falls behind by chance, or because others ask much of it,
    /// and would stay there: what it sends delays what it asks for, so that its peers seem slow and less is asked of them.
    ///
    /// Where somebody answers at once our way in has room, however long the others take: each should bring the same then.
    /// (Of whom little is asked, that is no proof. Even so of all together no more is asked than comes while it may wait.)
    /// A machine with a slow cable is behind as well, but there nobody answers at once for long; did it ask for more, what it has
    /// claimed at the server would only come later.
    pub(super) fn keep_up(&mut self, now: Duration) {
        let machines = || self.peers.values().filter(|peer| peer.is_machine());
        let (count, wanted) = machines().fold((0, 0), |(count, wanted), peer| {
            (count + 1, wanted + u64::from(peer.wanted))
        });
        if count == 0 {
            return;
        }
        let behind = wanted / count * u64::from(self.settings.layout.piece_size(0));
        let rate = self.meter.rate(now);
        let behind = behind as f64 / rate.max(1.0);
        let haste = (behind / AS_OTHERS).clamp(1.0, MOST_HASTE);
        let free = self.peers.values().any(|peer| peer.swift(now));
        let effort = if free {
            (behind / BEHIND).min(1.0)
        } else {
            0.0
        };
        let share = effort * rate / count as f64;
        for (_, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.is_machine()) {
            peer.hurry(haste);
            peer.requests.expect(share);
        }
    }

    /// A block came. Gives how many this peer sent so far without having been asked.
    pub(super) fn delivered(
        &mut self,
        conn: ConnId,
        piece: u32,
        begin: u32,
        data: Bytes,
        now: Duration,
    ) -> u32 {
        let Some(peer) = self.peers.get_mut(&conn) else {
            return 0;
        };
        // The decoder gives no block longer than 16 KiB.
        let block = Block {
            piece,
            begin,
            length: data.len() as u32,
        };
        if peer.requests.answered(block, now) == Answer::Unasked {
            peer.unasked += 1;
            return peer.unasked;
        }
        self.meter.add(block.length, now);
        self.fetched.came(block.length, peer.server());
        let arrival = self.picker.arrived(block, conn, peer.ip());
        self.take_in(arrival, conn, block, data, now);
        self.fill(conn, now);
        0
    }

    /// Has a block stored that was good for something, and its piece hashed where it was the last one.
    pub(super) fn take_in(
        &mut self,
        arrival: Arrival,
        conn: ConnId,
        block: Block,
        data: Bytes,
        now: Duration,
    ) {
        let Arrival::Stored { cancel, full } = arrival else {
            return;
        };
        self.actions.push_back(Action::Store { conn, block, data });
        if full {
            let piece = block.piece;
            self.actions.push_back(Action::Check { piece });
        }
        for other in cancel {
            self.withdraw(other, block, now);
        }
    }

    /// A block that came from somebody else is not wanted of this peer any more.
    fn withdraw(&mut self, conn: ConnId, block: Block, now: Duration) {
        if self
            .peers
            .get_mut(&conn)
            .is_some_and(|peer| peer.requests.withdraw(block))
        {
            self.send(conn, Message::Cancel(block), now);
            self.fill(conn, now);
        }
    }

    /// What was asked of this peer becomes free for others.
    pub(super) fn take_back(&mut self, conn: ConnId) -> Vec<Block> {
        let Some(peer) = self.peers.get_mut(&conn) else {
            return Vec::new();
        };
        let blocks = peer.requests.withdraw_all();
        for block in &blocks {
            self.picker.release(*block, conn);
        }
        self.picker.abandon(peer.ip());
        self.refill = true;
        blocks
    }

    /// Peers that promised and do not deliver lose their requests.
    pub(super) fn pass_over_the_slow(&mut self, now: Duration) {
        let overdue: Vec<_> = self
            .peers
            .iter_mut()
            .filter_map(|(conn, peer)| peer.requests.overdue(now).then_some(*conn))
            .collect();
        for conn in overdue {
            for block in self.take_back(conn) {
                self.send(conn, Message::Cancel(block), now);
            }
        }
        let waiting = self.peers.values().any(|peer| !peer.requests.is_empty());
        if !waiting && !self.overhearing.on {
            self.picker.start_over();
        }
    }
}
