//! Rooms of machines that get what they are told to get, and tell it.

mod slow;

use super::super::report::{Burst, Heard};
use super::*;
use crate::core::Bitfield;

const MS: Duration = Duration::from_millis(1);
const PIECES: u32 = 1000;
const PIECE: u32 = 4 * crate::core::BLOCK;

/// How machines are.
#[derive(Clone, Copy)]
struct Machine {
    /// What it gets by asking, in bytes per second.
    gets: f64,
    /// That part of it comes from the server.
    of_server: f64,
    /// What its cable carries.
    carries: f64,
}

/// The server sends four times what each of eight machines gets.
const WEAK: Machine = Machine {
    gets: 1.25e6,
    of_server: 0.5,
    carries: 5e6,
};

/// A room in which time passes.
struct World {
    room: Room,
    machines: Vec<(Machine, Teller)>,
    now: Duration,
    /// What the server has sent to all in the present pass, and in all, by piece.
    sent: Vec<u32>,
    /// What the seed has sent to others.
    to_others: u64,
    /// When the seed was asked last.
    asked: Duration,
    overs: u32,
    trials: u32,
}

fn name(number: u32) -> [u8; 20] {
    let mut name = [0; 20];
    name[..4].copy_from_slice(&number.to_be_bytes());
    name
}

fn address(number: u32) -> Ipv4Addr {
    (0x0a00_0000 + number).into()
}

/// What one machine has.
struct Teller {
    lacking: Bitfield,
    fetched: f64,
    /// Datagrams on their way: when they arrive, and their numbers.
    heard: Heard,
    due: Duration,
    /// When its cable is free again.
    free: Duration,
    /// The piece that it hears now, and how many of its datagrams came.
    hears: (u32, u32),
}

impl World {
    fn of(machines: &[Machine]) -> Self {
        let layout = Layout::new(u64::from(PIECES) * u64::from(PIECE), PIECE);
        let invitation = Invitation {
            group: "239.255.0.1:6971".parse().unwrap(),
            session: 3,
        };
        let teller = |_| Teller {
            lacking: Bitfield::full(PIECES),
            fetched: 0.0,
            heard: Heard {
                session: 3,
                ..Heard::default()
            },
            due: Duration::ZERO,
            free: Duration::ZERO,
            hears: (0, 0),
        };
        let tellers = (0..machines.len()).map(teller);
        Self {
            room: Room::new(layout, invitation),
            machines: machines.iter().copied().zip(tellers).collect(),
            now: Duration::ZERO,
            sent: vec![0; PIECES as usize],
            to_others: 0,
            asked: Duration::ZERO,
            overs: 0,
            trials: 0,
        }
    }

    /// Lets so many milliseconds pass, in which machines fetch, report, and hear.
    fn pass(&mut self, ms: u32) {
        let end = self.now + ms * MS;
        while self.now < end {
            let order = self.room.poll(self.now);
            match order {
                Order::Wait(time) => self.go(time.min(10 * MS)),
                Order::Over { .. } => self.overs += 1,
                Order::Send {
                    kind,
                    blocks,
                    number,
                } => self.send(kind, &blocks, number),
            }
        }
    }

    /// Time passes.
    fn go(&mut self, time: Duration) {
        let quiet = self.room.rate().is_some();
        self.now += time;
        let mut all = 0.0;
        for (number, (machine, teller)) in (0..).zip(&mut self.machines) {
            if !quiet {
                teller.fetched += machine.gets * time.as_secs_f64();
            }
            all += teller.fetched * machine.of_server;
            if self.now >= teller.due {
                let report = Report {
                    peer_id: name(number),
                    lacking: teller.lacking.clone(),
                    fetched: teller.fetched as u64,
                    of_server: (teller.fetched * machine.of_server) as u64,
                    heard: Some(teller.heard),
                };
                let answer = self.room.report(address(number), report, self.now);
                teller.due = self.now + answer.interval;
            }
        }
        if self.now >= self.asked + INTERVALS.0 {
            self.asked = self.now;
            let all = all as u64 + self.to_others;
            self.room.seed_sent(all, self.now);
        }
    }

