//! When to send again what was not acknowledged, by the time that this client takes (after RFC 6298, which RFC 1123 section
//! 4.2.3.2 asks of TFTP in other words).

use std::time::Duration;

/// Before anything was measured. A loader that is just starting, or firmware that waits for its screen, needs longer for its
/// first answer than for all later ones.
const FIRST: Duration = Duration::from_secs(1);
/// Clients write to memory, not to disks; but they are busy, and a block sent too early is sent in vain.
const LEAST: Duration = Duration::from_millis(200);
/// Firmware gives up after four to six seconds without a packet.
const MOST: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Timer {
    /// The mean and the mean deviation of what was measured.
    measured: Option<(Duration, Duration)>,
    /// How often the present packets were sent again.
    again: u32,
}

impl Timer {
    pub(crate) fn new() -> Self {
        Self {
            measured: None,
            again: 0,
        }
    }

    /// How long to wait for an answer to what was sent last.
    pub(crate) fn patience(&self) -> Duration {
        let once = match self.measured {
            None => FIRST,
            Some((mean, deviation)) => (mean + 4 * deviation).clamp(LEAST, MOST),
        };
        once.saturating_mul(1 << self.again.min(8)).min(MOST)
    }

    /// Something had to be sent again: the client is slow, or the cable full. What comes next says nothing about
    /// the time it takes, since nobody knows which of both it answers (Karn).
    pub(crate) fn sent_again(&mut self) {
        self.again += 1;
    }

    /// Something new was acknowledged, so long after it was sent.
    pub(crate) fn answered(&mut self, after: Duration) {
        if self.again > 0 {
            self.again = 0;
            return;
        }
        self.measured = Some(match self.measured {
            None => (after, after / 2),
            Some((mean, deviation)) => (
                (7 * mean + after) / 8,
                (3 * deviation + mean.abs_diff(after)) / 4,
            ),
        });
    }

    /// How long the client takes, as far as is known.
    pub(crate) fn mean(&self) -> Duration {
        self.measured.map_or(LEAST, |(mean, _)| mean)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{FIRST, LEAST, MOST, Timer};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn patience_follows_the_client() {
        let mut timer = Timer::new();
        assert_eq!(timer.patience(), FIRST);
        for _ in 0..30 {
            timer.answered(MS);
        }
        assert_eq!(timer.patience(), LEAST);
        for _ in 0..60 {
            timer.answered(500 * MS);
        }
        let patience = timer.patience();
        assert!(patience >= 500 * MS && patience < 600 * MS, "{patience:?}");
        for _ in 0..60 {
            timer.answered(60_000 * MS);
        }
        assert_eq!(timer.patience(), MOST);
    }

    #[test]
    fn it_doubles_until_something_new_is_there() {
        let mut timer = Timer::new();
        timer.answered(MS);
        let doubled: Vec<_> = (0..5)
            .map(|_| {
                timer.sent_again();
                timer.patience()
            })
            .collect();
        assert_eq!(doubled, [400, 800, 1600, 2000, 2000].map(|ms| ms * MS));
        // An answer to something sent twice measures nothing.
        timer.answered(1900 * MS);
        assert_eq!(timer.patience(), LEAST);
    }
}
