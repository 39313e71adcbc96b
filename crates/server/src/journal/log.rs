//! One readable log line per step, and a bound on how many: a flood on the wire must not become a
//! flood in the log.

use std::net::Ipv4Addr;
use std::time::Duration;

use report::Step;

use super::Who;
use super::snapshot::Dropped;

/// Lines that may be written at once: a room of 300 machines waking together stays whole.
const BURST: f64 = 2000.0;
/// Lines a second in the long run.
const PER_SECOND: f64 = 100.0;
/// How often counters that moved are told.
const TELL_DROPPED_EVERY: Duration = Duration::from_secs(30);

/// The journal's pen.
pub(super) struct Log {
    /// The server's own address: bytes from anywhere else came from machines.
    server: Ipv4Addr,
    tokens: f64,
    refilled: Duration,
    left_out: u64,
    told_dropped: u64,
    told_at: Duration,
}

impl Log {
    pub(super) fn new(server: Ipv4Addr) -> Self {
        let start = Duration::ZERO;
        Self {
            server,
            tokens: BURST,
            refilled: start,
            left_out: 0,
            told_dropped: 0,
            told_at: start,
        }
    }

    /// Writes the line of one step, unless there were too many lately. Progress is shown by the
    /// API and the table; a line a second and machine would bury the rest.
    pub(super) fn step(&mut self, now: Duration, who: Who, address: Option<Ipv4Addr>, step: &Step) {
        if matches!(step, Step::Progress(_)) {
            return;
        }
        self.refill(now);
        if self.tokens < 1.0 {
            self.left_out += 1;
            return;
        }
        self.tokens -= 1.0;
        let (mac, address) = match who {
            Who::Mac(mac) => (
                mac.to_string(),
                address.map_or(String::new(), |ip| ip.to_string()),
            ),
            Who::Address(ip) => (String::new(), ip.to_string()),
        };
        tracing::info!("{mac:17}  {address:<15}  {}", step.line_at(self.server));
    }

    /// Tells, now and then and only if it moved, how much was refused or left out.
    pub(super) fn tick(&mut self, now: Duration, dropped: &[Dropped]) {
        self.refill(now);
        if now.saturating_sub(self.told_at) < TELL_DROPPED_EVERY {
            return;
        }
        let total: u64 = dropped.iter().map(|d| d.count).sum();
        if total > self.told_dropped {
            let list: Vec<String> = dropped.iter().map(Dropped::to_string).collect();
            tracing::info!("dropped so far: {}", list.join(", "));
            self.told_dropped = total;
        }
        if self.left_out > 0 {
            tracing::warn!(
                "{} lines left out: more steps than {PER_SECOND} a second",
                self.left_out
            );
            self.left_out = 0;
        }
        self.told_at = now;
    }

    fn refill(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.refilled).as_secs_f64();
        self.tokens = (self.tokens + passed * PER_SECOND).min(BURST);
        self.refilled = now;
    }
}
