//! What happens in a room, and in which order.

use std::time::Duration;

use crate::core::wire::Frame;
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
    Reaching {
        conn: ConnId,
        bytes: f64,
        frame: Frame,
    },
    Frame {
        conn: ConnId,
        frame: Frame,
    },
    Left {
        conn: ConnId,
        block: Block,
    },
    Checked {
        piece: u32,
        right: bool,
    },
}

pub(super) struct Scheduled {
    pub(super) at: Duration,
    pub(super) order: u64,
    pub(super) machine: usize,
    pub(super) event: Event,
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
