//! Leases as lines of text: what one run writes down and the next one reads.
//!
//! A line is hardware address, address, when it was written, when the lease ends; the last line
//! about an address or a machine holds. Times are seconds since 1970 by the computer's clock, which
//! may be wrong, be set while we run, or start at 1970 with every boot. Therefore a line that was
//! written in the future begins anew now: a lease may last longer than it was given for, but never
//! ends before its machine believes so. Nothing in here touches a file, and what it keeps is bounded.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;
use std::time::Duration;

use report::Mac;

use crate::lease::{Change, Lease};
use crate::pool::{LARGEST, Pool};

/// The longest lease there is (RFC 2131, section 3.3), in seconds.
const FOR_EVER: i64 = u32::MAX as i64;
/// Where a run's clock begins, so that a lease which ended before has a time on it too.
pub const BEGIN: Duration = Duration::from_secs(u32::MAX as u64);
/// Records kept of addresses outside the pool, in case the range is changed back.
const OUTSIDE: usize = LARGEST as usize;
/// What stands for the machine where the address is set aside.
const NOBODY: &str = "-";

/// One moment, on both clocks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moment {
    /// On the clock the leases go by. It begins at [`BEGIN`] and only goes forward.
    pub run: Duration,
    /// Seconds since 1970, negative before.
    pub wall: i64,
}

impl Moment {
    /// What the computer's clock said when the other one began, in seconds.
    fn begun(&self) -> i64 {
        self.wall.saturating_sub(whole(self.run))
    }

    /// Seconds by which the computer's clock was set since `before`; a little is drift.
    #[must_use]
    pub fn was_set_since(&self, before: Moment) -> i64 {
        self.begun().saturating_sub(before.begun())
    }

    fn to_run(self, wall: i64) -> Duration {
        let ahead = wall.saturating_sub(self.wall);
        let distance = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 {
            self.run.saturating_sub(distance)
        } else {
            self.run.saturating_add(distance)
        }
    }

    fn to_wall(self, run: Duration) -> i64 {
        let ahead = run.saturating_sub(self.run);
        // A lease must not end a second early because of what writing it took.
        let seconds = whole(ahead).saturating_add(i64::from(ahead.subsec_nanos() > 0));
        self.wall.saturating_add(seconds.min(FOR_EVER))
    }
}

/// One line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Record {
    /// `None`: the address is set aside.
    mac: Option<Mac>,
    address: Ipv4Addr,
    written: i64,
    ends: i64,
}

/// The text is no line of ours.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NoRecord;

impl Record {
    fn new(change: Change, at: Moment) -> Self {
        let (mac, address, until) = match change {
            Change::Lease(lease) => (Some(lease.mac), lease.address, lease.until),
            Change::Aside { address, until } => (None, address, until),
        };
        Self {
            mac,
            address,
            written: at.wall,
            ends: at.to_wall(until),
        }
    }

    fn change(&self, at: Moment) -> Change {
        let (address, until) = (self.address, at.to_run(self.ends));
        match self.mac {
            Some(mac) => Change::Lease(Lease {
                mac,
                address,
                until,
            }),
            None => Change::Aside { address, until },
        }
    }

    /// What was written in the future was written now.
    fn begin_by(&mut self, wall: i64) {
        let lasts = self.ends.saturating_sub(self.written);
        self.written = self.written.min(wall);
        self.ends = self.ends.min(wall.saturating_add(lasts));
    }

    fn shift(&mut self, seconds: i64) {
        self.written = self.written.saturating_add(seconds);
        self.ends = self.ends.saturating_add(seconds);
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mac {
            Some(mac) => write!(f, "{mac}")?,
            None => f.write_str(NOBODY)?,
        }
        write!(f, " {} {} {}", self.address, self.written, self.ends)
    }
}

impl FromStr for Record {
    type Err = NoRecord;

    fn from_str(line: &str) -> Result<Self, NoRecord> {
        let mut words = line.split_ascii_whitespace();
        let mut word = || words.next().ok_or(NoRecord);
        let mac = match word()? {
            NOBODY => None,
            mac => Some(mac.parse().map_err(|_| NoRecord)?),
        };
        let address = word()?.parse().map_err(|_| NoRecord)?;
        let written: i64 = word()?.parse().map_err(|_| NoRecord)?;
        let ends: i64 = word()?.parse().map_err(|_| NoRecord)?;
        let lasts = ends.checked_sub(written).ok_or(NoRecord)?;
        if !(0..=FOR_EVER).contains(&lasts) || words.next().is_some() {
            return Err(NoRecord);
        }
        Ok(Self {
            mac,
            address,
            written,
            ends,
        })
    }
}

