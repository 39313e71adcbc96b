//! The story of a room as it is told on the terminal: every step when it happens, and at the end
//! where the time went and who sent which bytes to whom.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use lab::{Classroom, Machine, MachineView, Machines};

/// A machine and when it was switched on.
#[derive(Clone, Debug)]
struct Actor {
    name: String,
    mac: String,
    card: &'static str,
    power_on: Instant,
    hello: Option<Duration>,
}

/// What was seen so far.
#[derive(Debug)]
pub(crate) struct Story {
    cast: Vec<Actor>,
    /// How many steps of each machine have been told.
    told: HashMap<String, usize>,
    /// When the server's journal began, as well as that is known: an answer of the server is
    /// always a little older than its arrival, so the earliest guess is the best.
    journal_began: Option<Instant>,
    last: Machines,
}

impl Story {
    /// The story of these machines, from their power-on.
    pub(crate) fn new(machines: &[Machine]) -> Story {
        let cast = machines.iter().map(|machine| Actor {
            name: machine.spec().name.clone(),
            mac: machine.spec().mac.clone(),
            card: machine.spec().nic.device(),
            power_on: machine.since(),
            hello: None,
        });
        Story {
            cast: cast.collect(),
            told: HashMap::new(),
            journal_began: None,
            last: Machines::default(),
        }
    }

    /// Tells what is new.
    pub(crate) fn follow(&mut self, now: &Machines) {
        self.last.clone_from(now);
        if let Some(began) = Instant::now().checked_sub(Duration::from_millis(now.at_ms)) {
            self.journal_began = Some(self.journal_began.map_or(began, |best| best.min(began)));
        }
        let mut news = Vec::new();
        for actor in &self.cast {
            let Some(one) = now.machine(&actor.mac) else {
                continue;
            };
            let told = self.told.insert(actor.mac.clone(), one.steps.len());
            for step in one.steps.iter().skip(told.unwrap_or(0)) {
                if let Some(line) = step.line(Classroom::SERVER) {
                    news.push((self.since_power_on(actor, step.at()), actor, line));
                }
            }
        }
        news.sort_by_key(|(at, ..)| *at);
        for (at, actor, line) in news {
            self.tell(actor, at, &line);
        }
    }

    /// Notes that the machine's own system said hello so long after its power-on.
    pub(crate) fn hello(&mut self, mac: &str, at: Duration) {
        if let Some(actor) = self
            .cast
            .iter_mut()
            .find(|actor| actor.mac == mac && actor.hello.is_none())
        {
            actor.hello = Some(at);
            let actor = actor.clone();
            self.tell(&actor, at, "its own system says hello");
        }
    }

    /// When the machine reached a milestone, since its power-on.
    pub(crate) fn reached(&self, mac: &str, milestone: &str) -> Option<Duration> {
        let actor = self.cast.iter().find(|actor| actor.mac == mac)?;
        let times = self.times(actor);
        times
            .into_iter()
            .find(|(name, _)| *name == milestone)
            .map(|(_, at)| at)
    }

    /// Where the time went, machine by machine.
    pub(crate) fn print_times(&self) {
        println!("\nSeconds since power-on (and since the line above)");
        print!("{:22}", "");
        for actor in &self.cast {
            print!("{:>24}", format!("{} ({})", actor.name, actor.card));
        }
        println!();
        let columns: Vec<_> = self.cast.iter().map(|actor| self.times(actor)).collect();
        let longest = columns
            .iter()
            .max_by_key(|column| column.len())
            .map_or(&[][..], Vec::as_slice);
        for (milestone, _) in longest {
            print!("  {milestone:20}");
            for column in &columns {
                let row = column.iter().position(|(name, _)| name == milestone);
                let cell = row.map(|row| {
                    let at = column[row].1.as_secs_f64();
                    let before = row
                        .checked_sub(1)
                        .map_or(0.0, |row| column[row].1.as_secs_f64());
                    format!("{at:.1} (+{:.1})", at - before)
                });
                print!("{:>24}", cell.unwrap_or_else(|| "-".into()));
            }
            println!();
        }
    }

    /// Who sent the bytes of the system to whom.
    pub(crate) fn print_shares(&self) {
        println!("\nBytes of the system, from (rows) to (columns)");
        print!("{:14}", "");
        for actor in &self.cast {
            print!("{:>20}", actor.name);
        }
        println!("{:>20}", "sent in all");
        let mut senders = vec![("server", Some(Classroom::SERVER))];
        senders.extend(self.cast.iter().map(|actor| {
            let address = self.last.machine(&actor.mac).and_then(|one| one.address);
            (actor.name.as_str(), address)
        }));
        for (name, address) in senders {
            print!("  {name:12}");
            let sent = |to: &MachineView| address.map_or(0, |address| to.bytes_from(address));
            let mut all = 0;
            for actor in &self.cast {
                let receiver = self.last.machine(&actor.mac);
                let bytes = receiver.map_or(0, sent);
                let received: u64 =
                    receiver.map_or(0, |one| one.sources.iter().map(|source| source.bytes).sum());
                all += bytes;
                let cell = if actor.name == name {
                    "-".into()
                } else {
                    share(bytes, received)
                };
                print!("{cell:>20}");
            }
            println!("{:>20}", megabytes(all));
        }
    }

    fn times(&self, actor: &Actor) -> Vec<(&'static str, Duration)> {
        let Some(one) = self.last.machine(&actor.mac) else {
            return Vec::new();
        };
        let mut times: Vec<_> = one
            .milestones()
            .into_iter()
            .map(|(name, at)| (name, self.since_power_on(actor, at)))
            .collect();
        times.extend(actor.hello.map(|at| ("its system says hello", at)));
        times
    }

    fn since_power_on(&self, actor: &Actor, at: Duration) -> Duration {
        let began = self.journal_began.unwrap_or(actor.power_on);
        (began + at).saturating_duration_since(actor.power_on)
    }

    fn tell(&self, actor: &Actor, at: Duration, line: &str) {
        let width = self
            .cast
            .iter()
            .map(|actor| actor.name.len())
            .max()
            .unwrap_or(0);
        println!("{:7.1} s  {:width$}  {line}", at.as_secs_f64(), actor.name);
    }
}

fn share(bytes: u64, of: u64) -> String {
    match of {
        0 => "-".into(),
        _ => format!("{} ({} %)", megabytes(bytes), bytes * 100 / of),
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_what_was_received() {
        assert_eq!(share(5_000_000, 20_000_000), "5.0 MB (25 %)");
        assert_eq!(share(0, 0), "-");
    }
}
