//! When to say that we are there, and how many others to listen to.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Said again soon after the start, in case nobody listened yet or a packet was lost.
const AGAIN: Duration = Duration::from_secs(1);
/// And then so often (BEP 14).
const EVERY: Duration = Duration::from_secs(5 * 60);
/// Who has everything connects to nobody, so it tells newcomers where it is: within this time, by
/// chance, so that a room does not answer in one beat,
const ANSWER: Duration = Duration::from_millis(300);
/// not more often than this,
const PAUSE: Duration = Duration::from_secs(1);
/// and not if so many others did meanwhile.
const ENOUGH: u32 = 4;
/// Addresses that are listened to within one second, and messages of one of them; more are a flood.
const MOST: usize = 256;
const MOST_FROM_ONE: u32 = 4;
const SECOND: Duration = Duration::from_secs(1);

/// What somebody who says it may expect of us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// We have everything, so we do not connect to it, and it was not heard before.
    Wanted,
    /// We connect to it, or it had its answer. Two that have everything would go on for ever.
    Needless,
}

/// The rule. Times are since an epoch of the caller's choice.
pub(super) struct Pace {
    next: Duration,
    said: u32,
    last: Option<Duration>,
    answering: bool,
    /// Others that were heard since we decided to answer.
    others: u32,
    /// Who was heard how often within the present second, which began then.
    second: Duration,
    heard: HashMap<Ipv4Addr, u32>,
}

impl Pace {
    /// The first message is due at once.
    pub(super) fn new(now: Duration) -> Self {
        Self {
            next: now,
            said: 0,
            last: None,
            answering: false,
            others: 0,
            second: now,
            heard: HashMap::new(),
        }
    }

    /// When [`due`](Self::due) is to be asked.
    pub(super) fn next(&self) -> Duration {
        self.next
    }

    /// The time has come: whether to say it.
    pub(super) fn due(&mut self, now: Duration) -> bool {
        if now < self.next {
            return false;
        }
        let needless = self.answering && self.others >= ENOUGH;
        self.answering = false;
        self.said = self.said.saturating_add(1);
        self.next = now + if self.said == 1 { AGAIN } else { EVERY };
        if !needless {
            self.last = Some(now);
        }
        !needless
    }

    /// Somebody else said it: whether to listen. What it may expect is asked only then: nothing is to be
    /// remembered of a flood. `chance` is between 0 and 1.
    pub(super) fn hears(
        &mut self,
        from: Ipv4Addr,
        reply: impl FnOnce() -> Reply,
        chance: f64,
        now: Duration,
    ) -> bool {
        if now.saturating_sub(self.second) >= SECOND {
            self.second = now;
            self.heard.clear();
        }
        if !self.heard.contains_key(&from) && self.heard.len() >= MOST {
            return false;
        }
        let times = self.heard.entry(from).or_default();
        *times += 1;
        if *times > MOST_FROM_ONE {
            return false;
        }
        let reply = reply();
        if self.answering {
            self.others += u32::from(*times == 1);
        } else if reply == Reply::Wanted {
            let earliest = self.last.map_or(now, |last| last + PAUSE).max(now);
            let answer = earliest + ANSWER.mul_f64(chance);
            if answer < self.next {
                (self.next, self.answering, self.others) = (answer, true, 0);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn from(number: u32) -> Ipv4Addr {
        Ipv4Addr::from_bits(0x0a4d_0000 + number)
    }

    #[test]
    fn it_is_said_at_once_soon_again_and_then_rarely() {
        let mut pace = Pace::new(ms(0));
        assert!(pace.due(ms(0)));
        assert!(!pace.due(ms(999)));
        assert!(pace.due(ms(1000)));
        assert!(!pace.due(ms(300_999)));
        assert!(pace.due(ms(301_000)));
        assert_eq!(pace.next(), ms(601_000));
    }

    /// One that has said it twice, and has everything.
    fn complete() -> Pace {
        let mut pace = Pace::new(ms(0));
        assert!(pace.due(ms(0)) && pace.due(ms(1000)));
        pace
    }

    #[test]
    fn who_has_everything_answers_a_newcomer_and_who_has_not_does_not() {
        let mut pace = complete();
        assert!(pace.hears(from(1), || Reply::Needless, 0.5, ms(5000)));
        assert_eq!(pace.next(), ms(301_000), "the other one is connected to");
        assert!(pace.hears(from(1), || Reply::Wanted, 0.5, ms(5000)));
        assert_eq!(pace.next(), ms(5150));
        assert!(pace.due(ms(5150)));
        assert!(pace.hears(from(1), || Reply::Wanted, 0.0, ms(5200)));
        assert_eq!(pace.next(), ms(6150), "a second after the last");
        assert!(pace.due(ms(6150)));
        assert!(pace.next() > ms(300_000));
    }

    #[test]
    fn one_of_many_leaves_the_answer_to_others() {
        let hears = |pace: &mut Pace, number| {
            assert!(pace.hears(from(number), || Reply::Wanted, 1.0, ms(5100)));
        };
        for (others, answers) in [(3, true), (4, false)] {
            let mut pace = complete();
            assert!(pace.hears(from(1), || Reply::Wanted, 1.0, ms(5000)));
            (0..others).for_each(|other| hears(&mut pace, 2 + other));
            hears(&mut pace, 2);
            hears(&mut pace, 2);
            assert_eq!(pace.due(ms(5300)), answers, "{others}");
        }
    }

    #[test]
    fn a_flood_is_not_listened_to_and_does_not_drown_the_others() {
        let mut pace = Pace::new(ms(0));
        let mut heard = |addresses: u32, each: u32, now| {
            let all = (0..addresses).flat_map(|number| (0..each).map(move |_| from(number)));
            all.filter(|from| pace.hears(*from, || Reply::Needless, 0.0, ms(now)))
                .count()
        };
        assert_eq!(heard(1, 10_000, 500), MOST_FROM_ONE as usize);
        assert_eq!(heard(1, 10_000, 999), 0);
        assert_eq!(heard(2, 1, 999), 1, "another one");
        assert_eq!(heard(5000, 1, 1000), MOST);
    }
}
