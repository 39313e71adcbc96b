//! When the files are fetched by HTTP, and when no more.
//!
//! On when no peer has given a byte for a while. Off when peers have everything that we lack and
//! give it steadily. In between nothing changes, so that a pause of the peers or a single block of
//! theirs turns nothing. As long as the room lacks pieces that only the server has, it stays on: it is
//! then asked, like the server's seed, for what nobody else has.

use std::time::Duration;

use crate::core::Offer;

/// Nobody who has anything for us is connected: a room finds its peers within one second.
const ALONE: Duration = Duration::from_secs(3);
/// Somebody is, and gives nothing. A seed with a thousand machines and a slow link is slow, not
/// dead; one that takes requests and answers none loses them after five seconds.
const UNSERVED: Duration = Duration::from_secs(8);
/// Peers have given enough for so many seconds one after the other.
const STEADY: u32 = 5;
/// Enough is, in each second, this part of what came by HTTP.
const ENOUGH: u64 = 4;
const SECOND: Duration = Duration::from_secs(1);
/// The first pause after a failure; it doubles up to the last.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// A decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Fetch by HTTP.
    On,
    /// The peers do.
    Off,
}

/// The rule. Times are since an epoch of the caller's choice.
pub(super) struct Switch {
    on: bool,
    /// When a peer last gave something.
    last: Duration,
    /// What came within the present second, which began then.
    second: Duration,
    from_peers: u64,
    by_http: u64,
    steady: u32,
    not_before: Duration,
    pause: Duration,
}

impl Switch {
    pub(super) fn new(now: Duration) -> Self {
        Self {
            on: false,
            last: now,
            second: now,
            from_peers: 0,
            by_http: 0,
            steady: 0,
            not_before: now,
            pause: PAUSES.0,
        }
    }

    /// A peer gave so many bytes.
    pub(super) fn peer_gave(&mut self, bytes: u64, now: Duration) {
        self.last = now;
        self.from_peers += bytes;
    }

    /// So many bytes came by HTTP.
    pub(super) fn http_gave(&mut self, bytes: u64) {
        self.by_http += bytes;
        self.pause = PAUSES.0;
    }

    /// HTTP gives nothing more. It is tried again later.
    pub(super) fn failed(&mut self, now: Duration) {
        self.on = false;
        self.not_before = now + self.pause;
        self.pause = (self.pause * 2).min(PAUSES.1);
    }

    /// What to do now, if anything changes. `offer` tells what peers have for us that would answer.
    pub(super) fn decide(
        &mut self,
        now: Duration,
        offer: impl FnOnce() -> Offer,
    ) -> Option<Decision> {
        if self.on {
            return self.review(now, offer);
        }
        let quiet = now.saturating_sub(self.last);
        if quiet < ALONE || now < self.not_before {
            return None;
        }
        if quiet < UNSERVED && offer() != Offer::Nothing {
            return None;
        }
        self.on = true;
        (self.second, self.from_peers, self.by_http, self.steady) = (now, 0, 0, 0);
        Some(Decision::On)
    }

    fn review(&mut self, now: Duration, offer: impl FnOnce() -> Offer) -> Option<Decision> {
        if now.saturating_sub(self.second) < SECOND {
            return None;
        }
        let enough = self.from_peers > 0 && self.from_peers * ENOUGH >= self.by_http;
        self.steady = if enough { self.steady + 1 } else { 0 };
        (self.second, self.from_peers, self.by_http) = (now, 0, 0);
        if self.steady < STEADY || offer() != Offer::Everything {
            return None;
        }
        self.on = false;
        Some(Decision::Off)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn it_is_on_when_nobody_gives_anything_and_sooner_when_nobody_could() {
        for (offer, early, late) in [
            (Offer::Nothing, 2.9, 3.0),
            (Offer::Something, 7.9, 8.0),
            (Offer::Everything, 7.9, 8.0),
        ] {
            let mut switch = Switch::new(at(0.0));
            assert_eq!(switch.decide(at(early), || offer), None, "{offer:?}");
            assert_eq!(switch.decide(at(late), || offer), Some(Decision::On));
            assert_eq!(switch.decide(at(late), || offer), None, "it is on");
        }
        let mut switch = Switch::new(at(0.0));
        switch.peer_gave(16384, at(2.0));
        assert_eq!(switch.decide(at(4.9), || Offer::Nothing), None);
        assert_eq!(
            switch.decide(at(5.0), || Offer::Nothing),
            Some(Decision::On)
        );
    }

    /// Runs whole seconds from 3 on, in each of which so much comes; gives when it goes off.
    fn seconds(offer: Offer, from_peers: impl Fn(u32) -> u64, by_http: u64) -> Option<u32> {
        let mut switch = Switch::new(at(0.0));
        assert!(switch.decide(at(3.0), || Offer::Nothing).is_some());
        (1..60).find(|second| {
            let now = at(3.0 + f64::from(*second));
            let given = from_peers(*second);
            if given > 0 {
                switch.peer_gave(given, now);
            }
            switch.http_gave(by_http);
            switch.decide(now, || offer) == Some(Decision::Off)
        })
    }

    #[test]
    fn it_is_off_when_peers_have_everything_and_give_it_steadily() {
        let everything = Offer::Everything;
        assert_eq!(seconds(everything, |_| 1000, 4000), Some(5));
        assert_eq!(seconds(everything, |_| 1000, 4001), None, "a trickle");
        assert_eq!(seconds(Offer::Something, |_| 1000, 0), None, "not all");
        let with_a_gap = |second| u64::from(second != 3) * 1000;
        assert_eq!(seconds(everything, with_a_gap, 1000), Some(8));
        let in_turns = |second| u64::from(second % 5 != 0) * 1000;
        assert_eq!(seconds(everything, in_turns, 1000), None);
    }

    #[test]
    fn what_fails_is_tried_again_ever_later_and_at_once_after_it_worked() {
        let mut switch = Switch::new(at(0.0));
        let mut now = 3.0;
        for pause in [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] {
            assert!(switch.decide(at(now), || Offer::Nothing).is_some(), "{now}");
            switch.failed(at(now));
            assert_eq!(
                switch.decide(at(now + pause - 0.1), || Offer::Nothing),
                None
            );
            now += pause;
        }
        assert!(switch.decide(at(now), || Offer::Nothing).is_some());
        switch.http_gave(1);
        switch.failed(at(now));
        assert!(switch.decide(at(now + 1.0), || Offer::Nothing).is_some());
    }
}
