//! What a piece's hash tells about the piece, and about those who brought it.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::{Action, ConnId, Message, Peer, Reason, Swarm};

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
        self.heard_right(&providers, now);
        let news = self.picker.copies(piece) == 0;
        self.claims.fetched(piece);
        self.claims.came(piece, None);
        for (from, bytes) in providers {
            let from = self.overhearing.speaker_of(from);
            *self.sources.entry(from).or_default() += u64::from(bytes);
        }
        self.tell_all(piece, now);
        if news {
            self.tell_all_untold();
        }
        if self.complete() {
            self.announce_complete(now);
        }
    }

    /// Strangers hear of a new piece at once, unless they have everything. To our own kind it is said only if
    /// they lack that piece, and together with the next that is said to them: a packet for each would be what a
    /// machine of a room spends much of its time on.
    fn tell_all(&mut self, piece: u32, now: Duration) {
        let mut satisfied = Vec::new();
        for (conn, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.live()) {
            let conn = *conn;
            let has_it = peer.has.has(piece);
            if has_it {
                peer.wanted -= 1;
                if peer.interested && peer.wanted == 0 {
                    satisfied.push(conn);
                }
            }
            if peer.claim.is_some() {
                if !has_it && !peer.done() {
                    peer.untold.push(piece);
                }
            } else if !peer.has.is_full() {
                peer.last_sent = now;
                let frame = Message::Have(piece).into();
                self.actions.push_back(Action::Send { conn, frame });
            }
        }
        for conn in satisfied {
            self.show_interest(conn, now);
        }
    }

    /// Says which pieces are new, before anything else is said to this peer.
    pub(super) fn tell_untold(&mut self, conn: ConnId) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            say_untold(conn, peer, &mut self.actions);
        }
    }

    /// The same, to everybody.
    pub(super) fn tell_all_untold(&mut self) {
        for (conn, peer) in self.peers.iter_mut() {
            say_untold(*conn, peer, &mut self.actions);
        }
    }

    /// One who brought a wrong piece alone is a liar. Of several nobody knows which one: all of
    /// them bring whole pieces alone from now on, until one of those is right.
    fn refuted(&mut self, piece: u32, now: Duration) {
        let providers = self.picker.refuted(piece);
        if let Some(group) = self.overhearing.group_among(&providers) {
            self.refill = true;
            return self.misheard(group, now);
        }
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
}

/// What a peer has come by meanwhile it need not hear of.
pub(super) fn say_untold(conn: ConnId, peer: &mut Peer, actions: &mut VecDeque<Action>) {
    let (has, untold) = (&peer.has, &mut peer.untold);
    untold.retain(|piece| !has.has(*piece));
    let frame = match untold[..] {
        [] => return,
        [piece] => Message::Have(piece).into(),
        _ => Message::Haves(untold.clone()).into(),
    };
    untold.clear();
    actions.push_back(Action::Send { conn, frame });
}
