//! What a piece's hash tells about the piece, and about those who brought it.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::{Action, ConnId, Message, Reason, Swarm};

impl Swarm {
    /// The hash of a piece that [`Action::Check`] named is right or wrong.
    pub fn checked(&mut self, piece: u32, right: bool, now: Duration) {
        if right {
            self.verified(piece, now);
        } else {
            self.refuted(piece, now);
        }
        self.settle(now);
    }

    fn verified(&mut self, piece: u32, now: Duration) {
        let providers = self.picker.verified(piece);
        if providers.is_empty() {
            return;
        }
        if let [(alone, _)] = providers[..] {
            self.offenders.clear(alone);
        }
        self.claims.over(piece);
        self.claims.came(piece, None);
        for (from, bytes) in providers {
            *self.sources.entry(from).or_default() += u64::from(bytes);
        }
        let live: Vec<_> = self.live();
        for conn in live {
            self.tell(conn, piece, now);
        }
        if self.complete() {
            self.announce_complete(now);
        }
    }

    /// Everybody hears of a new piece at once; who has everything has no use for it.
    fn tell(&mut self, conn: ConnId, piece: u32, now: Duration) {
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        if peer.has.has(piece) {
            peer.wanted -= 1;
        }
        if !peer.has.is_full() {
            self.send(conn, Message::Have(piece), now);
        }
        self.show_interest(conn, now);
    }

    /// One who brought a wrong piece alone is a liar. Of several nobody knows which one: all of
    /// them bring whole pieces alone from now on, until one of those is right.
    fn refuted(&mut self, piece: u32, now: Duration) {
        let providers = self.picker.refuted(piece);
        if let [(liar, _)] = providers[..] {
            self.offenders.ban(liar, now);
            self.actions.push_back(Action::Banned { address: liar });
            self.part_from(liar, now);
        } else {
            for (address, _) in providers {
                self.offenders.suspect(address);
            }
        }
        self.refill = true;
    }

    fn part_from(&mut self, address: Ipv4Addr, now: Duration) {
        let theirs = self.peers.iter().filter(|(_, peer)| peer.ip() == address);
        let theirs: Vec<_> = theirs.map(|(conn, _)| *conn).collect();
        for conn in theirs {
            self.close(conn, Reason::Banned, now);
        }
    }

    fn live(&self) -> Vec<ConnId> {
        let live = self.peers.iter().filter(|(_, peer)| peer.live());
        live.map(|(conn, _)| *conn).collect()
    }
}
