//! Processor time, from /proc: of one process, and of the whole computer.

use std::fs;

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};

/// /proc counts in these, on every Linux of ours (USER_HZ).
const TICKS_PER_SECOND: f64 = 100.0;

/// Seconds that a living process has used, with those children it has waited for; 0 when it is gone.
pub(super) fn of_process(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    seconds_in_stat(&stat).unwrap_or(0.0)
}

/// Seconds that all children we have waited for have used, with their own. What it grows by when one is waited for is
/// that one's.
pub(super) fn of_ended_children() -> Result<f64> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: TimeVal| time.num_microseconds() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// What all processors together have done until a moment, in ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Work {
    busy: u64,
    all: u64,
}

impl Work {
    /// Until now.
    pub(super) fn now() -> Result<Work> {
        let stat = fs::read_to_string("/proc/stat")?;
        Work::read(&stat).with_context(|| format!("/proc/stat begins with {stat:.80}"))
    }

    /// Which part of the processors' time was used between `earlier` and this moment, from 0 to 1; time that another
    /// virtual machine took from this one counts as used.
    pub(super) fn share_since(self, earlier: Work) -> f64 {
        let all = self.all.saturating_sub(earlier.all).max(1);
        self.busy.saturating_sub(earlier.busy) as f64 / all as f64
    }

    /// Seconds of all processors together between `earlier` and this moment, used or not.
    pub(super) fn seconds_since(self, earlier: Work) -> f64 {
        self.all.saturating_sub(earlier.all).max(1) as f64 / TICKS_PER_SECOND
    }

    /// `cpu  user nice system idle iowait irq softirq steal guest guest_nice`; the guests' are in user and nice already.
    /// What runs with a lower priority gives way to what is measured: it does not count as used.
    fn read(stat: &str) -> Option<Work> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let ticks: Vec<u64> = line
            .split_whitespace()
            .take(8)
            .map(|word| word.parse().ok())
            .collect::<Option<_>>()?;
        let all: u64 = ticks.iter().sum();
        let idle = ticks.get(1)? + ticks.get(3)? + ticks.get(4)?;
        Some(Work {
            busy: all - idle,
            all,
        })
    }
}

/// Fields 14 to 17 of proc(5)'s /proc/PID/stat. The name before them may hold anything, but ends with the last `)`.
fn seconds_in_stat(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks: Vec<f64> = fields
        .split_whitespace()
        .skip(11)
        .take(4)
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    (ticks.len() == 4).then(|| ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::{Work, seconds_in_stat};

    #[test]
    fn a_process_is_charged_with_its_children() {
        let stat = "7 (a) b) c) S 1 7 7 0 -1 4194560 100 0 0 0 150 50 7 3 20 0 1 0 42 0 0";
        assert_eq!(seconds_in_stat(stat), Some(2.1));
        assert_eq!(seconds_in_stat("7 (sh) S 1"), None);
    }

    #[test]
    fn waiting_and_what_gives_way_is_not_work() {
        let at = |text| Work::read(text).unwrap();
        let (one, two) = (
            at("cpu  100 0 100 700 100 0 0 0 9 9\ncpu0 1"),
            at("cpu  150 40 120 680 100 0 10 0 9 9\n"),
        );
        assert!((two.share_since(one) - 0.8).abs() < 1e-9);
        assert_eq!(Work::read("intr 5"), None);
    }
}
