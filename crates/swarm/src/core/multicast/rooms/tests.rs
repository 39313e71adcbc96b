//! Two torrents whose machines both would gain.

use super::super::packet::{Kind, parts};
use super::super::report::{Answer, Burst, Heard, Report};
use super::*;
use crate::core::{BLOCK, Bitfield};

const MS: Duration = Duration::from_millis(1);
const PIECES: u32 = 500;
const PIECE: u32 = 4 * BLOCK;
const ONE: InfoHash = InfoHash([1; 20]);
const OTHER: InfoHash = InfoHash([2; 20]);
/// What each of four machines gets from the server in a quarter of a second; nobody passes anything on.
const QUARTER: u64 = 300_000;

/// Rooms of four machines each that get all from the server and hear whatever is sent.
struct World {
    rooms: Rooms,
    now: Duration,
    quarters: u64,
    /// Of each torrent, the number of the last datagram, and of the first one of the last trial.
    numbers: BTreeMap<InfoHash, (u32, u32)>,
    /// What was said, to whom.
    said: Vec<(InfoHash, Kind)>,
    /// For whom it was over, after so much was said.
    overs: Vec<(InfoHash, usize)>,
}

impl World {
    fn new() -> Self {
        Self {
            rooms: Rooms::default(),
            now: Duration::ZERO,
            quarters: 0,
            numbers: BTreeMap::new(),
            said: Vec::new(),
            overs: Vec::new(),
        }
    }

    fn report(&mut self, torrent: InfoHash, machine: u8) -> Answer {
        let layout = Layout::new(u64::from(PIECES) * u64::from(PIECE), PIECE);
        let [first, ..] = torrent.0;
        let make = || Some((layout, first.into()));
        let room = self.rooms.meet(torrent, make, self.now).unwrap();
        let (highest, trial) = self.numbers.get(&torrent).copied().unwrap_or_default();
        let heard = Heard {
            session: first.into(),
            highest,
            datagrams: highest.into(),
            burst: Some(Burst {
                first: trial,
                datagrams: 96,
                span: 10 * MS,
            }),
        };
        let report = Report {
            peer_id: [machine; 20],
            lacking: Bitfield::full(PIECES),
            fetched: self.quarters * QUARTER,
            of_server: self.quarters * QUARTER,
            heard: Some(heard),
        };
        let address = Ipv4Addr::new(10, 0, first, machine);
        room.report(address, report, self.now)
    }

    /// A quarter of a second, in which the machines of these torrents report.
    fn quarter(&mut self, torrents: &[InfoHash]) {
        for torrent in torrents {
            for machine in 0..4 {
                self.report(*torrent, machine);
            }
        }
        self.quarters += 1;
        let (until, sent) = (self.now + 250 * MS, 4 * self.quarters * QUARTER);
        while self.now < until {
            match self.rooms.poll(|_| sent, self.now) {
                Task::Idle => self.now = until,
                Task::Wait(time) => self.now += time,
                Task::Speak(torrent, order @ Order::Send { .. }) => self.send(torrent, order),
                Task::Speak(torrent, Order::Over { .. }) => {
                    self.overs.push((torrent, self.said.len()));
                }
                Task::Speak(_, Order::Wait(_)) => unreachable!("nothing is to be said"),
            }
        }
    }

    /// The machines of `torrents` report until it is this one's turn.
    fn until_a_pass_of(&mut self, torrent: InfoHash, torrents: &[InfoHash]) {
        let end = self.now + Duration::from_secs(120);
        while !self.said.contains(&(torrent, Kind::Pass)) {
            self.quarter(torrents);
            assert!(self.now < end, "its turn never comes: {:?}", self.said);
        }
    }

    fn send(&mut self, torrent: InfoHash, order: Order) {
        let Order::Send {
            kind,
            blocks,
            number,
        } = order
        else {
            return;
        };
        self.said.push((torrent, kind));
        let (highest, trial) = self.numbers.entry(torrent).or_default();
        if kind == Kind::Trial {
            *trial = number;
        }
        *highest = number - 1;
        for block in blocks {
            *highest += parts(block);
            self.now = self.rooms.due(&torrent, block, self.now);
        }
    }

    fn heard_of(&self, torrent: InfoHash) -> usize {
        self.said.iter().filter(|(of, _)| *of == torrent).count()
    }
}

#[test]
fn one_torrent_at_a_time_is_spoken_of_and_then_the_other() {
    for (first, second) in [(ONE, OTHER), (OTHER, ONE)] {
        let mut world = World::new();
        world.until_a_pass_of(first, &[first]);
        while world.overs.is_empty() {
            world.quarter(&[ONE, OTHER]);
            assert!(world.now < Duration::from_secs(120), "{:?}", world.said);
        }
        let (over, until) = world.overs[0];
        assert_eq!(over, first);
        let said = &world.said[..until];
        assert!(said.iter().all(|(of, _)| *of == first), "{said:?}");
        world.until_a_pass_of(second, &[ONE, OTHER]);
    }
}

#[test]
fn a_torrent_that_everybody_left_loses_its_turn() {
    let mut world = World::new();
    world.until_a_pass_of(ONE, &[ONE]);
    world.until_a_pass_of(OTHER, &[OTHER]);
    world.now += EMPTY;
    world.quarter(&[OTHER]);
    assert!(world.rooms.room(&ONE).is_none(), "it is not forgotten");
    assert!(world.rooms.room(&OTHER).is_some());
}

#[test]
fn what_cannot_be_sent_leaves_the_turn_to_another() {
    let mut world = World::new();
    world.until_a_pass_of(ONE, &[ONE]);
    let before = world.heard_of(ONE);
    world.rooms.failed(&ONE, world.now);
    let end = world.now + Duration::from_secs(8);
    while world.now < end {
        world.quarter(&[ONE, OTHER]);
    }
    assert_eq!(world.heard_of(ONE), before, "it is put off for ten seconds");
    assert!(world.said.contains(&(OTHER, Kind::Pass)));
}

#[test]
fn of_no_torrent_nothing_is_done() {
    let mut rooms = Rooms::default();
    assert!(rooms.meet(ONE, || None, Duration::ZERO).is_none());
    let task = rooms.poll(|_| unreachable!("nobody fetches it"), Duration::ZERO);
    assert_eq!(task, Task::Idle);
}

#[test]
fn groups_are_the_sites_own() {
    let mut rooms = Rooms::default();
    let layout = Layout::new(u64::from(PIECE), PIECE);
    let room = rooms.meet(OTHER, || Some((layout, 5)), Duration::ZERO);
    let invitation = room.unwrap().invitation();
    assert_eq!(invitation.group, "239.255.2.2:6971".parse().unwrap());
    assert_eq!(invitation.session, 5);
}
