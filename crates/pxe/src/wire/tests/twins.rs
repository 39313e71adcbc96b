//! Several bt-servers on one wire, which begin within the same seconds, lose packets and hear each other in any order:
//! in the end one of them serves.

use super::*;

/// How far the simulation goes at a time, in milliseconds.
const BEAT: u64 = 10;
/// How often a server looks at its wire.
const LOOKS: u64 = 250;

/// A sequence of numbers that depends on its seed alone (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

#[derive(Clone, Copy, Debug)]
enum Packet {
    Question(Mac, Option<Claim>),
    Answer(Foreign),
}

struct Server {
    watch: Watch,
    mac: Mac,
    address: Ipv4Addr,
    begins: u64,
    role: Option<Role>,
}

impl Server {
    fn new(last: u8, begins: u64) -> Server {
        let mac = Mac([0x52, 0x54, 0, 0, 1, last]);
        let address = Ipv4Addr::new(10, 77, 0, last);
        Server {
            watch: Watch::new(Wish::Auto, NOBODY, address, mac).to_serve(6969),
            mac,
            address,
            begins,
            role: None,
        }
    }

    /// What it says to a machine, or to another of us.
    fn says(&self, to: Mac, greets: bool) -> Packet {
        Packet::Answer(Foreign {
            address: self.address,
            server_id: Some(self.address),
            offered: (!greets).then_some(STRANGER),
            to: Some(to),
            ours: greets.then_some(SocketAddrV4::new(self.address, 6969)),
        })
    }

    /// Hands back its answer.
    fn hears(&mut self, packet: Packet, now: Duration) -> Option<Packet> {
        match packet {
            Packet::Answer(foreign) => self.watch.heard(foreign, now),
            Packet::Question(mac, claim) => {
                self.watch.overheard(Overheard::Question(claim), now);
                return self.watch.serves().map(|_| self.says(mac, true));
            }
        }
        None
    }
}

/// A wire, and what happens on it.
struct World {
    servers: Vec<Server>,
    chance: Chance,
    /// When it arrives, at whom, and what.
    under_way: Vec<(u64, usize, Packet)>,
    /// Of 100 packets, so many are lost.
    lost: u64,
    /// Until then no packet arrives.
    joined: u64,
    /// For how many beats more than one server gave addresses.
    rogue: u64,
    /// When last one served and all others were second to somebody, in milliseconds.
    settled: u64,
}

impl World {
    fn new(seed: u64, servers: Vec<Server>) -> World {
        World {
            servers,
            chance: Chance(seed),
            under_way: Vec::new(),
            lost: 0,
            joined: 0,
            rogue: 0,
            settled: 0,
        }
    }

    /// To everybody else, each after its own time.
    fn send(&mut self, from: usize, packet: Packet, now: u64) {
        for to in (0..self.servers.len()).filter(|to| *to != from) {
            let (late, lost) = (self.chance.below(60), self.chance.below(100) < self.lost);
            if !lost && now >= self.joined {
                self.under_way.push((now + 1 + late, to, packet));
            }
        }
    }

    fn run(&mut self, millis: u64) {
        for now in (0..millis).step_by(BEAT as usize) {
            let (due, rest) = self.under_way.iter().partition(|(at, ..)| *at <= now);
            self.under_way = rest;
            let due: Vec<_> = due;
            for (_, to, packet) in due {
                if self.servers[to].begins <= now
                    && let Some(answer) = self.servers[to].hears(packet, ms(now))
                {
                    self.send(to, answer, now);
                }
            }
            for at in 0..self.servers.len() {
                self.look(at, now);
            }
            let full = |server: &&Server| server.role == Some(Role::Full);
            self.rogue += u64::from(self.servers.iter().filter(full).count() > 1);
            if self.one_serves() {
                self.settled = now;
            }
            if now.is_multiple_of(700) {
                self.a_machine_asks(now);
            }
        }
    }

