//! Telling each other who is there, without a tracker (BEP 11).
//!
//! A newcomer hears at once whom we are connected to, and dials them; who has everything dials nobody
//! and is told nothing.

use std::time::Duration;

use super::{ConnId, Peer, Swarm};
use crate::core::exchange::{PeerExchange, Present, believable};
use crate::core::wire::{Added, Pex};

impl Swarm {
    /// Tells everybody whose turn it is what is new.
    pub(super) fn tell_who_is_there(&mut self, now: Duration) {
        let mut present = None;
        let due = |peer: &Peer| peer.live() && !peer.done() && peer.exchange.due(now);
        let due = self.peers.iter().filter(|(_, peer)| due(peer));
        let due: Vec<_> = due.map(|(conn, _)| *conn).collect();
        for conn in due {
            let present = present.get_or_insert_with(|| self.present());
            let Some(peer) = self.peers.get_mut(&conn) else {
                continue;
            };
            let news = peer
                .exchange
                .news(present, peer.listens, now, &mut self.rng);
            if let (Some(news), Some(id)) = (news, peer.exchange.wants) {
                self.send(conn, news.to_message(id), now);
            }
        }
    }

    /// Those who can be named: we talk to them, and know where they listen.
    fn present(&self) -> Present {
        let live = self.peers.values().filter(|peer| peer.live());
        let named = live.filter_map(|peer| {
            let address = peer.listens?;
            let added = Added {
                address,
                seed: peer.done(),
                reachable: !peer.incoming,
            };
            Some((address, added))
        });
        named.collect()
    }

    /// A peer tells whom it is connected to. Whom it is connected to no more we find out ourselves.
    pub(super) fn told_who_is_there(&mut self, conn: ConnId, payload: &[u8], now: Duration) {
        if self.settings.exchange == PeerExchange::Off || self.complete() {
            return;
        }
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        if !peer.exchange.hears(now) {
            return;
        }
        let Some(told) = Pex::parse(payload) else {
            return;
        };
        let teller = peer.address;
        for added in told.added {
            if believable(added.address, teller) {
                self.dialer.hear(added.address, conn);
            }
        }
        self.dial(now);
    }
}
