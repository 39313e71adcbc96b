//! Machines that boot once and have, and how that is written down for the next run; and those in whose menu their own
//! disk was chosen, which is forgotten again.
//!
//! A line is a hardware address and when its system started; without its line a machine boots again. Nothing
//! in here touches a file, and what it keeps is bounded: machines beyond that boot again, for those that
//! are remembered must not be pushed out by a stranger who invents others.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use report::Mac;

use crate::pool::LARGEST;

/// Machines remembered.
pub const MOST: usize = LARGEST as usize;

/// Who has started, and when by the computer's clock, in seconds since 1970; and who is left to its own disk for now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Started {
    lines: BTreeMap<Mac, i64>,
    left: BTreeSet<Mac>,
}

/// There are [`MOST`] already.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Full;

impl Started {
    /// Reads what an earlier run wrote, or what a person made of it, and says how many lines are nothing of
    /// ours. What follows the hardware address means nothing to us.
    #[must_use]
    pub fn read(text: &[u8]) -> (Self, usize) {
        let (mut started, mut foreign) = (Self::default(), 0);
        for line in text.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line);
            let mut words = line.split_ascii_whitespace();
            let Some(first) = words.next().filter(|word| !word.starts_with('#')) else {
                continue;
            };
            let at = words.next().and_then(|word| word.parse().ok());
            match first.parse() {
                Ok(mac) if started.note(mac, at.unwrap_or(0)).is_ok() => {}
                _ => foreign += 1,
            }
        }
        (started, foreign)
    }

    /// Whether `mac` has started.
    #[must_use]
    pub fn has(&self, mac: Mac) -> bool {
        self.lines.contains_key(&mac)
    }

    /// Notes that `mac` has started; says whether that is news.
    ///
    /// # Errors
    /// [`Full`]: it is not remembered.
    pub fn note(&mut self, mac: Mac, wall: i64) -> Result<bool, Full> {
        let room = self.lines.len() < MOST;
        match self.lines.entry(mac) {
            Entry::Occupied(_) => Ok(false),
            Entry::Vacant(free) if room => {
                free.insert(wall);
                Ok(true)
            }
            Entry::Vacant(_) => Err(Full),
        }
    }

    /// `mac` may boot again; says whether that is news.
    pub fn forget(&mut self, mac: Mac) -> bool {
        self.lines.remove(&mac).is_some()
    }

    /// `mac` is left to its own disk until [`Started::come_back`].
    ///
    /// # Errors
    /// [`Full`]: it boots as before.
    pub fn leave(&mut self, mac: Mac) -> Result<(), Full> {
        if self.left.len() >= MOST && !self.left.contains(&mac) {
            return Err(Full);
        }
        self.left.insert(mac);
        Ok(())
    }

    /// `mac` boots again as the rules have it.
    pub fn come_back(&mut self, mac: Mac) {
        self.left.remove(&mac);
    }

    /// Whether `mac` is left to its own disk for now.
    #[must_use]
    pub fn is_left(&self, mac: Mac) -> bool {
        self.left.contains(&mac)
    }

    /// The lines of `read`, and those that are left to their disks as before: that is written down nowhere.
    pub fn take_lines(&mut self, read: Self) {
        self.lines = read.lines;
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl FromIterator<Mac> for Started {
    fn from_iter<I: IntoIterator<Item = Mac>>(machines: I) -> Self {
        let machines = machines.into_iter().take(MOST);
        Self {
            lines: machines.map(|mac| (mac, 0)).collect(),
            left: BTreeSet::new(),
        }
    }
}

/// The whole file: lines that say what the others are, and a line for each machine.
impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Machines that were to boot once and have: hardware address, started at (in seconds since 1970, see \
             date -d @SECONDS).\n# Without its line a machine boots again; a running server notices."
        )?;
        self.lines
            .iter()
            .try_for_each(|(mac, at)| writeln!(f, "{mac} {at}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(number: u32) -> Mac {
        let [a, b, c, d] = number.to_be_bytes();
        Mac([2, 0, a, b, c, d])
    }

    #[test]
    fn what_was_written_is_read() {
        let mut started = Started::default();
        assert_eq!(started.note(mac(1), 1_795_769_000), Ok(true));
        assert_eq!(started.note(mac(2), -5), Ok(true));
        assert_eq!(started.note(mac(1), 7), Ok(false), "the first start counts");
        let text = started.to_string();
        assert!(
            text.ends_with("\n02:00:00:00:00:01 1795769000\n02:00:00:00:00:02 -5\n"),
            "{text}"
        );
        assert_eq!(Started::read(text.as_bytes()), (started.clone(), 0));
        assert!(started.forget(mac(1)) && !started.forget(mac(1)));
        assert!(!started.has(mac(1)) && started.has(mac(2)));
    }

    #[test]
    fn what_a_person_wrote_is_read_as_far_as_it_can_be() {
        let text = b"\n  # mine\n02-00-00-00-00-01\n02:00:00:00:00:02 yesterday, by hand\r\nroom 5\n\xff\xfe 3\n02:00:00:00:00:01";
        let (started, foreign) = Started::read(text);
        assert_eq!((started.len(), foreign), (2, 2));
        assert!(started.has(mac(1)) && started.has(mac(2)));
        assert_eq!(Started::read(b""), (Started::default(), 0));
    }

    #[test]
    fn invented_machines_push_nobody_out() {
        let mut started = Started::default();
        for number in 0..MOST as u32 {
            assert_eq!(started.note(mac(number), 0), Ok(true));
        }
        assert_eq!(started.note(mac(u32::MAX), 0), Err(Full));
        assert_eq!(started.note(mac(0), 0), Ok(false));
        assert_eq!((started.len(), started.has(mac(0))), (MOST, true));
        let (read, foreign) =
            Started::read((started.to_string() + "06:00:00:00:00:00\n").as_bytes());
        assert_eq!((read.len(), foreign), (MOST, 1));
    }

    #[test]
    fn who_is_left_to_its_disk_is_written_down_nowhere() {
        let mut started = Started::default();
        assert_eq!(started.leave(mac(1)), Ok(()));
        assert!(started.is_left(mac(1)) && !started.has(mac(1)));
        let (read, _) = Started::read(started.to_string().as_bytes());
        assert!(!read.is_left(mac(1)) && started.is_empty());
        started.take_lines([mac(2)].into_iter().collect());
        assert!(started.is_left(mac(1)) && started.has(mac(2)));
        started.come_back(mac(1));
        assert!(!started.is_left(mac(1)));
        let many = (0..).take(MOST).map(mac);
        assert!(many.into_iter().all(|mac| started.leave(mac).is_ok()));
        assert_eq!(started.leave(mac(u32::MAX)), Err(Full));
        assert_eq!(started.leave(mac(7)), Ok(()), "it is among them");
    }
}
