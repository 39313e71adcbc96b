//! What a message means.

use std::time::Duration;

use super::{Bitfield, ConnId, Message, Reason, Swarm};
use crate::core::wire::{OUR_CLAIM_ID, OUR_PEX_ID};

/// Blocks that nobody asked for which one peer may send before we part.
const MAX_UNASKED: u32 = 64;

impl Swarm {
    /// One message of a peer that greeted. An error ends the connection.
    pub(super) fn heard(
        &mut self,
        conn: ConnId,
        message: Message,
        now: Duration,
    ) -> Result<(), Reason> {
        match message {
            Message::Choke => self.choked(conn),
            Message::Unchoke => {
                if let Some(peer) = self.peers.get_mut(&conn) {
                    peer.choking = false;
                    self.queue_politely(conn, now);
                }
                self.fill(conn, now);
            }
            Message::Have(piece) => self.has_one_more(conn, piece, now)?,
            Message::Haves(pieces) => {
                for piece in pieces {
                    self.has_one_more(conn, piece, now)?;
                }
            }
            Message::Bitfield(field) => self.has_all_these(conn, field, now)?,
            Message::Piece { piece, begin, data } => {
                let unasked = self.delivered(conn, piece, begin, data, now);
                if unasked > MAX_UNASKED {
                    return Err(Reason::Rule("blocks that nobody asked for"));
                }
            }
            Message::Request(block) => self.requested(conn, block)?,
            Message::Cancel(block) => self.cancelled(conn, block),
            Message::Extended { id: 0, payload } => self.introduced(conn, &payload, now)?,
            Message::Extended {
                id: OUR_CLAIM_ID,
                payload,
            } => self.claimed(conn, payload, now)?,
            Message::Extended {
                id: OUR_PEX_ID,
                payload,
            } => self.told_who_is_there(conn, &payload, now),
            // Who is interested gets nothing else than who is not: nobody is choked.
            Message::Interested
            | Message::NotInterested
            | Message::KeepAlive
            | Message::Extended { .. }
            | Message::Unknown(_) => {}
        }
        Ok(())
    }

    /// Without BEP 6 a choke means that all open requests are forgotten.
    fn choked(&mut self, conn: ConnId) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.choking = true;
        }
        self.take_back(conn);
    }

    fn has_one_more(&mut self, conn: ConnId, piece: u32, now: Duration) -> Result<(), Reason> {
        if piece >= self.settings.layout.pieces() {
            return Err(Reason::Rule("a piece that does not exist"));
        }
        let Some(peer) = self.peers.get_mut(&conn) else {
            return Ok(());
        };
        peer.told = true;
        if !peer.has.set(piece) {
            return Ok(());
        }
        // How rare is what we have, or do not want, is of no interest.
        if !self.picker.lacking().has(piece) {
            if peer.done() {
                self.part_if_both_complete(conn, now);
            }
            return Ok(());
        }
        peer.wanted += 1;
        let first = peer.wanted == 1;
        let room = peer.requests.room(now) > 0;
        if self.picker.more_copies(piece) {
            // Only what nobody has is ever claimed.
            self.claims.came(piece, Some(conn));
        }
        if first {
            self.show_interest(conn, now);
        }
        if room && self.picker.wants(piece) {
            self.fill(conn, now);
        }
        Ok(())
    }

    fn has_all_these(
        &mut self,
        conn: ConnId,
        field: Bitfield,
        now: Duration,
    ) -> Result<(), Reason> {
        let Some(peer) = self.peers.get_mut(&conn) else {
            return Ok(());
        };
        if std::mem::replace(&mut peer.told, true) {
            return Err(Reason::Rule("a second bitfield"));
        }
        peer.wanted = field.count_common(self.picker.lacking());
        peer.has = field;
        peer.judge();
        if !peer.seed {
            for piece in peer.has.iter() {
                self.picker.more_copies(piece);
                self.claims.came(piece, Some(conn));
            }
        }
        self.show_interest(conn, now);
        self.fill(conn, now);
        self.part_if_both_complete(conn, now);
        Ok(())
    }

    /// Tells the peer whether it has something for us, if that changed.
    pub(super) fn show_interest(&mut self, conn: ConnId, now: Duration) {
        let Some(peer) = self.peers.get_mut(&conn).filter(|peer| peer.live()) else {
            return;
        };
        let interested = peer.wanted > 0;
        if std::mem::replace(&mut peer.interested, interested) != interested {
            let message = if interested {
                Message::Interested
            } else {
                Message::NotInterested
            };
            self.send(conn, message, now);
        }
    }
}
