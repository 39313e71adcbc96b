//! One readable log line per step, and a bound on how many: a flood on the wire must not become a
//! flood in the log.

use std::net::Ipv4Addr;
use std::time::Duration;

use report::Step;

use super::Who;
use super::allowance::Allowance;
use super::book::Book;
use super::snapshot::Dropped;

/// Lines of all machines at once, so that a room of 300 waking together stays whole, and per second
/// in the long run.
const LINES: Allowance = Allowance::new(2000.0, 20.0);
/// How often counters that moved are told.
const TELL_DROPPED_EVERY: Duration = Duration::from_secs(30);

/// The journal's pen.
pub(super) struct Log {
    /// The server's own addresses: bytes from anywhere else came from machines.
    own: Vec<Ipv4Addr>,
    lines: Allowance,
    left_out: u64,
    told_dropped: u64,
    told_at: Duration,
}

impl Log {
    pub(super) fn new(own: Vec<Ipv4Addr>) -> Self {
        Self {
            own,
            lines: LINES,
            left_out: 0,
            told_dropped: 0,
            told_at: Duration::ZERO,
        }
    }

    /// Writes the line of one step, unless there were too many lately, of this machine or in
    /// all. Progress is shown by the API and the table; a line a second and machine would bury the
    /// rest.
    pub(super) fn step(
        &mut self,
        now: Duration,
        who: Who,
        on: Option<&str>,
        book: &mut Book,
        step: &Step,
    ) {
        if matches!(step, Step::Progress(_)) {
            return;
        }
        if !book.may_log(who, now) || !self.lines.take(now) {
            self.left_out += 1;
            return;
        }
        let address = book.address(who);
        let (mac, address) = match who {
            Who::Mac(mac) => (
                mac.to_string(),
                address.map_or(String::new(), |ip| ip.to_string()),
            ),
            Who::Address(ip) => (String::new(), ip.to_string()),
        };
        let name = book
            .name_of(who)
            .map_or(String::new(), |name| format!("{name}  "));
        let line = step.line_at(self.server(step));
        // Of one network nobody asks which.
        let on = on
            .filter(|_| self.own.len() > 1)
            .map_or(String::new(), |interface| format!("{interface}  "));
        tracing::info!("{mac:17}  {address:<15}  {on}{name}{line}");
    }

    /// The server as the machine of this step knows it: machines of each network know one of its addresses.
    fn server(&self, step: &Step) -> Ipv4Addr {
        let sources = match step {
            Step::Fetched { progress, .. } => &progress.sources[..],
            _ => &[],
        };
        let mut known = sources.iter().map(|source| source.address);
        let known = known.find(|address| self.own.contains(address));
        known.unwrap_or_else(|| self.own.first().copied().unwrap_or(Ipv4Addr::UNSPECIFIED))
    }

    /// Tells, now and then and only if it moved, how much was refused or left out.
    pub(super) fn tick(&mut self, now: Duration, dropped: &[Dropped]) {
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
                "{} lines left out: too many steps in a short time",
                self.left_out
            );
            self.left_out = 0;
        }
        self.told_at = now;
    }
}
