//! Taking in what is sent to everybody: see [`multicast`](crate::core::multicast).

use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;

use super::{Action, Bitfield, Block, ConnId, Message, Swarm};
use crate::core::picker::Arrival;

/// So many wrong pieces, and nothing that is sent to everybody is believed any more: anybody can send to a group.
const MOST_WRONG: u32 = 3;

/// Who listens for so long without one right piece more goes on as before, whatever the shell says: nothing that it lacks is sent, or
/// somebody wants to keep it silent. It counts as a wrong piece.
const IN_VAIN: Duration = Duration::from_secs(5);

/// What a machine tells the server of its download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holdings {
    /// Wanted, and not verified yet.
    pub lacking: Bitfield,
    /// Payload bytes that peers have sent.
    pub fetched: u64,
    /// Those of them that came from the server's seed.
    pub of_server: u64,
    /// Whether it takes what is sent to everybody.
    pub believes: bool,
}

/// What peers have sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fetched {
    all: u64,
    of_server: u64,
}

impl Fetched {
    pub(super) fn came(&mut self, bytes: u32, from_server: bool) {
        self.all += u64::from(bytes);
        self.of_server += u64::from(bytes) * u64::from(from_server);
    }
}

/// What is known of those who speak to everybody.
#[derive(Debug, Default)]
pub(super) struct Overhearing {
    /// Everything comes by itself: nobody is asked.
    pub(super) on: bool,
    /// When it began, or a piece that the group had a part in was last right.
    last: Duration,
    /// As whom blocks of the group are known; no connection has this name.
    conn: Option<ConnId>,
    /// The server, which speaks.
    speaker: Option<Ipv4Addr>,
    wrong: u32,
}

impl Overhearing {
    /// The group's blocks are the server's.
    pub(super) fn speaker_of(&self, from: Ipv4Addr) -> Ipv4Addr {
        let speaker = self.speaker.filter(|_| from.is_multicast());
        speaker.unwrap_or(from)
    }

    /// The group, where it has brought a part of this.
    pub(super) fn group_among(&self, providers: &[(Ipv4Addr, u32)]) -> Option<Ipv4Addr> {
        let mut from = providers.iter().map(|(from, _)| *from);
        from.find(Ipv4Addr::is_multicast)
    }

    fn believes(&self) -> bool {
        self.wrong < MOST_WRONG
    }
}

impl Swarm {
    /// Everything comes by itself from now on, so that nobody is asked for anything; or not any more.
    pub fn listen(&mut self, on: bool, now: Duration) {
        self.overhearing.on = on && self.overhearing.believes();
        self.overhearing.last = now;
        if self.overhearing.on {
            self.cancel_at_machines(now);
        }
        self.refill |= !on;
        self.settle(now);
    }

    /// What machines still bring gets in the way of what comes by itself. (The server's seed does not hear of cancels.)
    fn cancel_at_machines(&mut self, now: Duration) {
        let machines = self.peers.iter().filter(|(_, peer)| peer.is_machine());
        let machines: Vec<_> = machines.map(|(conn, _)| *conn).collect();
        for conn in machines {
            for block in self.take_back(conn) {
                self.send(conn, Message::Cancel(block), now);
            }
        }
    }

    /// The server, `speaker`, has sent a block to everybody in `group`.
    pub fn overheard(
        &mut self,
        (group, speaker): (Ipv4Addr, Ipv4Addr),
        block: Block,
        data: Bytes,
        now: Duration,
    ) {
        if !self.overhearing.believes() || !group.is_multicast() {
            return;
        }
        self.overhearing.speaker = Some(speaker);
        let next = &mut self.next_conn;
        let conn = *self.overhearing.conn.get_or_insert_with(|| {
            *next += 1;
            ConnId(*next - 1)
        });
        let arrival = self.picker.overheard(block, conn, group);
        if matches!(arrival, Arrival::Stored { .. }) {
            self.meter.add(block.length, now);
        }
        self.take_in(arrival, conn, block, data, now);
        self.settle(now);
    }

    pub(super) fn remember_the_others(&mut self, now: Duration) {
        let silence = now.saturating_sub(self.overhearing.last);
        if self.overhearing.on && silence > IN_VAIN {
            self.listen(false, now);
            self.overhearing.wrong += 1;
            self.disbelieve(now);
        }
    }

    /// What to tell the server of this download.
    pub fn holdings(&self) -> Holdings {
        Holdings {
            lacking: self.picker.lacking().clone(),
            fetched: self.fetched.all,
            of_server: self.fetched.of_server,
            believes: self.overhearing.believes(),
        }
    }

    /// A piece that the group had a part in is wrong. Who else brought blocks of it is not suspected: anybody can speak in
    /// the group, and could have others suspected.
    pub(super) fn misheard(&mut self, group: Ipv4Addr, now: Duration) {
        self.overhearing.wrong += 1;
        if self.overhearing.wrong == MOST_WRONG {
            self.actions.push_back(Action::Banned { address: group });
            self.disbelieve(now);
        }
    }

    /// A piece is right that these have brought.
    pub(super) fn heard_right(&mut self, providers: &[(Ipv4Addr, u32)], now: Duration) {
        if self.overhearing.group_among(providers).is_some() {
            self.overhearing.last = self.overhearing.last.max(now);
        }
    }

    /// Once nothing of the group is believed, what it brought is fetched from others: what of that is wrong would spoil
    /// each of these pieces a first time.
    fn disbelieve(&mut self, now: Duration) {
        if !self.overhearing.believes() {
            self.picker.forget_overheard();
            self.listen(false, now);
        }
    }
}
