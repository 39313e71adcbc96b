//! The machines of a room: how they behave, and what became of them.

use std::time::Duration;

use crate::core::Status;

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
    /// It has everything from the start.
    pub seed: bool,
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
            seed: false,
            conduct: Conduct::Honest,
        }
    }
}

/// What became of a machine.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// When it had everything, since the world began.
    pub finished: Option<Duration>,
    /// Whom it banned.
    pub banned: Vec<usize>,
    /// Blocks that reached it and were not stored.
    pub wasted: u64,
    /// Bytes of pieces whose hash was right.
    pub right: u64,
    /// Blocks that it sent again while there were others that it had never sent.
    pub repeated: u64,
    /// Its own view at the end.
    pub status: Status,
}
