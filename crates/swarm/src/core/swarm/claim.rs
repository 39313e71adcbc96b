//! Telling each other who fetches what from the server.

use std::time::Duration;

use bytes::Bytes;
use rand::RngExt;

use super::{ConnId, Peer, Reason, Swarm};
use crate::core::claims::{Heard, Said};
use crate::core::wire::{Claim, Kind, Way};

/// So many known addresses are a large room; trackers name about fifty at a time.
const LARGE_ROOM: usize = 50;
/// Within so long the machines of a large room begin to ask the server, at first and when it has less to
/// do: all at once they would flood it before they have heard of each other.
const LONGEST_WAIT: Duration = Duration::from_millis(500);

impl Swarm {
    /// A peer tells who fetches what from the server.
    pub(super) fn claimed(
        &mut self,
        conn: ConnId,
        payload: Bytes,
        now: Duration,
    ) -> Result<(), Reason> {
        let Some(claim) = Claim::parse(payload) else {
            return Ok(());
        };
        let piece = claim.piece;
        if piece >= self.settings.layout.pieces() {
            return Err(Reason::Rule("a claim of a piece that does not exist"));
        }
        let heard = match claim.kind {
            Kind::Leaves if self.claims.left(conn, piece) => Heard::Noted,
            // What somebody has needs no claim; but who goes on with one that we know keeps it, also where we
            // have begun to fetch that piece ourselves meanwhile. A claim of what we do not want is none of our
            // business: it must not keep us from asking the server for what we do.
            Kind::Takes if self.picker.unseen(piece) || self.claims.taken(piece) => {
                self.claims.heard(conn, &claim, now)
            }
            Kind::Leaves | Kind::Takes => Heard::Ignored,
        };
        if heard == Heard::Lost {
            self.picker.reserve(&mut self.claims, now, &mut self.rng);
            self.tell_claims(now);
        }
        if heard != Heard::Ignored && claim.way == Way::TellOn {
            let way = Way::ToldOn;
            let on = Claim { way, ..claim };
            self.tell_claim(on, Some(conn), now);
        }
        Ok(())
    }

    /// Machines of a large room do not all ask the server at the same moment: who is a little later
    /// hears of the others' claims first.
    pub(super) fn queue_politely(&mut self, conn: ConnId, now: Duration) {
        let server = self.peers.get(&conn).is_some_and(Peer::server);
        if server && self.dialer.known() >= LARGE_ROOM {
            self.wait_a_little(now);
        }
    }

    fn wait_a_little(&mut self, now: Duration) {
        let wait = LONGEST_WAIT.mul_f64(self.rng.random());
        self.claims.hold(now + wait);
    }

    /// A newcomer hears what we claim.
    pub(super) fn tell_all_claims(&mut self, conn: ConnId, now: Duration) {
        let Some(id) = self.peers.get(&conn).and_then(|peer| peer.claim) else {
            return;
        };
        let ours: Vec<_> = self.claims.ours().collect();
        for said in ours {
            let claim = self.claim(said);
            self.send(conn, claim.to_message(id), now);
        }
    }

    /// Everybody of ours hears what is new.
    pub(super) fn tell_claims(&mut self, now: Duration) {
        while let Some(said) = self.claims.untold() {
            let claim = self.claim(said);
            self.tell_claim(claim, None, now);
        }
    }

    /// In a room that is larger than what we are connected to, our peers tell it on.
    fn claim(&self, said: Said) -> Claim {
        Claim {
            kind: said.kind,
            piece: said.piece,
            rank: said.rank,
            way: if self.dialer.known() > self.peers.len() {
                Way::TellOn
            } else {
                Way::Direct
            },
        }
    }

    /// Who has all it wants has no use for it.
    fn tell_claim(&mut self, claim: Claim, but: Option<ConnId>, now: Duration) {
        let listeners = self
            .peers
            .iter()
            .filter(|(conn, peer)| Some(**conn) != but && peer.live() && !peer.done());
        let listeners: Vec<_> = listeners
            .filter_map(|(conn, peer)| Some((*conn, peer.claim?)))
            .collect();
        // Nearly everybody wants it under the same id, so that its bytes are written once.
        let mut last = None;
        for (conn, id) in listeners {
            let message = match last.take() {
                Some((same, message)) if same == id => message,
                _ => claim.to_message(id),
            };
            self.send(conn, message.clone(), now);
            last = Some((id, message));
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
            server && (picker.begun(piece) || next == Some(piece) && picker.unseen(piece))
        });
        self.claims.repeat(now);
        if self.claims.left_out() {
            self.wait_a_little(now);
        }
        self.tell_claims(now);
    }
}
