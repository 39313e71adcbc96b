//! All histories, and who is who. Bounded in machines and in steps: whoever was silent for longest
//! makes room.

#[cfg(test)]
mod tests;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use report::{Mac, Step, Timeline};

use super::Who;
use super::allowance::Allowance;
use super::snapshot::{Dropped, Machine, Snapshot, Told};

/// Machines remembered. A stranger who invents hardware addresses fills this and no more.
const MACHINES: usize = 4096;
/// How many make room at once, the most silent ones: looking for them costs a look at all.
const MAKE_ROOM: usize = 64;
/// Steps remembered of all machines together, at most about 1 KB each: a thousand machines with a
/// boot of thirty steps each.
const STEPS: usize = 32_768;
/// Log lines of one machine at once, and per second in the long run.
const LINES: Allowance = Allowance::new(60.0, 0.2);

#[derive(Default)]
pub(super) struct Book {
    machines: HashMap<Who, Kept>,
    /// Whose address is whose, from leases, those of an earlier run included, and from what machines
    /// say of themselves. One each.
    owners: HashMap<Ipv4Addr, Mac>,
    /// Of these, the addresses of machines that were not heard in this run.
    unheard: HashMap<Mac, Ipv4Addr>,
    /// What machines are called, as the configuration names them.
    names: HashMap<Mac, String>,
    dropped: BTreeMap<(&'static str, &'static str), u64>,
    arrivals: u64,
    steps: usize,
}

struct Kept {
    timeline: Timeline,
    /// The how-manieth machine it was, for a stable order.
    arrival: u64,
    /// Its entry among the owners.
    owns: Option<Ipv4Addr>,
    /// The address that went to another machine, although its history ends with it.
    lost: Option<Ipv4Addr>,
    /// The interface on whose wire it was heard last.
    interface: Option<Arc<str>>,
    lines: Allowance,
    /// The steps as watchers get them, until another one comes.
    told: Option<Arc<[Told]>>,
}

