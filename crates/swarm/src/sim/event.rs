//! What happens in a room, and in which order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use bytes::Bytes;

use crate::core::{Block, ConnId};

pub(super) enum Event {
    Start,
    Vanish,
    Tick,
    Announce,
    Dialed {
        from: usize,
        conn: ConnId,
    },
    Connected {
        conn: ConnId,
        peer: usize,
        theirs: ConnId,
    },
    Closed {
        conn: ConnId,
    },
    /// The messages of this moment are in.
    Mail,
    /// The block at the head of the machine's own link has left.
    Left,
    /// A block has come in.
    Arrived {
        conn: ConnId,
        block: Block,
        data: Bytes,
    },
    Checked {
        piece: u32,
        right: bool,
    },
}

struct Scheduled {
    at: Duration,
    order: u64,
    machine: usize,
    event: Event,
}

/// All that is going to happen; of two things at the same moment the one that was planned first.
#[derive(Default)]
pub(super) struct Agenda {
    order: u64,
    events: BinaryHeap<Reverse<Scheduled>>,
}

impl Agenda {
    pub(super) fn plan(&mut self, at: Duration, machine: usize, event: Event) {
        self.order += 1;
        self.events.push(Reverse(Scheduled {
            at,
            order: self.order,
            machine,
            event,
        }));
    }

    pub(super) fn next(&mut self) -> Option<(Duration, usize, Event)> {
        let Reverse(next) = self.events.pop()?;
        Some((next.at, next.machine, next.event))
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
