//! All histories, and who is who. Bounded: the machine silent for longest makes room for a new one.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::time::Duration;

use report::{Mac, Step, Timeline};

use super::Who;
use super::snapshot::{Dropped, Machine, Snapshot, Told};

/// Machines remembered. A stranger who invents hardware addresses fills this and no more.
const MACHINES: usize = 4096;

#[derive(Default)]
pub(super) struct Book {
    machines: HashMap<Who, Kept>,
    /// Whose address is whose, from leases and from what machines say of themselves.
    owners: HashMap<Ipv4Addr, Mac>,
    dropped: BTreeMap<(&'static str, &'static str), u64>,
    arrivals: u64,
}

struct Kept {
    timeline: Timeline,
    /// The how-manieth machine it was, for a stable order.
    arrival: u64,
}

impl Book {
    /// The machine behind an address, where a lease or a report named it.
    pub(super) fn resolve(&self, who: Who) -> Who {
        match who {
            Who::Address(address) => self.owners.get(&address).map_or(who, |mac| Who::Mac(*mac)),
            Who::Mac(_) => who,
        }
    }

    /// The machine's address, where it has one.
    pub(super) fn address(&self, who: Who) -> Option<Ipv4Addr> {
        self.machines
            .get(&who)
            .and_then(|kept| kept.timeline.address())
    }

    /// Adds a step to a machine's history. `who` is resolved.
    pub(super) fn push(&mut self, now: Duration, who: Who, step: Step) {
        if let Who::Mac(mac) = who {
            match &step {
                Step::Lease { address } => self.belongs(now, *address, mac),
                Step::Awake { facts } => self.belongs(now, facts.address, mac),
                _ => {}
            }
        }
        self.entry(who).timeline.push(now, step);
    }

    /// Counts something a door refused to look at.
    pub(super) fn count_dropped(&mut self, door: &'static str, reason: &'static str) {
        *self.dropped.entry((door, reason)).or_default() += 1;
    }

    /// What was refused so far.
    pub(super) fn dropped(&self) -> Vec<Dropped> {
        let counted = self.dropped.iter();
        counted
            .map(|((door, reason), count)| Dropped {
                door,
                reason,
                count: *count,
            })
            .collect()
    }

    /// A copy of everything, for those who watch.
    pub(super) fn snapshot(&self, now: Duration) -> Snapshot {
        let mut kept: Vec<(&Who, &Kept)> = self.machines.iter().collect();
        kept.sort_by_key(|(_, kept)| kept.arrival);
        Snapshot {
            at_ms: now.as_millis() as u64,
            machines: kept
                .into_iter()
                .map(|(who, kept)| machine(*who, &kept.timeline, now))
                .collect(),
            dropped: self.dropped(),
        }
    }

    /// `address` is `mac`'s. What was noted under the bare address, beside a foreign DHCP server, is
    /// the beginning of its story.
    fn belongs(&mut self, now: Duration, address: Ipv4Addr, mac: Mac) {
        self.owners.insert(address, mac);
        if self.owners.len() > 2 * MACHINES {
            let known: std::collections::HashSet<Mac> = self
                .machines
                .keys()
                .filter_map(|who| match who {
                    Who::Mac(mac) => Some(*mac),
                    Who::Address(_) => None,
                })
                .collect();
            self.owners.retain(|_, owner| known.contains(owner));
        }
        let Some(before) = self.machines.remove(&Who::Address(address)) else {
            return;
        };
        match self.machines.entry(Who::Mac(mac)) {
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(before);
            }
            std::collections::hash_map::Entry::Occupied(mut known) => {
                for entry in before.timeline.steps() {
                    known.get_mut().timeline.push(now, entry.step.clone());
                }
            }
        }
    }

    fn entry(&mut self, who: Who) -> &mut Kept {
        if self.machines.len() >= MACHINES && !self.machines.contains_key(&who) {
            let silent = self
                .machines
                .iter()
                .min_by_key(|(_, kept)| kept.timeline.heard());
            if let Some(silent) = silent.map(|(who, _)| *who) {
                self.machines.remove(&silent);
            }
        }
        let arrival = self.arrivals;
        self.arrivals += 1;
        self.machines.entry(who).or_insert_with(|| Kept {
            timeline: Timeline::default(),
            arrival,
        })
    }
}

fn machine(who: Who, timeline: &Timeline, now: Duration) -> Machine {
    let (mac, address) = match who {
        Who::Mac(mac) => (Some(mac), timeline.address()),
        Who::Address(address) => (None, Some(address)),
    };
    Machine {
        mac,
        address,
        stage: timeline.stage(),
        state: timeline.state(),
        diagnosis: timeline.diagnosis(now),
        sources: timeline.sources().to_vec(),
        uploaded: timeline.uploaded(),
        boots: timeline.boots(),
        steps: timeline
            .steps()
            .map(|entry| Told {
                at_ms: entry.at.as_millis() as u64,
                times: entry.times,
                step: entry.step.clone(),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 101);

    fn file(name: &str) -> Step {
        Step::File {
            door: report::Door::Tftp,
            name: name.into(),
            bytes: 1,
            total: 1,
            millis: 1,
        }
    }

    fn push(book: &mut Book, at: u64, who: Who, step: Step) {
        let who = book.resolve(who);
        book.push(Duration::from_secs(at), who, step);
    }

    #[test]
    fn a_file_is_noted_with_the_machine_that_leased_the_address() {
        let mut book = Book::default();
        let firmware = "BIOS PXE".to_owned();
        push(&mut book, 1, Who::Mac(MAC), Step::Discover { firmware });
        push(
            &mut book,
            1,
            Who::Mac(MAC),
            Step::Lease { address: ADDRESS },
        );
        push(&mut book, 2, Who::Address(ADDRESS), file("lpxelinux.0"));
        let all = book.snapshot(Duration::from_secs(3)).machines;
        assert_eq!(all.len(), 1);
        assert_eq!(
            (all[0].mac, all[0].address, all[0].steps.len()),
            (Some(MAC), Some(ADDRESS), 3)
        );
    }

    /// Beside a foreign DHCP server the loader's requests come first, the machine's name later.
    #[test]
    fn what_came_before_the_name_is_kept() {
        let mut book = Book::default();
        push(&mut book, 1, Who::Address(ADDRESS), file("pxelinux.0"));
        let facts = report::Facts {
            memory_bytes: 1,
            cpus: 1,
            cpu: String::new(),
            nic: String::new(),
            address: ADDRESS,
            kernel: String::new(),
        };
        push(&mut book, 2, Who::Mac(MAC), Step::Awake { facts });
        let all = book.snapshot(Duration::from_secs(3)).machines;
        assert_eq!(all.len(), 1, "one machine, not two");
        assert_eq!(all[0].steps[0].step, file("pxelinux.0"));
    }

    #[test]
    fn invented_machines_push_out_the_silent_ones_only() {
        let mut book = Book::default();
        push(&mut book, 1_000_000, Who::Mac(MAC), Step::Shell);
        for n in 0..2 * MACHINES as u32 {
            let [a, b, c, d] = n.to_be_bytes();
            push(
                &mut book,
                u64::from(n),
                Who::Mac(Mac([6, 0, a, b, c, d])),
                Step::Shell,
            );
        }
        let all = book.snapshot(Duration::ZERO).machines;
        assert_eq!(all.len(), MACHINES);
        assert!(
            all.iter().any(|machine| machine.mac == Some(MAC)),
            "the one heard last stays"
        );
    }
}
