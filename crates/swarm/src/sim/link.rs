//! A machine's own link: what waits to leave, what waits to come in, and what comes by the mail.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::core::wire::Frame;
use crate::core::{Block, ConnId};

/// The way out. The connections take turns, block by block, as TCP shares a link.
#[derive(Default)]
pub(super) struct Uplink {
    waiting: BTreeMap<ConnId, VecDeque<Block>>,
    turns: VecDeque<ConnId>,
    /// What is leaving now; none if the link rests.
    leaving: Option<(ConnId, Block)>,
}

impl Uplink {
    pub(super) fn push(&mut self, conn: ConnId, block: Block) {
        let queue = self.waiting.entry(conn).or_default();
        if queue.is_empty() {
            self.turns.push_back(conn);
        }
        queue.push_back(block);
    }

    /// Begins with the next block if the link rests.
    pub(super) fn begin(&mut self) -> Option<Block> {
        if self.leaving.is_some() {
            return None;
        }
        let conn = self.turns.pop_front()?;
        let queue = self.waiting.get_mut(&conn)?;
        let block = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&conn);
        } else {
            self.turns.push_back(conn);
        }
        self.leaving = Some((conn, block));
        Some(block)
    }

    /// What was leaving has left.
    pub(super) fn end(&mut self) -> Option<(ConnId, Block)> {
        self.leaving.take()
    }

    /// The connection is gone, and all that waited for it.
    pub(super) fn drop_all(&mut self, conn: ConnId) {
        self.waiting.remove(&conn);
        self.turns.retain(|other| *other != conn);
    }
}

/// Messages on their way to a machine, by the moment they come in.
#[derive(Default)]
pub(super) struct Mail(VecDeque<(Duration, Vec<(ConnId, Frame)>)>);

impl Mail {
    /// True if nothing was to come in at this moment so far.
    pub(super) fn push(&mut self, at: Duration, conn: ConnId, frame: Frame) -> bool {
        let after = self.0.iter().rposition(|(moment, _)| *moment <= at);
        if let Some(index) = after
            && self.0[index].0 == at
        {
            self.0[index].1.push((conn, frame));
            return false;
        }
        let place = after.map_or(0, |index| index + 1);
        self.0.insert(place, (at, vec![(conn, frame)]));
        true
    }

    pub(super) fn take(&mut self, now: Duration) -> Vec<(ConnId, Frame)> {
        match self.0.front() {
            Some((at, _)) if *at <= now => self.0.pop_front().map(|(_, all)| all),
            _ => None,
        }
        .unwrap_or_default()
    }
}
