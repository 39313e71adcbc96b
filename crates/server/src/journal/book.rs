//! All histories, and who is who. Bounded in machines and in steps: whoever was silent for longest
//! makes room.

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
    lines: Allowance,
    /// The steps as watchers get them, until another one comes.
    told: Option<Arc<[Told]>>,
}

impl Kept {
    /// Told in this run, or else remembered from an earlier one.
    fn address(&self) -> Option<Ipv4Addr> {
        self.timeline.address().or(self.owns)
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

    /// Adds a step to a machine's history. `who` is resolved.
    pub(super) fn push(&mut self, now: Duration, who: Who, step: Step) {
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
        kept.told = None;
        let gained = kept.timeline.steps().len() - before;
        self.steps += gained;
        while self.steps > STEPS && self.machines.len() > 1 {
            self.forget_the_most_silent();
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
    pub(super) fn snapshot(&mut self, server: Ipv4Addr, now: Duration) -> Snapshot {
        let dropped = self.dropped();
        let names = &self.names;
        let mut kept: Vec<(&Who, &mut Kept)> = self.machines.iter_mut().collect();
        kept.sort_by_key(|(_, kept)| kept.arrival);
        Snapshot {
            at_ms: now.as_millis() as u64,
            server,
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
        let former = self.entry(Who::Mac(mac)).owns.replace(address);
        if let Some(former) = former.filter(|former| *former != address) {
            self.disown(former, mac);
        }
        self.owners.insert(address, mac);
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
            self.forget_the_most_silent();
        }
        let arrivals = &mut self.arrivals;
        match self.machines.entry(who) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(free) => {
                *arrivals += 1;
                let mut owners = self.owners.iter();
                let own = owners.find(|(_, mac)| who == Who::Mac(**mac));
                free.insert(Kept {
                    timeline: Timeline::default(),
                    arrival: *arrivals,
                    owns: own.map(|(address, _)| *address),
                    lines: LINES,
                    told: None,
                })
            }
        }
    }

    fn forget_the_most_silent(&mut self) {
        let silent = self
            .machines
            .iter()
            .min_by_key(|(_, kept)| kept.timeline.heard());
        let Some(who) = silent.map(|(who, _)| *who) else {
            return;
        };
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
        stage: timeline.stage(),
        state: timeline.state(),
        diagnosis: timeline.diagnosis(now),
        sources: timeline.sources().to_vec(),
        uploaded: timeline.uploaded(),
        boots: timeline.boots(),
        steps: Arc::clone(steps),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
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
        let all = book.snapshot(SERVER, Duration::from_secs(3)).machines;
        assert_eq!(all.len(), 1);
        assert_eq!(
            (all[0].mac, all[0].address, all[0].steps.len()),
            (Some(MAC), Some(ADDRESS), 3)
        );
    }

    /// A machine that outlived a server is known to the next one, but only once it is heard of.
    #[test]
    fn leases_of_an_earlier_run_name_machines() {
        let mut book = Book::default();
        let other = Mac([2, 0, 0, 0, 0, 2]);
        let next = Ipv4Addr::new(10, 77, 0, 102);
        book.remember(vec![(ADDRESS, MAC), (next, other)]);
        assert_eq!(book.snapshot(SERVER, Duration::ZERO).machines.len(), 0);
        push(&mut book, 1, Who::Mac(MAC), Step::Shell);
        push(&mut book, 2, Who::Address(next), file("initrd"));
        let all = book.snapshot(SERVER, Duration::from_secs(3)).machines;
        let known: Vec<_> = all
            .iter()
            .map(|machine| (machine.mac, machine.address))
            .collect();
        assert_eq!(
            known,
            [(Some(MAC), Some(ADDRESS)), (Some(other), Some(next))]
        );
        let moved = Ipv4Addr::new(10, 77, 0, 103);
        push(&mut book, 4, Who::Mac(MAC), Step::Lease { address: moved });
        assert_eq!(book.address(Who::Mac(MAC)), Some(moved));
        assert_eq!(book.resolve(Who::Address(ADDRESS)), Who::Address(ADDRESS));
    }

    #[test]
    fn a_machine_that_the_configuration_names_is_called_so() {
        let mut book = Book::default();
        book.name(vec![(MAC, "pc01".to_owned())]);
        assert_eq!(book.snapshot(SERVER, Duration::ZERO).machines.len(), 0);
        push(&mut book, 1, Who::Address(ADDRESS), file("pxelinux.0"));
        let unknown = book.snapshot(SERVER, Duration::ZERO).machines;
        assert_eq!(unknown[0].name, None);
        push(&mut book, 2, Who::Mac(MAC), awake(ADDRESS));
        let known = book.snapshot(SERVER, Duration::ZERO).machines;
        assert_eq!(known[0].name.as_deref(), Some("pc01"));
        assert_eq!(book.name_of(Who::Mac(MAC)), Some("pc01"));
    }

    /// Beside a foreign DHCP server the loader's requests come first, the machine's name later.
    #[test]
    fn what_came_before_the_name_is_kept() {
        let mut book = Book::default();
        push(&mut book, 1, Who::Address(ADDRESS), file("pxelinux.0"));
        push(&mut book, 2, Who::Mac(MAC), awake(ADDRESS));
        let all = book.snapshot(SERVER, Duration::from_secs(3)).machines;
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
        let all = book.snapshot(SERVER, Duration::ZERO).machines;
        assert_eq!(all.len(), MACHINES);
        assert!(
            all.iter().any(|machine| machine.mac == Some(MAC)),
            "the one heard last stays"
        );
    }

    fn awake(address: Ipv4Addr) -> Step {
        let facts = report::Facts {
            memory_bytes: 1,
            cpus: 1,
            cpu: String::new(),
            nic: String::new(),
            address,
            kernel: String::new(),
        };
        Step::Awake { facts }
    }

    /// A machine that claims address after address has one, and gives up the others.
    #[test]
    fn an_address_has_one_owner_and_a_machine_one_address() {
        let mut book = Book::default();
        for n in 0..50_000u32 {
            push(
                &mut book,
                1,
                Who::Mac(MAC),
                awake(Ipv4Addr::from(0x0a4d_0000 + n)),
            );
        }
        assert_eq!(book.owners.len(), 1);
    }

    #[test]
    fn steps_are_bounded_in_all() {
        let mut book = Book::default();
        for n in 0..400u32 {
            let [a, b, c, d] = n.to_be_bytes();
            for k in 0..256 {
                push(
                    &mut book,
                    u64::from(n),
                    Who::Mac(Mac([6, 0, a, b, c, d])),
                    file(&k.to_string()),
                );
            }
        }
        let all = book.snapshot(SERVER, Duration::ZERO).machines;
        let steps: usize = all.iter().map(|machine| machine.steps.len()).sum();
        assert!(
            steps <= STEPS && steps == book.steps,
            "{steps}, counted {}",
            book.steps
        );
        assert_eq!(
            all.last().map(|machine| machine.mac),
            Some(Some(Mac([6, 0, 0, 0, 1, 143])))
        );
    }
}
