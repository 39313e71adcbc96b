//! How fast bytes come.

use std::time::Duration;

/// A rate that forgets exponentially, correct from the first second on.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    /// Seconds after which a byte counts 1/e.
    memory: f64,
    start: Duration,
    at: Duration,
    weight: f64,
}

impl Meter {
    pub(crate) fn new(memory: Duration, now: Duration) -> Self {
        Self {
            memory: memory.as_secs_f64(),
            start: now,
            at: now,
            weight: 0.0,
        }
    }

    pub(crate) fn add(&mut self, bytes: u32, now: Duration) {
        self.weight = self.weight_at(now) + f64::from(bytes);
        self.at = self.at.max(now);
    }

    /// Bytes per second.
    pub(crate) fn rate(&self, now: Duration) -> f64 {
        // Before a whole memory has passed there was less time for bytes to come in. The floor
        // keeps the very first block from looking like an endless rate.
        let age = now
            .saturating_sub(self.start)
            .as_secs_f64()
            .max(self.memory / 16.0);
        let filled = self.memory * (1.0 - (-age / self.memory).exp());
        self.weight_at(now) / filled
    }

    fn weight_at(&self, now: Duration) -> f64 {
        let gone = now.saturating_sub(self.at).as_secs_f64();
        self.weight * (-gone / self.memory).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::Meter;
    use std::time::Duration;

    #[test]
    fn tells_a_steady_rate_early_and_late_and_forgets() {
        let ms = Duration::from_millis;
        let mut meter = Meter::new(ms(1000), ms(5000));
        for step in 1..=1000 {
            meter.add(1000, ms(5000 + 10 * step));
            if [20, 100, 1000].contains(&step) {
                let rate = meter.rate(ms(5000 + 10 * step));
                assert!(
                    (90_000.0..110_000.0).contains(&rate),
                    "after {step}: {rate}"
                );
            }
        }
        assert!(meter.rate(ms(25_000)) < 100.0);
    }
}
