//! When a machine that has every byte starts its system.
//!
//! Where Boottorrent.yaml sets `seed_time`, it shares at least so long (0 or negative: not at all).
//! Where it does not, `seed_until: room` holds: it shares as long as another machine is still
//! fetching the same system and has nobody else that stays for it. It asks the server twice a second who
//! that is, and starts when nobody is; or when the server could not be asked for five seconds, because then sharing may be for nobody; or
//! after `seed_max` seconds (60 where that is not set either). A person at the machine may start it at
//! any time.
//!
//! A pure rule over values: who asks is [`crate::waiting`].

use std::net::Ipv4Addr;
use std::time::Duration;

use catalog::manifest::Seeding;

/// A server in the same room answers within milliseconds. One that has not for so long is gone.
const PATIENCE: Duration = Duration::from_secs(5);
/// It is asked twice a second. When it has not answered for so long, people are told.
const SILENCE: Duration = Duration::from_secs(2);

/// A machine that shares before it starts. Times are since the model's epoch.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sharing {
    /// For a fixed time (`seed_time`).
    Minimum {
        /// When that is over.
        until: Duration,
    },
    /// As long as others need it (`seed_until: room`).
    Room {
        /// When it starts although they do (`seed_max`).
        latest: Duration,
        /// When the server last answered; before its first answer, when sharing began.
        heard: Duration,
        /// Who was still fetching then; `None` before the first answer.
        waiting: Option<Vec<Ipv4Addr>>,
    },
}

impl Sharing {
    /// Begins at `now`, when the last byte is there.
    pub fn begin(seeding: Seeding, now: Duration) -> Sharing {
        match seeding {
            Seeding::AtLeast(minimum) => Sharing::Minimum {
                until: now.saturating_add(minimum),
            },
            Seeding::WhileOthersFetch { at_most } => Sharing::Room {
                latest: now.saturating_add(at_most),
                heard: now,
                waiting: None,
            },
        }
    }

    /// Takes the server's answer.
    pub fn answered(&mut self, machines: Vec<Ipv4Addr>, now: Duration) {
        if let Sharing::Room { heard, waiting, .. } = self {
            (*heard, *waiting) = (now, Some(machines));
        }
    }

    /// Whether the server has to be asked who waits, from `now` on.
    pub fn asks(&self, now: Duration) -> bool {
        matches!(self, Sharing::Room { .. }) && !self.is_over(now)
    }

    /// Whether the system is to start.
    pub fn is_over(&self, now: Duration) -> bool {
        let nobody = match self {
            Sharing::Minimum { .. } => false,
            Sharing::Room { waiting, .. } => waiting.as_ref().is_some_and(Vec::is_empty),
        };
        nobody || self.left(now).is_zero()
    }

    /// How long it goes on at most: while the server answers, until `seed_max`; when it has not
    /// answered for a while, until it is given up.
    pub fn left(&self, now: Duration) -> Duration {
        let end = match self {
            Sharing::Minimum { until } => *until,
            Sharing::Room { latest, heard, .. } if self.is_unheard(now) => {
                (*latest).min(heard.saturating_add(PATIENCE))
            }
            Sharing::Room { latest, .. } => *latest,
        };
        end.saturating_sub(now)
    }

    /// Whether the server is asked and has not answered for a while.
    pub fn is_unheard(&self, now: Duration) -> bool {
        match self {
            Sharing::Minimum { .. } => false,
            Sharing::Room { heard, .. } => now.saturating_sub(*heard) > SILENCE,
        }
    }
}
