//! What is known of one machine.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::ops::Range;
use std::time::Duration;

use super::super::report::{Burst, Heard, Report};
use crate::core::Bitfield;

/// Figures that a rate is taken from, and how many say something: with four reports a second, those of one second. Who reports
/// more rarely tells of a longer time.
const FIGURES: usize = 5;
const ENOUGH: usize = 4;
/// The rate of a longer time than this may be that of a room's beginning, when nobody had anything to share.
const LONG: Duration = Duration::from_secs(2);
/// Who has not reported for so long, or for four times as long as it was to, is gone.
const SILENCE: Duration = Duration::from_secs(6);
/// Datagrams between two reports that say something about losses.
const SAMPLE: u32 = 32;
/// So many that have not come say that nothing comes: more than are ordered at a time, for those may not have left.
const OVERDUE: u32 = 128;

/// A sum that grows, and how fast.
#[derive(Debug, Default)]
pub(super) struct Flow(VecDeque<(Duration, u64)>);

impl Flow {
    /// The sum is this now.
    pub(super) fn add(&mut self, sum: u64, now: Duration) {
        if self.0.len() == FIGURES {
            self.0.pop_front();
        }
        self.0.push_back((now, sum));
    }

    /// What it is.
    pub(super) fn sum(&self) -> u64 {
        self.0.back().map_or(0, |(_, sum)| *sum)
    }

    /// What it is, or, where the rate is that of a longer time, what it was when that began.
    fn before(&self) -> u64 {
        match (self.0.front(), self.0.back()) {
            (Some((begin, sum)), Some((end, _))) if end.saturating_sub(*begin) > LONG => *sum,
            _ => self.sum(),
        }
    }

    /// How much it grows in a second. None as long as too few figures are known.
    pub(super) fn rate(&self) -> Option<f64> {
        let (first, last) = (self.0.front()?, self.0.back()?);
        let seconds = last.0.saturating_sub(first.0).as_secs_f64();
        (self.0.len() >= ENOUGH && seconds > 0.0)
            .then(|| last.1.saturating_sub(first.1) as f64 / seconds)
    }
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) from: Ipv4Addr,
    pub(super) lacking: Bitfield,
    fetched: Flow,
    of_server: Flow,
    last: Duration,
    /// When it was to report again, since then.
    interval: Duration,
    heard: Heard,
    /// The sender's next number when it last told what it heard.
    sent: u32,
    /// What part was lost lately, and when that was told.
    loss: Option<(Duration, f64)>,
}

impl Member {
    pub(super) fn new(from: Ipv4Addr) -> Self {
        Self {
            from,
            lacking: Bitfield::empty(0),
            fetched: Flow::default(),
            of_server: Flow::default(),
            last: Duration::ZERO,
            interval: Duration::ZERO,
            heard: Heard::default(),
            sent: 0,
            loss: None,
        }
    }

    /// It tells this, of a sender with this session and next number. Gives whether it tells what it hears.
    pub(super) fn reports(
        &mut self,
        report: Report,
        (session, sent): (u64, u32),
        now: Duration,
    ) -> bool {
        self.last = now;
        self.lacking = report.lacking;
        self.fetched.add(report.fetched, now);
        self.of_server.add(report.of_server, now);
        let Some(heard) = report.heard.filter(|heard| heard.session == session) else {
            return false;
        };
        if self.heard.session != session {
            // It may have come in the middle: what was sent before is not lost.
            (self.heard, self.sent) = (heard, sent);
            return true;
        }
        let gone = heard.highest.saturating_sub(self.heard.highest);
        let came = heard.datagrams.saturating_sub(self.heard.datagrams);
        // What had left before its last report, and is not here. Of what left since it may not have known yet.
        let due = self.sent.saturating_sub(heard.highest);
        self.sent = sent;
        if gone >= SAMPLE {
            self.loss = Some((now, 1.0 - (came as f64 / f64::from(gone)).min(1.0)));
            self.heard = heard;
        } else {
            // Too few; they count the next time.
            self.heard.burst = heard.burst;
            if gone == 0 && due >= OVERDUE {
                self.loss = Some((now, 1.0));
            }
        }
        true
    }

    /// It is to report again after so long.
    pub(super) fn reports_in(&mut self, interval: Duration) {
        self.interval = interval;
    }

    /// It has said nothing for so long that it is gone.
    pub(super) fn silent(&self, now: Duration) -> bool {
        now.saturating_sub(self.last) > SILENCE.max(4 * self.interval)
    }

    /// What it gets in a second, and how much of that from the server.
    pub(super) fn rates(&self) -> Option<(f64, f64)> {
        Some((self.fetched.rate()?, self.of_server.rate()?))
    }

    /// What it got from the server, not counting a longer time of which its rates are.
    pub(super) fn of_server(&self) -> u64 {
        self.of_server.before()
    }

    /// How many pieces it lacks.
    pub(super) fn lacks(&self) -> u64 {
        self.lacking.ones().into()
    }

    /// How a trial with these numbers arrived.
    pub(super) fn burst(&self, numbers: Range<u32>) -> Option<Burst> {
        self.heard
            .burst
            .filter(|burst| numbers.contains(&burst.first))
    }

    /// What part was lost, if that was told after `since`.
    pub(super) fn loss(&self, since: Duration) -> Option<f64> {
        let (told, loss) = self.loss?;
        (told > since).then_some(loss)
    }

    /// What was counted while everybody only listened says nothing about the time after.
    pub(super) fn starts_over(&mut self) {
        (self.fetched, self.of_server) = (Flow::default(), Flow::default());
        self.loss = None;
    }
}
