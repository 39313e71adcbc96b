//! Giving blocks to others.

use super::{Action, Block, ConnId, Reason, Swarm};
use crate::core::uploads::MAX_LENGTH;

impl Swarm {
    /// A block that [`Action::Upload`] named has left.
    pub fn uploaded(&mut self, conn: ConnId, block: Block) {
        self.uploaded += u64::from(block.length);
        self.landed(conn, block);
    }

    /// A block that [`Action::Recall`] named was dropped, and nothing of it has left.
    pub fn dropped(&mut self, conn: ConnId, block: Block) {
        self.landed(conn, block);
    }

    fn landed(&mut self, conn: ConnId, block: Block) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.uploads.landed(block);
            self.serve(conn);
        }
    }

    pub(super) fn requested(&mut self, conn: ConnId, block: Block) -> Result<(), Reason> {
        if !self.settings.layout.contains(block) || block.length > MAX_LENGTH {
            return Err(Reason::Rule("a request for bytes that do not exist"));
        }
        if !self.picker.have().has(block.piece) {
            return Err(Reason::Rule("a request for a piece we do not have"));
        }
        if self
            .peers
            .get_mut(&conn)
            .is_some_and(|peer| !peer.uploads.push(block))
        {
            return Err(Reason::Rule("far too many requests"));
        }
        self.serve(conn);
        Ok(())
    }

    pub(super) fn cancelled(&mut self, conn: ConnId, block: Block) {
        let peer = self.peers.get_mut(&conn);
        if peer.is_some_and(|peer| peer.uploads.cancel(block)) {
            self.actions.push_back(Action::Recall { conn, block });
        }
    }

    /// Sends as much as may be on its way to this peer.
    fn serve(&mut self, conn: ConnId) {
        // What is new goes before the blocks, in one packet with them.
        self.tell_untold(conn);
        let Some(peer) = self.peers.get_mut(&conn) else {
            return;
        };
        while let Some(block) = peer.uploads.pop() {
            self.actions.push_back(Action::Upload { conn, block });
        }
    }
}
