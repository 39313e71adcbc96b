//! How often something may be done: a burst, and a rate in the long run.

use std::time::Duration;

/// A bucket of tokens that fills at a steady rate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    burst: f64,
    per_second: f64,
    tokens: f64,
    filled: Duration,
}

impl Allowance {
    /// A full bucket of `burst` tokens that gains `per_second`.
    pub(super) const fn new(burst: f64, per_second: f64) -> Self {
        Self {
            burst,
            per_second,
            tokens: burst,
            filled: Duration::ZERO,
        }
    }

    /// Takes a token, if there is one at `now`.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.filled).as_secs_f64();
        self.tokens = (self.tokens + passed * self.per_second).min(self.burst);
        self.filled = now;
        let some = self.tokens >= 1.0;
        if some {
            self.tokens -= 1.0;
        }
        some
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let mut allowance = Allowance::new(10.0, 0.5);
        let taken = |allowance: &mut Allowance, second: u64| {
            (0..100)
                .filter(|_| allowance.take(Duration::from_secs(second)))
                .count()
        };
        assert_eq!(taken(&mut allowance, 0), 10);
        assert_eq!(taken(&mut allowance, 4), 2);
        assert_eq!(taken(&mut allowance, 1000), 10, "never more than the burst");
    }
}