    fn send(&mut self, kind: Kind, blocks: &[Block], mut number: u32) {
        self.trials += u32::from(kind == Kind::Trial);
        let mut began = vec![None; self.machines.len()];
        for block in blocks {
            if kind == Kind::Pass {
                let due = self.room.due(*block, self.now);
                self.go(due.saturating_sub(self.now));
            }
            for _ in 0..parts(*block) {
                for ((machine, teller), began) in self.machines.iter_mut().zip(&mut began) {
                    let arrives = teller.free.max(self.now);
                    // A port of the switch holds 50 ms.
                    if arrives > self.now + 50 * MS || machine.carries == 0.0 {
                        continue;
                    }
                    teller.free = arrives + Duration::from_secs_f64(1432.0 / machine.carries);
                    teller.heard.highest = number;
                    teller.heard.datagrams += 1;
                    if kind == Kind::Trial {
                        // Who hears one says so at once.
                        teller.due = self.now;
                        let first = *began.get_or_insert(arrives);
                        let burst = teller.heard.burst.get_or_insert(Burst {
                            first: number,
                            datagrams: 0,
                            span: Duration::ZERO,
                        });
                        burst.datagrams += 1;
                        burst.span = arrives - first;
                    } else {
                        let (piece, came) = teller.hears;
                        let came = came * u32::from(piece == block.piece) + 1;
                        teller.hears = (block.piece, came);
                        // All twelve of each of four blocks.
                        if came == 48 {
                            teller.lacking.clear(piece);
                        }
                    }
                }
                number += 1;
            }
            if kind == Kind::Pass && block.begin == 0 {
                self.sent[block.piece as usize] += 1;
            }
        }
    }

    fn sent_pieces(&self) -> u32 {
        self.sent.iter().sum()
    }
}

#[test]
fn where_the_server_sends_all_several_times_it_sends_it_once_to_all() {
    let mut world = World::of(&[WEAK; 8]);
    world.pass(1500);
    assert_eq!(world.trials, 1);
    assert!(world.room.rate().is_some(), "within a second and a half");
    while world.overs == 0 {
        world.pass(100);
    }
    assert!(world.room.is_watching());
    assert_eq!(world.sent_pieces(), PIECES, "each once");
    for (_, teller) in &world.machines {
        assert!(
            teller.lacking.ones() < PIECES / 5,
            "{}",
            teller.lacking.ones()
        );
    }
}

#[test]
fn where_machines_share_or_are_few_or_nearly_done_nothing_is_tried() {
    let sharing = Machine {
        gets: 4.5e6,
        of_server: 1.1 / 8.0,
        carries: 5e6,
    };
    for (what, machines) in [
        ("they share", &[sharing; 8][..]),
        ("they are two", &[WEAK; 2]),
        ("nobody gets anything", &[Machine { gets: 0.0, ..WEAK }; 8]),
    ] {
        let mut world = World::of(machines);
        world.pass(10_000);
        assert_eq!(world.trials, 0, "{what}");
    }
    let mut world = World::of(&[WEAK; 8]);
    for (_, teller) in &mut world.machines {
        for piece in 55..PIECES {
            teller.lacking.clear(piece);
        }
    }
    world.pass(10_000);
    assert_eq!(world.trials, 0, "it takes less than three seconds");
}

#[test]
fn a_trial_that_shows_nothing_to_gain_is_repeated_ever_later() {
    let full = Machine {
        carries: 1.4e6,
        ..WEAK
    };
    let mut one_slow = [WEAK; 8];
    one_slow[3].carries = 1.4e6;
    let deaf = Machine {
        carries: 0.0,
        ..WEAK
    };
    for (what, machines) in [
        ("their cables are full", [full; 8]),
        ("one cable is full", one_slow),
        ("nobody hears it", [deaf; 8]),
    ] {
        let mut world = World::of(&machines);
        world.pass(60_000);
        assert_eq!(world.sent_pieces(), 0, "{what}");
        assert!((2..=4).contains(&world.trials), "{what}: {}", world.trials);
    }
}

