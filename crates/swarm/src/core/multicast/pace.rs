//! How fast to send to everybody.

use std::time::Duration;

/// Less than this is not worth it: a rate never falls below, in bytes per second.
const SLOWEST: f64 = 12_500.0;
/// What the sender may catch up at once, when it was held up.
const SLACK: Duration = Duration::from_millis(5);
/// A part of the datagrams that is lost by chance. One lost datagram costs a block of twelve.
const BY_CHANCE: f64 = 0.002;
/// More than this says that a cable is full.
const TOO_MUCH: f64 = 0.005;
/// The rate after a loss is so much of what arrived.
const BACK: f64 = 0.97;
/// How much faster it becomes after a round without losses, until there was one, and then.
const FIRST: f64 = 1.1;
const LATER: f64 = 1.02;
/// Who sends less than this part of the rate is held up by its own cable.
const HELD_UP: f64 = 0.9;

/// A rate that follows what arrives.
#[derive(Debug)]
pub(super) struct Pace {
    /// Bytes per second on the wire.
    rate: f64,
    lossless: bool,
    /// When the next datagrams may leave.
    next: Duration,
    /// Since when the present round is, and what was sent in it.
    round: Duration,
    sent: u64,
}

impl Pace {
    pub(super) fn new(rate: f64, now: Duration) -> Self {
        Self {
            rate: rate.max(SLOWEST),
            lossless: true,
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
        self.next = due + Duration::from_secs_f64(bytes as f64 / self.rate);
        self.sent += bytes;
        due
    }

    /// A round is over, in which who lost most lost this part.
    pub(super) fn review(&mut self, loss: f64, now: Duration) {
        let seconds = now.saturating_sub(self.round).as_secs_f64();
        let sent = self.sent as f64 / seconds.max(1e-3);
        (self.round, self.sent) = (now, 0);
        let held_up = sent < self.rate * HELD_UP;
        if loss > TOO_MUCH {
            self.lossless = false;
            self.rate = self.rate.min(sent) * (1.0 - loss) * BACK;
        } else if held_up {
            // A little more than leaves, so that its own cable stays full.
            self.rate = sent * FIRST;
        } else if loss <= BY_CHANCE {
            self.rate *= if self.lossless { FIRST } else { LATER };
        }
        self.rate = self.rate.max(SLOWEST);
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
        pace.spend(1000, Duration::ZERO);
        assert_eq!(pace.spend(1000, 1000 * MS), 995 * MS);
        assert_eq!(pace.spend(1000, 1000 * MS), 996 * MS);
    }
}
