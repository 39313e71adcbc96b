//! A room of machines that all want the same system.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use lab::{Host, Stop, until};

use crate::fetch::{Complete, Fetch};
use crate::tree::{self, Tree, noise};
use crate::world::{Offer, World};

/// Everything in a room of these tests is over by then, or hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const SYSTEM: &str = "debian";
/// In Mbit/s: no limit that is felt here.
pub(crate) const FAST: u32 = 1000;

/// A server, and what it offers.
pub(crate) struct Class {
    pub(crate) world: World,
    offer: Offer,
    tree: Tree,
    /// The next machine's.
    number: u8,
}

/// Speeds of a cable, in Mbit/s.
#[derive(Clone, Copy)]
pub(crate) struct Cable {
    pub(crate) down: u32,
    pub(crate) up: u32,
}

/// A machine; nothing runs on it at first.
pub(crate) struct Machine {
    pub(crate) host: Host,
    to: PathBuf,
    fetch: Option<Fetch>,
}

impl Class {
    /// A serving server with an image of so many bytes, whose cable sends so many Mbit/s.
    pub(crate) fn open(image: usize, megabits: u32) -> Class {
        Class::open_with("", image, megabits)
    }

    /// The same with a Boottorrent.yaml.
    pub(crate) fn open_with(settings: &str, image: usize, megabits: u32) -> Class {
        let files = [("vmlinuz", 100_000), ("initrd.img", image)];
        let tree: Tree = files
            .into_iter()
            .zip(1..)
            .map(|((path, length), seed)| (path.to_owned(), noise(seed, length)))
            .collect();
        let world = World::open(|oss| {
            tree::write(&oss.join(SYSTEM), &tree);
            fs::write(oss.with_file_name("Boottorrent.yaml"), settings).unwrap();
        });
        world.limit_sending(megabits);
        let offer = world.offer(SYSTEM);
        Class {
            world,
            offer,
            tree,
            number: 2,
        }
    }

    /// Plugs in a machine.
    pub(crate) fn machine(&mut self, cable: Cable) -> Machine {
        let host = self.world.host(self.number);
        let to = format!("machine-{}", self.number);
        self.number += 1;
        host.limit_sending(cable.up).unwrap();
        self.world.room.limit_receiving(&host, cable.down).unwrap();
        Machine {
            to: self.world.room.scratch().join(to),
            host,
            fetch: None,
        }
    }

    pub(crate) fn machines(&mut self, count: usize, cable: Cable) -> Vec<Machine> {
        (0..count).map(|_| self.machine(cable)).collect()
    }

    /// Lets a machine fetch, and share until it is ended.
    pub(crate) fn start(&self, machine: &mut Machine) {
        self.start_with(&[], machine);
    }

    /// The same with further words on bttui's command line.
    pub(crate) fn start_with(&self, words: &[&str], machine: &mut Machine) {
        let words = [&["--seed-for", "600"], words].concat();
        let fetch = Fetch::start_with(&words, &machine.host, &self.offer, &machine.to);
        machine.fetch = Some(fetch);
    }

    /// Bytes of the torrent.
    pub(crate) fn size(&self) -> u64 {
        self.offer.torrent.info().total_length()
    }

    /// Waits until all of these have everything, and compares it byte by byte.
    pub(crate) fn until_complete(&self, machines: &[Machine]) -> Vec<Complete> {
        let all = self.wait("everybody's last byte", machines, |machines| {
            machines.iter().map(Machine::complete).collect()
        });
        for machine in machines {
            tree::assert_same(&machine.to.join(SYSTEM), &self.tree);
        }
        all
    }

    /// Waits until `condition` has a value; fails with how far the machines are.
    pub(crate) fn wait<T>(
        &self,
        what: &str,
        machines: &[Machine],
        condition: impl Fn(&[Machine]) -> Option<T>,
    ) -> T {
        let waited = until(what, PATIENCE, &Stop::never(), || Ok(condition(machines)));
        waited.unwrap_or_else(|error| {
            let have: Vec<u64> = machines.iter().map(Machine::have).collect();
            panic!("{error:#}; of {} bytes they have {have:?}", self.size())
        })
    }
}

impl Machine {
    /// Bytes that it has.
    pub(crate) fn have(&self) -> u64 {
        self.fetch.as_ref().map_or(0, Fetch::have)
    }

    /// How often it has said how far it is.
    pub(crate) fn news(&self) -> usize {
        self.fetch.as_ref().map_or(0, Fetch::news)
    }

    /// What hinders it.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.fetch.as_ref().and_then(Fetch::trouble)
    }

    /// What it said of its last byte, once it has it.
    pub(crate) fn complete(&self) -> Option<Complete> {
        self.fetch.as_ref().and_then(Fetch::complete)
    }

    /// Ends what runs on it and forgets what it fetched.
    pub(crate) fn begin_anew(&mut self) {
        self.fetch = None;
        fs::remove_dir_all(&self.to).unwrap();
    }
}

/// Bytes that all of them have together.
pub(crate) fn total(machines: &[Machine]) -> u64 {
    machines.iter().map(Machine::have).sum()
}

/// When the last of them had everything, in seconds since its own start.
pub(crate) fn last(all: &[Complete]) -> f64 {
    all.iter().map(|one| one.seconds).fold(0.0, f64::max)
}
