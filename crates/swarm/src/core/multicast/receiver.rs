//! A machine's end: blocks out of datagrams, and whether it is worth listening.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::packet::{Kind, PART, Packet, parts};
use super::report::{Burst, Heard};
use crate::core::{BLOCK, Block, Layout};

/// Blocks that are put together at a time (512 KiB). They come in order, so an older one has lost a part.
const ASSEMBLING: usize = 32;
/// The server is taken for gone when nothing came for so long in the middle. It sends a block every third of that, at least.
const SILENCE: Duration = Duration::from_secs(1);
/// A trial is over when nothing of it came for so long: its last datagram was lost.
const TRIAL_SILENCE: Duration = Duration::from_millis(100);
/// Who gets fewer of the blocks whole than this within [`WINDOW`] has a cable that is too slow for this, or a bad one, and is better
/// off asking; who gets more than that again is not.
const TOO_FEW: f64 = 0.5;
const ENOUGH: f64 = 0.8;
const WINDOW: Duration = Duration::from_secs(2);
/// Datagrams that say something.
const SAMPLE: u32 = 48;

/// What a machine is to do differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Ask nobody for anything: it comes by itself.
    Begin,
    /// Go on as before.
    End,
    /// Report now, without waiting: a trial has arrived.
    Tell,
}

/// What is heard of one session.
#[derive(Debug)]
pub struct Receiver {
    layout: Layout,
    heard: Heard,
    assembling: VecDeque<Assembly>,
    trial: Option<Trial>,
    pass: Option<Pass>,
}

/// A block of which parts are here.
#[derive(Debug)]
struct Assembly {
    block: Block,
    bytes: BytesMut,
    /// One bit per part.
    missing: u32,
}

/// A trial whose end is not here yet.
#[derive(Debug)]
struct Trial {
    began: Duration,
    last: Duration,
}

/// What is sent to everybody, from its first datagram on.
#[derive(Debug)]
struct Pass {
    last: Duration,
    /// It was too fast for this machine.
    given_up: bool,
    window: Window,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Duration,
    highest: u32,
    /// Those that came whole.
    blocks: u32,
}

impl Receiver {
    /// Nothing of this session was heard yet.
    #[must_use]
    pub fn new(session: u64, layout: Layout) -> Self {
        Self {
            layout,
            heard: Heard {
                session,
                ..Heard::default()
            },
            assembling: VecDeque::new(),
            trial: None,
            pass: None,
        }
    }

    /// What to report. A trial is told when all of it is here.
    #[must_use]
    pub fn heard(&self) -> Heard {
        Heard {
            burst: self.heard.burst.filter(|_| self.trial.is_none()),
            ..self.heard
        }
    }

    /// Whether this machine asks nobody now.
    #[must_use]
    pub fn listening(&self) -> bool {
        self.pass.as_ref().is_some_and(|pass| !pass.given_up)
    }

    /// A datagram of the group came. Gives a block, where that is whole now, and what is to change.
    pub fn hear(
        &mut self,
        packet: &Packet<'_>,
        now: Duration,
    ) -> (Option<(Block, Bytes)>, Option<Change>) {
        if packet.session != self.heard.session {
            return (None, None);
        }
        self.heard.highest = self.heard.highest.max(packet.number);
        self.heard.datagrams += 1;
        let change = match packet.kind {
            Kind::Trial | Kind::TrialEnd => self.tried(packet, now),
            Kind::Pass => self.passes(now),
            Kind::Over => return (None, self.over()),
        };
        (self.put(packet), change)
    }

    /// Time passes. Call it about ten times a second.
    pub fn tick(&mut self, now: Duration) -> Option<Change> {
        let silent = |last: Duration, limit| now.saturating_sub(last) >= limit;
        if self
            .trial
            .as_ref()
            .is_some_and(|trial| silent(trial.last, TRIAL_SILENCE))
        {
            self.trial = None;
            return Some(Change::Tell);
        }
        let pass = self.pass.as_mut()?;
        if silent(pass.last, SILENCE) {
            return self.over();
        }
        let whole = pass.window.whole(self.heard, now)?;
        pass.window = Window::of(self.heard, now);
        match pass.given_up {
            false if whole < TOO_FEW => {
                pass.given_up = true;
                Some(Change::End)
            }
            true if whole > ENOUGH => {
                pass.given_up = false;
                Some(Change::Begin)
            }
            _ => None,
        }
    }

    fn tried(&mut self, packet: &Packet<'_>, now: Duration) -> Option<Change> {
        let began = match &mut self.trial {
            Some(trial) => {
                trial.last = now;
                trial.began
            }
            none => {
                *none = Some(Trial {
                    began: now,
                    last: now,
                });
                self.heard.burst = None;
                now
            }
        };
        let burst = self.heard.burst.get_or_insert(Burst {
            first: packet.number,
            datagrams: 0,
            span: Duration::ZERO,
        });
        burst.datagrams += 1;
        burst.span = now.saturating_sub(began);
        (packet.kind == Kind::TrialEnd).then(|| {
            self.trial = None;
            Change::Tell
        })
    }

    fn passes(&mut self, now: Duration) -> Option<Change> {
        if let Some(pass) = &mut self.pass {
            pass.last = now;
            return None;
        }
        self.pass = Some(Pass {
            last: now,
            given_up: false,
            window: Window::of(self.heard, now),
        });
        Some(Change::Begin)
    }

    fn over(&mut self) -> Option<Change> {
        self.assembling.clear();
        let pass = self.pass.take()?;
        (!pass.given_up).then_some(Change::End)
    }

    /// Puts a part to its place.
    fn put(&mut self, packet: &Packet<'_>) -> Option<(Block, Bytes)> {
        let number = u32::from(packet.block);
        if number >= self.layout.blocks(packet.piece) {
            return None;
        }
        let block = self.layout.block(packet.piece, number);
        let part = u32::from(packet.part);
        let from = part.checked_mul(PART)?;
        let length = PART.min(block.length.checked_sub(from)?);
        if length == 0 || packet.payload.len() != length as usize {
            return None;
        }
        let at = self.assembly(block);
        let assembly = &mut self.assembling[at];
        assembly.bytes[from as usize..][..length as usize].copy_from_slice(packet.payload);
        assembly.missing &= !(1 << part);
        if assembly.missing != 0 {
            return None;
        }
        let whole = self.assembling.remove(at)?;
        if let Some(pass) = &mut self.pass {
            pass.window.blocks += 1;
        }
        Some((block, whole.bytes.freeze()))
    }

    /// Where the block is put together.
    fn assembly(&mut self, block: Block) -> usize {
        let known = self.assembling.iter().rposition(|one| one.block == block);
        known.unwrap_or_else(|| {
            if self.assembling.len() == ASSEMBLING {
                self.assembling.pop_front();
            }
            self.assembling.push_back(Assembly {
                block,
                bytes: BytesMut::zeroed(block.length as usize),
                missing: (1 << parts(block)) - 1,
            });
            self.assembling.len() - 1
        })
    }
}

impl Window {
    fn of(heard: Heard, now: Duration) -> Self {
        Self {
            began: now,
            highest: heard.highest,
            blocks: 0,
        }
    }

    /// Which part of the blocks came whole since it began, once that says something.
    fn whole(&self, heard: Heard, now: Duration) -> Option<f64> {
        let sent = heard.highest - self.highest;
        let due = now.saturating_sub(self.began) >= WINDOW && sent >= SAMPLE;
        let parts = f64::from(self.blocks * BLOCK.div_ceil(PART));
        due.then(|| parts / f64::from(sent))
    }
}

#[cfg(test)]
mod tests;
