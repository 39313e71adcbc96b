//! The machines of a room: how they behave, and what became of them.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::core::{Bitfield, Status};

/// How a machine behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conduct {
    /// As the core says.
    #[default]
    Honest,
    /// Everything it sends is wrong.
    Liar,
    /// It promises and never sends a block.
    Mute,
    /// It claims whatever it can and fetches nothing.
    Grabber,
}

/// Which pieces a machine wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wants {
    /// All of them.
    #[default]
    All,
    /// These, and all between them.
    Between {
        /// The first one.
        first: u32,
        /// The last one.
        last: u32,
    },
}

impl Wants {
    /// Of so many.
    pub(super) fn of(self, pieces: u32) -> Bitfield {
        let mut wanted = Bitfield::empty(pieces);
        match self {
            Self::All => return Bitfield::full(pieces),
            Self::Between { first, last } => (first..=last.min(pieces)).for_each(|piece| {
                wanted.set(piece);
            }),
        }
        wanted
    }
}

/// One machine of the room.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    /// Bytes per second it can send.
    pub up: f64,
    /// Bytes per second it can receive.
    pub down: f64,
    /// Half of the time to anybody else and back.
    pub latency: Duration,
    /// When it is switched on.
    pub starts: Duration,
    /// When it is switched off, without a word to anybody.
    pub vanishes: Option<Duration>,
    /// When it leaves in order: its connections are closed.
    pub leaves: Option<Duration>,
    /// When it is switched on again after that, with nothing of what it had fetched.
    pub returns: Option<Duration>,
    /// It has everything from the start.
    pub seed: bool,
    /// Which pieces it is there for.
    pub wants: Wants,
    /// How it behaves.
    pub conduct: Conduct,
}

impl Machine {
    /// A downloader with the same rate in both directions, in bytes per second, there from the
    /// start, half a millisecond away.
    pub fn new(rate: f64) -> Self {
        Self {
            up: rate,
            down: rate,
            latency: Duration::from_micros(500),
            starts: Duration::ZERO,
            vanishes: None,
            leaves: None,
            returns: None,
            seed: false,
            wants: Wants::All,
            conduct: Conduct::Honest,
        }
    }

    /// It is there in the end.
    pub fn stays(&self) -> bool {
        self.vanishes.is_none() && self.leaves.is_none() || self.returns.is_some()
    }
}

/// What became of a machine.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// When it had all it wants, since the world began.
    pub finished: Option<Duration>,
    /// Whom it banned.
    pub banned: Vec<usize>,
    /// Blocks that reached it and were not stored.
    pub wasted: u64,
    /// Bytes of pieces whose hash was right.
    pub right: u64,
    /// Blocks that it sent again while there were others that it had never sent.
    pub repeated: u64,
    /// Pieces that it sent something of, if it is the server.
    pub given: BTreeSet<u32>,
    /// Its own view at the end.
    pub status: Status,
}
