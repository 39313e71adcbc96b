//! Telling each other who fetches what from the server.

use std::time::Duration;

use bytes::Bytes;

use super::{ConnId, Reason, Swarm};
use crate::core::claims::Before;
use crate::core::wire::Claim;

impl Swarm {
    /// A peer tells what it fetches from the server.
    pub(super) fn claimed(
        &mut self,
        conn: ConnId,
        payload: Bytes,
        now: Duration,
    ) -> Result<(), Reason> {
        let (Some(claim), Some(peer)) = (Claim::parse(payload), self.peers.get(&conn)) else {
            return Ok(());
        };
        let (Claim::Takes(piece) | Claim::Leaves(piece)) = claim;
        if piece >= self.settings.layout.pieces() {
            return Err(Reason::Rule("a claim of a piece that does not exist"));
        }
        if claim == Claim::Leaves(piece) {
            self.claims.left(conn, piece);
            self.refill = true;
            return Ok(());
        }
        // What somebody has needs no claim.
        if self.picker.only_at_server(piece) {
            let first = if peer.id < self.settings.peer_id {
                Before::Us
            } else {
                Before::Them
            };
            if self.claims.heard(conn, piece, first, now) {
                self.picker.reserve(&mut self.claims, now, &mut self.rng);
                self.tell_claims(now);
            }
        }
        Ok(())
    }

    /// A newcomer hears what we claim.
    pub(super) fn tell_all_claims(&mut self, conn: ConnId, now: Duration) {
        let Some(id) = self.peers.get(&conn).and_then(|peer| peer.claim) else {
            return;
        };
        let ours: Vec<_> = self.claims.ours().collect();
        for claim in ours {
            self.send(conn, claim.to_message(id), now);
        }
    }

    /// Everybody of ours hears what is new. Who has everything has no use for it.
    pub(super) fn tell_claims(&mut self, now: Duration) {
        while let Some(claim) = self.claims.untold() {
            let listeners: Vec<_> = self
                .peers
                .iter()
                .filter(|(_, peer)| peer.live() && !peer.has.is_full())
                .filter_map(|(conn, peer)| Some((*conn, peer.claim?)))
                .collect();
            for (conn, id) in listeners {
                self.send(conn, claim.to_message(id), now);
            }
        }
    }

    /// Claims that are not kept end, ours and theirs.
    pub(super) fn review_claims(&mut self, now: Duration) {
        self.claims.expire(now);
        let (picker, next) = (&self.picker, self.claims.next());
        let server = self
            .peers
            .values()
            .any(|peer| peer.server() && peer.may_ask());
        self.claims.leave_all_but(|piece| {
            server && (picker.begun(piece) || next == Some(piece) && picker.only_at_server(piece))
        });
        self.claims.repeat(now);
        self.tell_claims(now);
    }
}