#[test]
fn one_that_hears_nothing_keeps_the_others_from_nothing() {
    let mut machines = [WEAK; 8];
    machines[5].carries = 0.0;
    let mut world = World::of(&machines);
    world.pass(25_000);
    assert_eq!(world.overs, 1);
    for (number, (_, teller)) in world.machines.iter().enumerate() {
        let lacks = teller.lacking.ones();
        assert_eq!(lacks > PIECES / 2, number == 5, "{number} lacks {lacks}");
    }
}

#[test]
fn the_rate_is_what_the_slowest_cable_carries() {
    let mut machines = [WEAK; 8];
    machines[2].carries = 3e6;
    let mut world = World::of(&machines);
    world.pass(12_000);
    let rate = world.room.rate().expect("it goes on");
    assert!((2.7e6..3.2e6).contains(&rate), "{rate}");
}

#[test]
fn it_ends_when_everybody_is_gone_and_when_nobody_is_heard_of() {
    let mut world = World::of(&[WEAK; 8]);
    world.pass(3000);
    assert!(world.room.rate().is_some());
    world.machines.clear();
    world.pass(6000);
    assert!(world.room.is_watching());
    assert_eq!((world.overs, world.room.machines()), (1, 0));
}

/// What somebody tells who wants everything to be sent to all.
fn lie(name: u8, round: u64) -> Report {
    Report {
        peer_id: [name; 20],
        lacking: Bitfield::full(PIECES),
        fetched: round,
        of_server: round * (u64::MAX >> 10),
        heard: Some(Heard {
            session: 3,
            highest: 96,
            datagrams: 96,
            burst: Some(Burst {
                first: 1,
                datagrams: 96,
                span: Duration::ZERO,
            }),
        }),
    }
}

#[test]
fn a_stranger_with_many_names_is_no_room() {
    let mut world = World::of(&[]);
    for round in 0..8 {
        for name in 0..=255 {
            world.room.report(address(1), lie(name, round), world.now);
        }
        world.to_others = round << 30;
        world.pass(250);
    }
    assert_eq!(world.room.machines(), MOST_OF_ONE);
    assert_eq!(world.trials, 0);
    world.pass(10_000);
    assert_eq!(world.room.machines(), 0, "they are forgotten");
}

/// Nobody can make the server send faster to all than it has really sent, nor for long.
#[test]
fn strangers_with_addresses_are_believed_no_more_than_the_seed() {
    let mut world = World::of(&[]);
    let mut fastest: f64 = 0.0;
    for round in 0..200 {
        for name in 0..4 {
            let from = address(name.into());
            world.room.report(from, lie(name, round), world.now);
        }
        world.to_others = round * 1_000_000;
        world.pass(250);
        fastest = fastest.max(world.room.rate().unwrap_or(0.0));
    }
    assert!(world.trials > 0, "it shows nothing");
    assert!(fastest <= 4.1e6, "{fastest}");
}

/// Larger than what reports often. The server's own cable carries ten times a machine's.
#[test]
fn a_large_room_gets_nearly_everything() {
    let machine = Machine {
        gets: 0.5e6,
        of_server: 0.05,
        carries: 5e6,
    };
    let mut world = World::of(&[machine; 300]);
    world.pass(40_000);
    assert_eq!(world.overs, 1);
    let most = world
        .machines
        .iter()
        .map(|(_, teller)| teller.lacking.ones());
    let most = most.max().unwrap();
    assert!(most < PIECES / 5, "{most}");
}

/// Somebody always comes, somebody cannot report any more.
#[test]
fn a_newcomer_does_not_keep_the_others_from_it() {
    let mut world = World::of(&[WEAK; 9]);
    world.machines[0].1.due = Duration::from_millis(900);
    world.machines[4].1.due = Duration::from_millis(1100);
    world.pass(1500);
    assert_eq!(world.trials, 1);
}

#[test]
fn what_cannot_be_sent_is_put_off() {
    let mut world = World::of(&[WEAK; 8]);
    world.pass(3000);
    assert!(world.room.rate().is_some());
    world.room.give_up(world.now);
    world.pass(9000);
    assert_eq!(world.trials, 1);
    world.pass(3000);
    assert_eq!(world.trials, 2);
}
