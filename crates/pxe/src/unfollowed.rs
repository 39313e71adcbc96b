//! Firmware that takes its address from the other server and never follows our proxy offer.
//!
//! Some firmware knows one offer only: that of whoever gives it an address. It then asks again and
//! again, and nobody sees why nothing boots. From a single round nothing follows, since the packet
//! with our offer may have been lost; but whoever took an address elsewhere twice and asks as the
//! same firmware a third time has started nothing of ours in between.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use report::Mac;

use crate::firmware::Firmware;

/// So many addresses taken elsewhere without a sign of our loader are a pattern.
const ROUNDS: u32 = 2;
/// What is older is of another evening.
const WINDOW: Duration = Duration::from_secs(10 * 60);
/// How many machines are watched; while all of them are fresh, no other one is.
const MOST: usize = 256;

/// What is known of a machine that got a proxy offer and has not followed it yet.
#[derive(Clone, Copy, Debug)]
struct Watched {
    firmware: Firmware,
    since: Duration,
    /// Our offer was not followed by a choice yet.
    is_open: bool,
    rounds: u32,
    choice: Option<Choice>,
}

/// Whom a machine took an address from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Choice {
    /// The other server.
    pub(crate) server: Ipv4Addr,
    /// The address.
    pub(crate) address: Ipv4Addr,
}

/// The machines that are watched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unfollowed {
    machines: BTreeMap<Mac, Watched>,
}

impl Unfollowed {
    /// `mac` asks as `firmware` and is offered a loader. Gives the server that it listens to
    /// instead, when it has not followed such offers before.
    pub(crate) fn offered(
        &mut self,
        mac: Mac,
        firmware: Firmware,
        now: Duration,
    ) -> Option<Choice> {
        let is_fresh = |watched: &Watched| now.saturating_sub(watched.since) < WINDOW;
        if let Some(watched) = self.machines.get_mut(&mac)
            && watched.firmware == firmware
            && is_fresh(watched)
        {
            watched.is_open = true;
            return watched.choice.filter(|_| watched.rounds >= ROUNDS);
        }
        if self.machines.len() >= MOST {
            self.machines.retain(|_, watched| is_fresh(watched));
        }
        if self.machines.len() < MOST || self.machines.contains_key(&mac) {
            let watched = Watched {
                firmware,
                since: now,
                is_open: true,
                rounds: 0,
                choice: None,
            };
            self.machines.insert(mac, watched);
        }
        None
    }

    /// `mac` takes an address from another server. What it repeats counts once.
    pub(crate) fn chose(&mut self, mac: Mac, choice: Choice) {
        if let Some(watched) = self.machines.get_mut(&mac) {
            watched.rounds += u32::from(watched.is_open);
            watched.is_open = false;
            watched.choice = Some(choice);
        }
    }

    /// `mac` follows our offer, or has become something else than that firmware.
    pub(crate) fn moved_on(&mut self, mac: Mac) {
        self.machines.remove(&mac);
    }

    /// Whoever took `address` fetches a file of ours.
    pub(crate) fn fetches(&mut self, address: Ipv4Addr) {
        self.machines
            .retain(|_, watched| watched.choice.is_none_or(|c| c.address != address));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::{Asks, Machine};

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const CHOICE: Choice = Choice {
        server: Ipv4Addr::new(10, 77, 0, 2),
        address: Ipv4Addr::new(10, 77, 0, 99),
    };

    fn firmware(asks: Asks) -> Firmware {
        let machine = Machine::UefiX64;
        Firmware { machine, asks }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A machine that was offered and went elsewhere `rounds` times, each time saying so twice.
    fn after(rounds: u64) -> Unfollowed {
        let mut unfollowed = Unfollowed::default();
        for round in 0..rounds {
            for _ in 0..2 {
                let told = unfollowed.offered(MAC, firmware(Asks::Pxe), at(round * 30));
                assert_eq!(told, None, "too early");
            }
            for _ in 0..2 {
                unfollowed.chose(MAC, CHOICE);
            }
        }
        unfollowed
    }

    #[test]
    fn two_rounds_are_a_pattern_and_a_repetition_is_no_round() {
        let pxe = firmware(Asks::Pxe);
        assert_eq!(after(1).offered(MAC, pxe, at(60)), None);
        assert_eq!(after(2).offered(MAC, pxe, at(60)), Some(CHOICE));
        assert_eq!(after(2).offered(MAC, pxe, at(700)), None, "long ago");
    }

    #[test]
    fn who_moved_on_is_no_case() {
        let pxe = firmware(Asks::Pxe);
        let mut asked_4011 = after(2);
        asked_4011.moved_on(MAC);
        assert_eq!(asked_4011.offered(MAC, pxe, at(60)), None);
        let mut fetched = after(2);
        fetched.fetches(CHOICE.address);
        assert_eq!(fetched.offered(MAC, pxe, at(60)), None);
        let mut other = after(2);
        other.fetches(CHOICE.server);
        assert_eq!(other.offered(MAC, firmware(Asks::Ipxe), at(60)), None);
        assert_eq!(other.offered(MAC, pxe, at(61)), None, "begun anew");
    }

    #[test]
    fn invented_machines_are_bounded_and_give_way() {
        let mut unfollowed = Unfollowed::default();
        for number in 0..1000_u16 {
            let [high, low] = number.to_be_bytes();
            let mac = Mac([2, 0, 0, 1, high, low]);
            unfollowed.offered(mac, firmware(Asks::Pxe), at(0));
        }
        assert_eq!(unfollowed.machines.len(), MOST);
        unfollowed.offered(MAC, firmware(Asks::Pxe), at(601));
        assert_eq!(unfollowed.machines.len(), 1);
    }
}