    fn look(&mut self, at: usize, now: u64) {
        let server = &mut self.servers[at];
        let Some(age) = now.checked_sub(server.begins) else {
            return;
        };
        if age.is_multiple_of(LOOKS) {
            server.watch.link(true, ms(now));
            if server.watch.is_question_due(ms(now)) {
                server.watch.asked(ms(now));
                let question = Packet::Question(server.mac, server.watch.claim());
                self.send(at, question, now);
            }
        }
        let server = &mut self.servers[at];
        server.role = server.watch.role(ms(now));
        if server.role.is_some() {
            server.watch.settle();
        }
    }

    fn a_machine_asks(&mut self, now: u64) {
        for at in 0..self.servers.len() {
            if self.servers[at].role == Some(Role::Full) {
                let offer = self.servers[at].says(A_MACHINE, false);
                self.send(at, offer, now);
            }
        }
    }

    /// Which one serves, if one does and all others know it.
    fn serves(&self) -> Option<usize> {
        let full = |server: &Server| server.role == Some(Role::Full);
        let at = self.servers.iter().position(full)?;
        let first = SocketAddrV4::new(self.servers[at].address, 6969);
        let others = self.servers.iter().enumerate();
        let all = others
            .filter(|(other, _)| *other != at)
            .all(|(_, server)| server.role == Some(Role::Second { first }));
        all.then_some(at)
    }

    /// Whether one does, and all others know that they are not to. Whom they take for the first may be one that has just made way.
    fn one_serves(&self) -> bool {
        let full = |server: &&Server| server.role == Some(Role::Full);
        let second = |server: &&Server| matches!(server.role, Some(Role::Second { .. }));
        let count =
            |which: &dyn Fn(&&Server) -> bool| self.servers.iter().filter(|it| which(it)).count();
        count(&full) == 1 && count(&second) == self.servers.len() - 1
    }

    fn roles(&self) -> Vec<&Option<Role>> {
        self.servers.iter().map(|server| &server.role).collect()
    }
}

#[test]
fn of_two_that_begin_together_the_lower_one_serves_whoever_came_first() {
    for seed in 0..300 {
        let mut chance = Chance(seed ^ 0xbeef);
        let mut begins = || BEAT * chance.below(740);
        let servers = vec![Server::new(1, begins()), Server::new(30, begins())];
        let apart = servers[0].begins.abs_diff(servers[1].begins);
        let mut world = World::new(seed, servers);
        world.run(25_000);
        assert_eq!(
            world.serves(),
            Some(0),
            "{seed}, {apart} ms apart: {:?}",
            world.roles()
        );
        assert_eq!(world.rogue, 0, "{seed}: two gave addresses");
    }
}

#[test]
fn of_two_the_one_that_serves_already_goes_on() {
    for seed in 0..100 {
        let later = 9000 + BEAT * Chance(seed).below(3000);
        let mut world = World::new(seed, vec![Server::new(1, later), Server::new(30, 0)]);
        world.run(later + 60_000);
        assert_eq!(world.serves(), Some(1), "{seed}: {:?}", world.roles());
        assert_eq!(world.rogue, 0, "{seed}: two gave addresses");
    }
}

#[test]
fn of_two_wires_that_become_one_the_lower_server_goes_on() {
    for seed in 0..300 {
        let mut chance = Chance(seed ^ 0xcab1e);
        let servers = vec![
            Server::new(1, BEAT * chance.below(2000)),
            Server::new(30, BEAT * chance.below(2000)),
        ];
        let mut world = World::new(seed, servers);
        world.joined = 30_000 + BEAT * chance.below(3000);
        world.run(world.joined + 25_000);
        assert_eq!(world.serves(), Some(0), "{seed}: {:?}", world.roles());
    }
}

/// Many, on a wire that loses every fifth packet: one serves. Who has lost every greeting for a while may take the first one's
/// offers for those of a stranger, until it has asked again.
#[test]
fn of_many_one_serves_whatever_is_lost() {
    for seed in 0..100 {
        let mut chance = Chance(seed ^ 0xfade);
        let servers = (1..=4)
            .map(|last| Server::new(last * 10, BEAT * chance.below(1500)))
            .collect();
        let mut world = World::new(seed, servers);
        world.lost = 20;
        world.run(240_000);
        assert!(world.settled > 180_000, "{seed}: {:?}", world.roles());
    }
}