impl Kept {
    /// Told in this run, or else remembered from an earlier one.
    fn address(&self) -> Option<Ipv4Addr> {
        let address = self.timeline.address().or(self.owns);
        address.filter(|_| address != self.lost)
    }
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
        self.machines.get(&who).and_then(Kept::address)
    }

    /// Takes in whose leases an earlier run left. Machines we hear nothing of are not told of.
    pub(super) fn remember(&mut self, owners: Vec<(Ipv4Addr, Mac)>) {
        self.unheard
            .extend(owners.iter().map(|(address, mac)| (*mac, *address)));
        self.owners.extend(owners);
    }

    /// Takes in what machines are called.
    pub(super) fn name(&mut self, names: Vec<(Mac, String)>) {
        self.names.extend(names);
    }

    /// What the machine is called, where it is.
    pub(super) fn name_of(&self, who: Who) -> Option<&str> {
        name_of(&self.names, who)
    }

    /// Whether another log line of this machine may be written.
    pub(super) fn may_log(&mut self, who: Who, now: Duration) -> bool {
        self.machines
            .get_mut(&who)
            .is_none_or(|kept| kept.lines.take(now))
    }

    /// Adds a step to a machine's history, told of on the wire of the interface `on`. `who` is resolved.
    pub(super) fn push(&mut self, now: Duration, who: Who, on: Option<Arc<str>>, step: Step) {
        if let Who::Mac(mac) = who {
            match &step {
                Step::Lease { address } => self.belongs(*address, mac),
                Step::Awake { facts } => self.belongs(facts.address, mac),
                _ => {}
            }
        }
        let kept = self.entry(who);
        let before = kept.timeline.steps().len();
        kept.timeline.push(now, step);
        kept.interface = on.or(kept.interface.take());
        kept.told = None;
        let gained = kept.timeline.steps().len() - before;
        self.steps += gained;
        while self.steps > STEPS && self.machines.len() > 1 {
            self.make_room();
        }
    }

    /// Counts something a door refused to look at.
    pub(super) fn count_dropped(&mut self, door: &'static str, reason: &'static str) {
        *self.dropped.entry((door, reason)).or_default() += 1;
    }

    /// Counts events that came while the journal had no time.
    pub(super) fn count_lost(&mut self, events: u64) {
        if events > 0 {
            *self
                .dropped
                .entry(("journal", "too busy to note a step"))
                .or_default() += events;
        }
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

    /// What watchers may see of everything.
    pub(super) fn snapshot(&mut self, own: &[Ipv4Addr], now: Duration) -> Snapshot {
        let dropped = self.dropped();
        let names = &self.names;
        let mut kept: Vec<(&Who, &mut Kept)> = self.machines.iter_mut().collect();
        kept.sort_by_key(|(_, kept)| kept.arrival);
        Snapshot {
            at_ms: now.as_millis() as u64,
            server: own.first().copied().unwrap_or(Ipv4Addr::UNSPECIFIED),
            servers: own.to_vec(),
            machines: kept
                .into_iter()
                .map(|(who, kept)| machine(*who, name_of(names, *who), kept, now))
                .collect(),
            dropped,
        }
    }

    /// `address` is `mac`'s, and its former one no longer. What was noted under the bare address,
    /// beside a foreign DHCP server, is the beginning of its story.
    fn belongs(&mut self, address: Ipv4Addr, mac: Mac) {
        let before = self.machines.remove(&Who::Address(address));
        let kept = self.entry(Who::Mac(mac));
        kept.lost = None;
        let former = kept.owns.replace(address);
        if let Some(former) = former.filter(|former| *former != address) {
            self.disown(former, mac);
        }
        let owner = self.owners.insert(address, mac);
        let owner = owner.filter(|owner| *owner != mac);
        if let Some(kept) = owner.and_then(|owner| self.machines.get_mut(&Who::Mac(owner))) {
            (kept.owns, kept.lost) = (None, Some(address));
        }
        let Some(before) = before else { return };
        let kept = self.entry(Who::Mac(mac));
        let steps = kept.timeline.steps().len();
        kept.arrival = kept.arrival.min(before.arrival);
        for entry in before.timeline.steps() {
            kept.timeline.push(entry.at, entry.step.clone());
        }
        let gained = kept.timeline.steps().len() - steps;
        self.steps = self.steps + gained - before.timeline.steps().len();
    }

    fn disown(&mut self, address: Ipv4Addr, mac: Mac) {
        if self.owners.get(&address) == Some(&mac) {
            self.owners.remove(&address);
        }
    }

    fn entry(&mut self, who: Who) -> &mut Kept {
        if self.machines.len() >= MACHINES && !self.machines.contains_key(&who) {
            self.make_room();
        }
        let arrivals = &mut self.arrivals;
        match self.machines.entry(who) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                *arrivals += 1;
                let own = match who {
                    Who::Mac(mac) => self.unheard.remove(&mac).map(|own| (own, mac)),
                    Who::Address(_) => None,
                };
                let own = own.filter(|(own, mac)| self.owners.get(own) == Some(mac));
                free.insert(Kept {
                    timeline: Timeline::default(),
                    arrival: *arrivals,
                    owns: own.map(|(address, _)| address),
                    lost: None,
                    lines: LINES,
                    interface: None,
                    told: None,
                })
            }
        }
    }

    /// Forgets the most silent machines, and never all.
    fn make_room(&mut self) {
        let machines = self.machines.iter();
        let mut all: Vec<_> = machines
            .map(|(who, kept)| (kept.timeline.heard(), *who))
            .collect();
        let count = MAKE_ROOM.min(all.len().saturating_sub(1));
        if count > 0 {
            all.select_nth_unstable_by_key(count - 1, |(heard, _)| *heard);
        }
        for (_, who) in all.drain(..count) {
            self.forget(who);
        }
    }

    fn forget(&mut self, who: Who) {
        let Some(gone) = self.machines.remove(&who) else {
            return;
        };
        self.steps -= gone.timeline.steps().len();
        if let (Who::Mac(mac), Some(address)) = (who, gone.owns) {
            self.disown(address, mac);
        }
    }
}

fn name_of(names: &HashMap<Mac, String>, who: Who) -> Option<&str> {
    match who {
        Who::Mac(mac) => names.get(&mac).map(String::as_str),
        Who::Address(_) => None,
    }
}

fn machine(who: Who, name: Option<&str>, kept: &mut Kept, now: Duration) -> Machine {
    let timeline = &kept.timeline;
    let (mac, address) = match who {
        Who::Mac(mac) => (Some(mac), kept.address()),
        Who::Address(address) => (None, Some(address)),
    };
    let steps = kept.told.get_or_insert_with(|| {
        let told = |entry: &report::Entry| Told {
            at_ms: entry.at.as_millis() as u64,
            last_ms: entry.last.as_millis() as u64,
            times: entry.times,
            step: entry.step.clone(),
        };
        timeline.steps().map(told).collect()
    });
    Machine {
        mac,
        name: name.map(str::to_owned),
        address,
        interface: kept.interface.clone(),
        stage: timeline.stage(),
        state: timeline.state(),
        diagnosis: timeline.diagnosis(now),
        sources: timeline.sources().to_vec(),
        uploaded: timeline.uploaded(),
        boots: timeline.boots(),
        steps: Arc::clone(steps),
    }
}