/// What is written down of the subnets of one interface: one record for an address, one address for
/// a machine, the last that it got.
///
/// It holds more than the leases in use do: past leases that an offer has displaced meanwhile, and
/// addresses outside the pools. At most [`LARGEST`] records, and as many for each pool.
#[derive(Clone, Debug, Default)]
pub struct Records {
    by_address: BTreeMap<Ipv4Addr, Record>,
    by_mac: BTreeMap<Mac, Ipv4Addr>,
}

impl Records {
    /// Reads what an earlier run wrote, and says how many lines are nothing of ours. A last line
    /// without its end was never completed, so nobody was told of that lease: it does not count.
    #[must_use]
    pub fn read(text: &[u8], pools: &[Pool], wall: i64) -> (Self, usize) {
        let (mut records, mut foreign) = (Self::default(), 0);
        let whole_lines = text.split_inclusive(|byte| *byte == b'\n');
        for line in whole_lines.filter_map(|line| line.strip_suffix(b"\n")) {
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let record = std::str::from_utf8(line).ok().and_then(|l| l.parse().ok());
            let is_ours = |record: &Record| pools.iter().any(|pool| pool.in_subnet(record.address));
            match record.filter(is_ours) {
                Some(mut record) => {
                    record.begin_by(wall);
                    records.put(record);
                }
                None => foreign += 1,
            }
        }
        records.trim(pools, wall);
        (records, foreign)
    }

    /// Notes a change. Gives the line to be written, or nothing where it is written already: an
    /// address that nobody had a lease of can be set aside unwritten.
    pub fn note(&mut self, change: Change, at: Moment) -> Option<Record> {
        let record = Record::new(change, at);
        let known = self.by_address.get(&record.address);
        let is_news = match known {
            Some(known) => (known.mac, known.ends) != (record.mac, record.ends),
            None => record.mac.is_some(),
        };
        is_news.then(|| self.put(record))
    }

    /// All of it on the clock of this run.
    pub fn changes(&self, at: Moment) -> impl Iterator<Item = Change> {
        self.by_address
            .values()
            .map(move |record| record.change(at))
    }

    /// The computer's clock was set: what was written by the old one is moved along.
    pub fn shift(&mut self, seconds: i64) {
        for record in self.by_address.values_mut() {
            record.shift(seconds);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_address.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_address.is_empty()
    }

    fn put(&mut self, record: Record) -> Record {
        let before = self.by_address.insert(record.address, record);
        if let Some(mac) = before.and_then(|before| before.mac) {
            self.by_mac.remove(&mac);
        }
        if let Some(mac) = record.mac {
            let former = self.by_mac.insert(mac, record.address);
            if let Some(former) = former.filter(|former| *former != record.address) {
                self.by_address.remove(&former);
            }
        }
        record
    }

    /// Leaves out what is set aside no longer, and of the addresses outside the pool those whose
    /// leases ended first, where there are too many.
    fn trim(&mut self, pools: &[Pool], wall: i64) {
        self.by_address
            .retain(|_, record| record.mac.is_some() || record.ends > wall);
        let outside = self.by_address.values();
        let mut outside: Vec<_> = outside
            .filter(|record| !pools.iter().any(|pool| pool.contains(record.address)))
            .copied()
            .collect();
        outside.sort_unstable_by_key(|record| record.ends);
        let too_many = outside.len().saturating_sub(OUTSIDE);
        for record in &outside[..too_many] {
            self.by_address.remove(&record.address);
            if let Some(mac) = record.mac {
                self.by_mac.remove(&mac);
            }
        }
    }
}

/// The whole file: a line that says what the others are, and a line for each record.
impl fmt::Display for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# hardware address ({NOBODY}: set aside), address, written at, ends at; in seconds since 1970, see date -d @SECONDS"
        )?;
        self.by_address
            .values()
            .try_for_each(|record| writeln!(f, "{record}"))
    }
}

fn whole(time: Duration) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
