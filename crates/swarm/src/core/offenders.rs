//! Machines that had a part in pieces whose hash was wrong.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// How long a liar gets no connection. Not for ever: it may be the only one who has the rest, and
/// broken memory is replaced sooner than a lesson is over.
const BAN: Duration = Duration::from_secs(600);

/// Most machines to remember; a room has fewer.
const MAX_OFFENDERS: usize = 1024;

#[derive(Default)]
struct Record {
    suspect: bool,
    banned_until: Duration,
}

#[derive(Default)]
pub(crate) struct Offenders(BTreeMap<Ipv4Addr, Record>);

impl Offenders {
    pub(crate) fn is_banned(&self, address: Ipv4Addr, now: Duration) -> bool {
        self.0
            .get(&address)
            .is_some_and(|record| now < record.banned_until)
    }

    /// Whether it has to show with whole pieces that it is honest.
    pub(crate) fn is_suspect(&self, address: Ipv4Addr) -> bool {
        self.0.get(&address).is_some_and(|record| record.suspect)
    }

    pub(crate) fn suspect(&mut self, address: Ipv4Addr) {
        if let Some(record) = self.record(address) {
            record.suspect = true;
        }
    }

    /// It alone brought a wrong piece. When the ban is over it is still a suspect.
    pub(crate) fn ban(&mut self, address: Ipv4Addr, now: Duration) {
        if let Some(record) = self.record(address) {
            record.suspect = true;
            record.banned_until = now + BAN;
        }
    }

    /// It alone brought a right piece.
    pub(crate) fn clear(&mut self, address: Ipv4Addr) {
        self.0.remove(&address);
    }

    fn record(&mut self, address: Ipv4Addr) -> Option<&mut Record> {
        let known = self.0.contains_key(&address);
        (known || self.0.len() < MAX_OFFENDERS).then(|| self.0.entry(address).or_default())
    }
}
