//! A machine's own link: what waits to leave, what goes to others, and what comes by the mail.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::event::{End, Event};
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

    /// Drops a block that waits. False if none does.
    pub(super) fn recall(&mut self, conn: ConnId, block: Block) -> bool {
        let Some(queue) = self.waiting.get_mut(&conn) else {
            return false;
        };
        let found = queue.iter().position(|waiting| *waiting == block);
        let dropped = found.and_then(|at| queue.remove(at)).is_some();
        if dropped && queue.is_empty() {
            self.turns.retain(|other| *other != conn);
        }
        dropped
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

/// What a message says. Most of them are of a few kinds, which are kept small: a large room has millions
/// on their way.
pub(super) enum Words {
    Have(u32),
    Haves(Vec<u32>),
    Request(Block),
    Extended(u8, Bytes),
    Other(Box<Frame>),
}

impl From<Frame> for Words {
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

impl From<Words> for Frame {
    fn from(words: Words) -> Self {
        match words {
            Words::Have(piece) => Message::Have(piece).into(),
            Words::Haves(pieces) => Message::Haves(pieces).into(),
            Words::Request(block) => Message::Request(block).into(),
            Words::Extended(id, payload) => Message::Extended { id, payload }.into(),
            Words::Other(frame) => *frame,
        }
    }
}

/// A message on its way.
pub(super) struct Letter {
    /// The beat in which it is there.
    pub(super) beat: u64,
    pub(super) to: End,
    pub(super) words: Words,
}

/// Anything else on its way.
#[derive(Clone, Copy)]
pub(super) struct Parcel {
    pub(super) at: Duration,
    pub(super) to: usize,
    /// In which life alone, if not in any.
    pub(super) life: Option<u32>,
    pub(super) event: Event,
}

/// What goes from one crew to another.
#[derive(Default)]
pub(super) struct Post {
    pub(super) letters: Vec<Letter>,
    pub(super) parcels: Vec<Parcel>,
}

impl Post {
    pub(super) fn is_empty(&self) -> bool {
        self.letters.is_empty() && self.parcels.is_empty()
    }
}

type Letters = Vec<(ConnId, Words)>;

/// Messages on their way to a machine, by the beat in which they are there.
#[derive(Default)]
pub(super) struct Mail {
    bags: VecDeque<(u64, Letters)>,
    /// Empty bags, to be used again.
    spare: Vec<Letters>,
}

impl Mail {
    pub(super) fn push(&mut self, letter: Letter) {
        let (beat, words) = (letter.beat, (letter.to.conn, letter.words));
        let after = self.bags.iter().rposition(|(other, _)| *other <= beat);
        if let Some(index) = after
            && self.bags[index].0 == beat
        {
            self.bags[index].1.push(words);
            return;
        }
        let mut bag = self.spare.pop().unwrap_or_default();
        bag.push(words);
        self.bags
            .insert(after.map_or(0, |index| index + 1), (beat, bag));
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.bags.front().map(|(beat, _)| *beat)
    }

    /// All that is there by now.
    pub(super) fn take(&mut self, now: u64) -> Option<Letters> {
        self.bags.front().filter(|(beat, _)| *beat <= now)?;
        self.bags.pop_front().map(|(_, bag)| bag)
    }

    pub(super) fn give_back(&mut self, empty: Letters) {
        self.spare.push(empty);
    }
}
