//! How fast to send to everybody.

use std::collections::VecDeque;
use std::time::Duration;

/// Less than this is not worth it: a rate never falls below, in bytes per second. Receivers take a silence of a second for the end.
const SLOWEST: f64 = 50_000.0;
/// What the sender may catch up at once, when it was held up.
const SLACK: Duration = Duration::from_millis(5);
/// More losses than twice what the best of the last rounds had, and this, say that a cable is full. One lost datagram costs a
/// block of twelve.
const TOO_MUCH: f64 = 0.001;
const ROUNDS: usize = 8;
/// The rate after a loss is so much of what arrived.
const BACK: f64 = 0.98;
/// At first what others sent before everybody fell silent is in the queues yet: for so long half of the rate is left to that, and
/// what is told of losses in the first rounds says nothing, unless it is more than that can explain.
const SETTLING: Duration = Duration::from_millis(300);
const SETTLING_ROUNDS: u32 = 2;
const FAR_TOO_MUCH: f64 = 0.2;
/// How many times as fast it becomes at most after a round without losses.
const FASTER: f64 = 1.25;
/// After a loss it becomes faster by this part, and after so many rounds without another by twice as much.
const STEP: f64 = 0.005;
const STEPS: u32 = 5;
/// A sender that its own cable holds up is given so much more than leaves, so that this cable stays full.
const HELD_UP_BY: f64 = 1.1;
/// Who sends less than this part of the rate is held up by its own cable.
const HELD_UP: f64 = 0.95;

/// A rate that follows what arrives.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes per second on the wire.
    rate: f64,
    /// How often it grew since there was a loss.
    grown: Option<u32>,
    /// In so many rounds what is told of losses is not of the present rate.
    settling: u32,
    settled: Duration,
    /// What was lost in the last rounds.
    losses: VecDeque<f64>,
    /// When the next datagrams may leave.
    next: Duration,
    /// Since when the present round is, and what was sent in it.
    round: Duration,
    sent: u64,
}

impl Pace {
    /// Begins with `rate`, in bytes per second.
    pub(super) fn new(rate: f64, now: Duration) -> Self {
        Self {
            rate: rate.max(SLOWEST),
            grown: None,
            settling: SETTLING_ROUNDS,
            settled: now + SETTLING,
            losses: VecDeque::from([0.0]),
            next: now,
            round: now,
            sent: 0,
        }
    }

    /// Bytes per second on the wire.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// When the present round began.
    pub(super) fn round(&self) -> Duration {
        self.round
    }

    /// So many bytes are to leave next: not before when.
    pub(super) fn spend(&mut self, bytes: u64, now: Duration) -> Duration {
        let due = self.next.max(now.saturating_sub(SLACK));
        let part = if due < self.settled { 0.5 } else { 1.0 };
        self.next = due + Duration::from_secs_f64(bytes as f64 / (self.rate * part));
        self.sent += bytes;
        due
    }

    /// A round is over of which nothing is known.
    pub(super) fn hold(&mut self, now: Duration) {
        (self.round, self.sent) = (now, 0);
    }

    /// A round is over, in which who lost most lost this part.
    pub(super) fn review(&mut self, loss: f64, now: Duration) {
        let seconds = now.saturating_sub(self.round).as_secs_f64();
        let sent = self.sent as f64 / seconds.max(1e-3);
        (self.round, self.sent) = (now, 0);
        tracing::debug!(
            "multicast: {:.1} Mbit/s of {:.1} sent, {:.2} % lost where most was",
            sent * 8e-6,
            self.rate * 8e-6,
            loss * 100.0
        );
        let held_up = sent < self.rate * HELD_UP;
        if self.settling > 0 && loss < FAR_TOO_MUCH {
            self.settling -= 1;
            if loss <= TOO_MUCH {
                self.grow();
            }
            return;
        }
        let by_chance = self.losses.iter().copied().fold(f64::INFINITY, f64::min);
        if self.losses.len() == ROUNDS {
            self.losses.pop_front();
        }
        self.losses.push_back(loss);
        if loss > 2.0 * by_chance + TOO_MUCH {
            (self.grown, self.settling) = (Some(0), 1);
            self.rate = self.rate.min(sent) * (1.0 - loss) * BACK;
        } else if held_up {
            self.rate = sent * HELD_UP_BY;
        } else {
            self.grow();
        }
        self.rate = self.rate.max(SLOWEST);
    }

    fn grow(&mut self) {
        self.rate *= match &mut self.grown {
            None => FASTER,
            Some(times) => {
                let twice = f64::from(*times / STEPS);
                *times += 1;
                FASTER.min(1.0 + STEP * twice.exp2())
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends for a second through a cable that carries so many bytes a second; gives what part was lost.
    fn second(pace: &mut Pace, carries: f64, own: f64, now: &mut Duration) -> f64 {
        let end = *now + 1000 * MS;
        let mut sent = 0.0;
        while *now < end {
            let due = pace.spend(1000, *now);
            // The sender's own cable holds it up.
            *now = due.max(*now + Duration::from_secs_f64(1000.0 / own));
            sent += 1000.0;
        }
        (1.0 - carries / sent).max(0.0)
    }

    fn settled(start: f64, carries: f64, own: f64) -> f64 {
        let (mut pace, mut now) = (Pace::new(start, Duration::ZERO), Duration::ZERO);
        for _ in 0..60 {
            let loss = second(&mut pace, carries, own, &mut now);
            pace.review(loss, now);
        }
        pace.rate()
    }

    #[test]
    fn a_bad_cable_is_not_taken_for_a_full_one() {
        let (mut pace, mut now) = (Pace::new(5e5, Duration::ZERO), Duration::ZERO);
        for round in 0..60 {
            let full = second(&mut pace, 1e6, 1e9, &mut now);
            // Two of a hundred by chance, more or less.
            let by_chance = 0.015 + 0.01 * f64::from(round % 2);
            pace.review(full.max(by_chance), now);
        }
        let rate = pace.rate();
        assert!((0.85e6..1.1e6).contains(&rate), "{rate}");
    }

    #[test]
    fn it_finds_what_the_cables_carry_from_below_and_from_above() {
        for start in [1e5, 4e6] {
            let rate = settled(start, 1e6, 1e9);
            assert!((0.93e6..1.05e6).contains(&rate), "from {start}: {rate}");
        }
    }

    #[test]
    fn a_sender_s_own_cable_stays_full_and_is_not_counted_on_for_more() {
        let rate = settled(1e5, 1e9, 1e6);
        assert!((1e6..1.25e6).contains(&rate), "{rate}");
    }

    #[test]
    fn a_pause_is_not_made_up_for() {
        let mut pace = Pace::new(1e6, Duration::ZERO);
        pace.spend(1000, 500 * MS);
        assert_eq!(pace.spend(1000, 1000 * MS), 995 * MS);
        assert_eq!(pace.spend(1000, 1000 * MS), 996 * MS);
    }
}
