//! What happens in a room, and in which order.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use super::End;
use crate::core::{Block, ConnId};

/// Events are sorted only when their turn is near: those of so many nanoseconds together.
const SLOT: u128 = 1_000_000;

#[derive(Clone, Copy)]
pub(super) enum Event {
    Start,
    Vanish,
    Leave,
    Tick,
    Announce,
    Dialed {
        from: End,
    },
    Connected {
        conn: ConnId,
        to: End,
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
    machine: usize,
    life: u32,
    event: Event,
}

/// All that is going to happen; of two things at the same moment the one that was planned first.
#[derive(Default)]
pub(super) struct Agenda {
    order: u64,
    /// What comes after the present slot, in no order.
    later: BTreeMap<u64, Vec<Scheduled>>,
    /// The present slot, and what was planned before it began, the last one first.
    slot: u64,
    sorted: Vec<Scheduled>,
    /// Room for later slots, from those that are over.
    spare: Vec<Vec<Scheduled>>,
    /// What was planned for the present slot since.
    added: BinaryHeap<Reverse<Scheduled>>,
}

impl Agenda {
    pub(super) fn plan(&mut self, at: Duration, machine: usize, life: u32, event: Event) {
        self.order += 1;
        let slot = (at.as_nanos() / SLOT) as u64;
        let scheduled = Scheduled {
            at,
            order: self.order,
            machine,
            life,
            event,
        };
        if slot <= self.slot {
            self.added.push(Reverse(scheduled));
        } else {
            let later = self.later.entry(slot);
            let later = later.or_insert_with(|| self.spare.pop().unwrap_or_default());
            later.push(scheduled);
        }
    }

    /// When it happens, to which machine in which of its lives, and what.
    pub(super) fn next(&mut self) -> Option<(Duration, usize, u32, Event)> {
        if self.sorted.is_empty() && self.added.is_empty() {
            let (slot, events) = self.later.pop_first()?;
            self.slot = slot;
            self.spare.push(std::mem::replace(&mut self.sorted, events));
            self.sorted.sort_unstable_by(|a, b| b.cmp(a));
        }
        let added = match (self.added.peek(), self.sorted.last()) {
            (Some(Reverse(added)), Some(sorted)) => added < sorted,
            (added, _) => added.is_some(),
        };
        let next = if added {
            self.added.pop().map(|Reverse(next)| next)
        } else {
            self.sorted.pop()
        }?;
        Some((next.at, next.machine, next.life, next.event))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Agenda, Event};

    #[test]
    fn what_is_earlier_comes_first_and_of_two_at_once_the_one_planned_first() {
        let mut agenda = Agenda::default();
        let at = |us: usize| Duration::from_micros(us as u64 * 7919 % 50_000);
        (0..1000).for_each(|n| agenda.plan(at(n), n, 0, Event::Tick));
        let mut last = (Duration::ZERO, 0);
        let mut seen = 0;
        while let Some((now, n, ..)) = agenda.next() {
            assert!(
                (now, n) > last || seen == 0,
                "{n} at {now:?} after {last:?}"
            );
            last = (now, n);
            seen += 1;
            // Some at this very moment and a little later, in this slot or in the next.
            if n < 300 {
                agenda.plan(
                    now + Duration::from_micros(n as u64),
                    10_000 + n,
                    0,
                    Event::Tick,
                );
            }
        }
        assert_eq!(seen, 1300);
    }
}
