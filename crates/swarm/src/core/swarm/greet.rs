//! How a conversation begins: who is it, and do we talk to them?

use std::net::SocketAddrV4;
use std::time::Duration;

use super::{Action, ConnId, Message, Peer, Reason, Stage, Swarm};
use crate::core::exchange::PeerExchange;
use crate::core::uploads::MAX_QUEUE;
use crate::core::wire::{ExtendedHandshake, Frame, Handshake, OUR_CLAIM_ID, OUR_PEX_ID};

impl Swarm {
    pub(super) fn say_hello(&mut self, conn: ConnId, now: Duration) {
        let hello = Handshake::new(self.settings.info_hash, self.settings.peer_id);
        self.send(conn, Frame::Handshake(hello), now);
    }

    /// Their handshake: checked, and answered with all they need to know about us.
    pub(super) fn greeted(
        &mut self,
        conn: ConnId,
        hello: &Handshake,
        now: Duration,
    ) -> Result<(), Reason> {
        if hello.info_hash != self.settings.info_hash {
            return Err(Reason::OtherTorrent);
        }
        if hello.peer_id == self.settings.peer_id {
            return Err(Reason::Ourselves);
        }
        self.settle_duplicates(conn, hello.peer_id, now)?;
        let Some(peer) = self.peers.get_mut(&conn) else {
            return Ok(());
        };
        if peer.stage != Stage::Greeting {
            return Err(Reason::Rule("a second greeting"));
        }
        peer.stage = Stage::Live;
        peer.is_called(hello.peer_id);
        if let Some(address) = peer.listens {
            self.dialer.proven(address);
        }
        if peer.incoming {
            self.say_hello(conn, now);
        }
        if !self.picker.have().is_empty() {
            let field = self.picker.have().clone();
            self.send(conn, Message::Bitfield(field), now);
        }
        if hello.extended() {
            if let Some(peer) = self.peers.get_mut(&conn) {
                peer.extended = true;
            }
            let about_us = self.introduction();
            self.send(conn, about_us.to_message(), now);
        }
        // In a room everybody serves everybody: nobody is ever choked.
        self.send(conn, Message::Unchoke, now);
        Ok(())
    }

    /// Our extended handshake. That we have all we want (BEP 21) must be said: of pieces that others have
    /// they do not hear, so that they never see that we have everything.
    fn introduction(&self) -> ExtendedHandshake {
        let done = self.complete() && !self.server;
        ExtendedHandshake {
            claim: (!self.server).then_some(OUR_CLAIM_ID),
            pex: (self.settings.exchange == PeerExchange::On).then_some(OUR_PEX_ID),
            port: self.settings.port,
            requests: Some(MAX_QUEUE as u32),
            upload_only: done.then_some(true),
        }
    }

    /// Two machines that learn of each other at once connect to each other at once. Both must keep
    /// the same connection: the one that the machine with the lower id made. Of two in the same
    /// direction the newer one is alive. The same id at another address is somebody else: ids are
    /// told to everybody, and whoever copies one must not keep its owner out.
    fn settle_duplicates(
        &mut self,
        conn: ConnId,
        id: [u8; 20],
        now: Duration,
    ) -> Result<(), Reason> {
        let Some(new) = self.peers.get(&conn) else {
            return Ok(());
        };
        let twin = self.peers.iter().find(|(other, peer)| {
            **other != conn && peer.live() && peer.id == id && peer.ip() == new.ip()
        });
        let Some((&twin, old)) = twin else {
            return Ok(());
        };
        let keep_new = if new.incoming == old.incoming {
            true
        } else {
            new.incoming == (id < self.settings.peer_id)
        };
        let (stays, goes) = if keep_new { (conn, twin) } else { (twin, conn) };
        let listens = self
            .peers
            .get_mut(&goes)
            .and_then(|peer| peer.listens.take());
        if keep_new {
            self.close(twin, Reason::Duplicate, now);
        }
        // The address they listen on needs no other connection while this one stands.
        if let Some(address) = listens {
            self.dialer.hand_over(address, goes, stays);
            if let Some(peer) = self.peers.get_mut(&stays) {
                peer.listens = peer.listens.or(Some(address));
            }
        }
        if keep_new {
            Ok(())
        } else {
            Err(Reason::Duplicate)
        }
    }

    /// Their extended handshake.
    pub(super) fn introduced(
        &mut self,
        conn: ConnId,
        payload: &[u8],
        now: Duration,
    ) -> Result<(), Reason> {
        let about = ExtendedHandshake::parse(payload)
            .ok_or(Reason::Rule("an extended handshake that is no dictionary"))?;
        let Some(peer) = self.peers.get_mut(&conn) else {
            return Ok(());
        };
        peer.upload_only = about.upload_only.unwrap_or(peer.upload_only);
        // It may be said again (BEP 10), but each time would cost a walk over all pieces: once counts, but
        // for whether it wants anything.
        if std::mem::replace(&mut peer.introduced, true) {
            self.part_if_both_complete(conn, now);
            return Ok(());
        }
        peer.claim = about.claim;
        if peer.judge() {
            let (seed, pieces) = (peer.seed, peer.has.clone());
            for piece in pieces.iter() {
                if seed {
                    self.picker.fewer_copies(piece);
                } else {
                    self.picker.more_copies(piece);
                    self.claims.came(piece, Some(conn));
                }
            }
        }
        let Some(peer) = self.peers.get_mut(&conn) else {
            return Ok(());
        };
        if let Some(most) = about.requests {
            peer.requests.set_limit(most);
        }
        if let (None, Some(port)) = (peer.listens, about.port) {
            let address = SocketAddrV4::new(peer.ip(), port);
            self.dialer.learn(address);
            if self.dialer.occupy(address, conn) {
                peer.listens = Some(address);
            }
        }
        if self.settings.exchange == PeerExchange::On {
            peer.exchange.wants = about.pex;
            self.tell_who_is_there(now);
        }
        self.tell_all_claims(conn, now);
        self.part_if_both_complete(conn, now);
        Ok(())
    }

    /// Nobody needs a connection between two that have all they want.
    pub(super) fn part_if_both_complete(&mut self, conn: ConnId, now: Duration) {
        let done = self
            .peers
            .get(&conn)
            .is_some_and(|peer| peer.live() && peer.done());
        if done && self.complete() {
            self.close(conn, Reason::BothComplete, now);
        }
    }

    /// Who wants no more says so (BEP 21).
    fn want_nothing_more(&mut self, conn: ConnId, now: Duration) {
        let about_us = self.introduction();
        let listens = |peer: &Peer| peer.live() && peer.extended;
        if about_us.upload_only.is_some() && self.peers.get(&conn).is_some_and(listens) {
            self.send(conn, about_us.to_message(), now);
        }
    }

    pub(super) fn announce_complete(&mut self, now: Duration) {
        self.actions.push_back(Action::Complete);
        let conns: Vec<_> = self.peers.keys().copied().collect();
        for conn in conns {
            self.part_if_both_complete(conn, now);
            self.want_nothing_more(conn, now);
        }
    }
}
