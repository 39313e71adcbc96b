//! The figures of one boot's downloads. An attempt counts from zero again, so what earlier
//! attempts moved is kept beside it: the table of a room must not forget bytes.

use std::net::Ipv4Addr;

use crate::clip::MOST_SOURCES;
use crate::{Progress, Source};

/// What the attempts of one boot have moved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transfer {
    last: Progress,
    /// Of earlier attempts at the same system.
    earlier: Vec<Source>,
    /// Of all attempts at the same system.
    sources: Vec<Source>,
    /// Of all earlier attempts, at whatever system.
    uploaded_before: u64,
}

impl Transfer {
    pub(crate) fn last(&self) -> &Progress {
        &self.last
    }

    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    pub(crate) fn uploaded(&self) -> u64 {
        self.uploaded_before.saturating_add(self.last.uploaded)
    }

    pub(crate) fn take(&mut self, progress: &Progress) {
        let same_system = self.last.system == progress.system;
        if !same_system || counts_anew(&self.last, progress) {
            self.uploaded_before = self.uploaded();
            self.earlier = if same_system {
                std::mem::take(&mut self.sources)
            } else {
                Vec::new()
            };
        }
        self.sources = sum(&self.earlier, &progress.sources);
        self.last = progress.clone();
    }
}

/// Within one attempt neither figure ever falls.
fn counts_anew(before: &Progress, after: &Progress) -> bool {
    // An address that nobody has: what is left of the sum is the sum.
    let received = |progress: &Progress| progress.from_others(Ipv4Addr::UNSPECIFIED).1;
    after.uploaded < before.uploaded || received(after) < received(before)
}

fn sum(earlier: &[Source], now: &[Source]) -> Vec<Source> {
    let mut sum = earlier.to_vec();
    for source in now {
        match sum.iter().position(|known| known.address == source.address) {
            Some(known) => sum[known].bytes = sum[known].bytes.saturating_add(source.bytes),
            None if sum.len() < MOST_SOURCES => sum.push(*source),
            None => {}
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
    const OTHER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

    fn progress(system: &str, uploaded: u64, sources: &[(Ipv4Addr, u64)]) -> Progress {
        let sources = sources
            .iter()
            .map(|(address, bytes)| Source {
                address: *address,
                bytes: *bytes,
            })
            .collect();
        Progress {
            system: system.into(),
            uploaded,
            sources,
            ..Progress::default()
        }
    }

    fn after(reports: &[Progress]) -> (Vec<(Ipv4Addr, u64)>, u64) {
        let mut transfer = Transfer::default();
        for report in reports {
            transfer.take(report);
        }
        let sources = transfer.sources().iter().map(|s| (s.address, s.bytes));
        (sources.collect(), transfer.uploaded())
    }

    #[test]
    fn one_attempt_counts_up() {
        let reports = [
            progress("a", 1, &[(SERVER, 10)]),
            progress("a", 5, &[(SERVER, 20), (OTHER, 7)]),
        ];
        assert_eq!(after(&reports), (vec![(SERVER, 20), (OTHER, 7)], 5));
    }

    #[test]
    fn a_second_attempt_adds_to_the_first() {
        let reports = [
            progress("a", 5, &[(SERVER, 20)]),
            progress("a", 0, &[]),
            progress("a", 3, &[(OTHER, 7), (SERVER, 1)]),
        ];
        assert_eq!(after(&reports), (vec![(SERVER, 21), (OTHER, 7)], 8));
    }

    #[test]
    fn another_system_has_its_own_sources() {
        let reports = [
            progress("a", 5, &[(SERVER, 20)]),
            progress("b", 2, &[(OTHER, 30)]),
        ];
        assert_eq!(after(&reports), (vec![(OTHER, 30)], 7));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut transfer = Transfer::default();
        for n in 0..10_000 {
            transfer.take(&progress(
                "a",
                0,
                &[(Ipv4Addr::from(n), 1000 - u64::from(n % 7))],
            ));
        }
        assert!(transfer.sources().len() <= MOST_SOURCES);
    }
}
