//! A machine's own link: what waits to leave, what waits to come in, and what comes by the mail.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use crate::core::wire::{Frame, Message};
use crate::core::{Block, ByConn, ConnId};

/// The way out. The connections take turns, block by block, as TCP shares a link.
#[derive(Default)]
pub(super) struct Uplink {
    waiting: ByConn<VecDeque<Block>>,
    turns: VecDeque<ConnId>,
    /// What is leaving now; none if the link rests.
    leaving: Option<(ConnId, Block)>,
}

impl Uplink {
    pub(super) fn push(&mut self, conn: ConnId, block: Block) {
        match self.waiting.get_mut(&conn) {
            Some(queue) => {
                if queue.is_empty() {
                    self.turns.push_back(conn);
                }
                queue.push_back(block);
            }
            None => {
                self.turns.push_back(conn);
                self.waiting.insert(conn, VecDeque::from([block]));
            }
        }
    }

    /// Begins with the next block if the link rests.
    pub(super) fn begin(&mut self) -> Option<Block> {
        if self.leaving.is_some() {
            return None;
        }
        let conn = self.turns.pop_front()?;
        let queue = self.waiting.get_mut(&conn)?;
        let block = queue.pop_front()?;
        if !queue.is_empty() {
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

/// A message on its way. Most of them are of a few kinds, which are kept small: a large room has millions
/// on their way.
pub(super) enum Letter {
    Have(u32),
    Haves(Vec<u32>),
    Request(Block),
    Extended(u8, Bytes),
    Other(Box<Frame>),
}

impl From<Frame> for Letter {
    fn from(frame: Frame) -> Self {
        match frame {
            Frame::Message(Message::Have(piece)) => Self::Have(piece),
            Frame::Message(Message::Haves(pieces)) => Self::Haves(pieces),
            Frame::Message(Message::Request(block)) => Self::Request(block),
            Frame::Message(Message::Extended { id, payload }) => Self::Extended(id, payload),
            other => Self::Other(Box::new(other)),
        }
    }
}

impl From<Letter> for Frame {
    fn from(letter: Letter) -> Self {
        match letter {
            Letter::Have(piece) => Message::Have(piece).into(),
            Letter::Haves(pieces) => Message::Haves(pieces).into(),
            Letter::Request(block) => Message::Request(block).into(),
            Letter::Extended(id, payload) => Message::Extended { id, payload }.into(),
            Letter::Other(frame) => *frame,
        }
    }
}

type Letters = Vec<(ConnId, Letter)>;

/// Messages on their way to a machine, by the moment they come in.
#[derive(Default)]
pub(super) struct Mail {
    bags: VecDeque<(Duration, Letters)>,
    /// Empty bags, to be used again.
    spare: Vec<Letters>,
}

impl Mail {
    /// True if nothing was to come in at this moment so far.
    pub(super) fn push(&mut self, at: Duration, conn: ConnId, letter: Letter) -> bool {
        let after = self.bags.iter().rposition(|(moment, _)| *moment <= at);
        if let Some(index) = after
            && self.bags[index].0 == at
        {
            self.bags[index].1.push((conn, letter));
            return false;
        }
        let place = after.map_or(0, |index| index + 1);
        let mut bag = self.spare.pop().unwrap_or_default();
        bag.push((conn, letter));
        self.bags.insert(place, (at, bag));
        true
    }

    pub(super) fn take(&mut self, now: Duration) -> Letters {
        match self.bags.front() {
            Some((at, _)) if *at <= now => self.bags.pop_front().map(|(_, bag)| bag),
            _ => None,
        }
        .unwrap_or_default()
    }

    pub(super) fn give_back(&mut self, empty: Letters) {
        self.spare.push(empty);
    }
}
