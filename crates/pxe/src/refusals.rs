//! Who has been told lately that it gets nothing, so that a machine that asks every second, or a
//! stranger who invents machines, cannot flood the journal.

use std::collections::BTreeMap;
use std::time::Duration;

use report::Mac;

/// One machine's refusal is worth repeating after this long.
const REPEAT: Duration = Duration::from_secs(60);
/// How many machines are remembered; while it is full of fresh ones, new ones are refused silently.
const MOST: usize = 256;

#[derive(Clone, Debug, Default)]
pub(crate) struct Refusals {
    told: BTreeMap<Mac, Duration>,
}

impl Refusals {
    /// Is it worth saying that `mac` was refused? Notes that it has been said.
    pub(crate) fn worth_saying(&mut self, mac: Mac, now: Duration) -> bool {
        let fresh = |told: &Duration| now.saturating_sub(*told) < REPEAT;
        if self.told.get(&mac).is_some_and(fresh) {
            return false;
        }
        if self.told.len() >= MOST {
            self.told.retain(|_, told| fresh(told));
        }
        let room = self.told.len() < MOST;
        if room {
            self.told.insert(mac, now);
        }
        room
    }
}
