//! What happens to a machine, and in which order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::core::{Block, ConnId};

/// One end of a connection.
#[derive(Clone, Copy)]
pub(super) struct End {
    pub(super) machine: usize,
    /// Which life of the machine: what is on its way to an earlier one is lost.
    pub(super) life: u32,
    pub(super) conn: ConnId,
}

#[derive(Clone, Copy)]
pub(super) enum Event {
    Start,
    Vanish,
    Leave,
    Tick,
    Announce,
    /// Somebody connects, so far away.
    Dialed {
        from: End,
        latency: Duration,
    },
    Connected {
        conn: ConnId,
        to: End,
    },
    Closed {
        conn: ConnId,
    },
    /// The block at the head of the machine's own link has left.
    Left,
    /// A block begins to come in.
    Comes {
        conn: ConnId,
        block: Block,
        right: bool,
    },
    /// A block has come in.
    Arrived {
        conn: ConnId,
        block: Block,
        right: bool,
    },
    Checked {
        piece: u32,
        right: bool,
    },
}

struct Scheduled {
    at: Duration,
    order: u64,
    event: Event,
}

/// All that is going to happen to one machine; of two things at the same moment the one that was planned
/// first.
#[derive(Default)]
pub(super) struct Agenda {
    order: u64,
    events: BinaryHeap<Reverse<Scheduled>>,
}

impl Agenda {
    pub(super) fn plan(&mut self, at: Duration, event: Event) {
        self.order += 1;
        let order = self.order;
        self.events.push(Reverse(Scheduled { at, order, event }));
    }

    /// When the next thing happens.
    pub(super) fn first(&self) -> Option<Duration> {
        self.events.peek().map(|Reverse(next)| next.at)
    }

    /// The next thing that happens before this moment.
    pub(super) fn next(&mut self, before: Duration) -> Option<(Duration, Event)> {
        self.first().filter(|at| *at < before)?;
        let Reverse(next) = self.events.pop()?;
        Some((next.at, next.event))
    }

    pub(super) fn clear(&mut self) {
        self.events.clear();
    }
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}
