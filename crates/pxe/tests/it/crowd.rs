//! Thousands of machines at once, whose packets come in any order: no two of them ever hold one address at one time.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use pxe::action::Question;
use pxe::{Action, Responder, Settings};

use crate::client::{
    ACK, Client, DECLINE, DISCOVER, NAK, OFFER, RELEASE, REQUEST, Reply, SERVER, mac, settings,
};

const LEASE: Duration = Duration::from_secs(120);
/// More than there are addresses, so that past ones are given again.
const MACHINES: u16 = 3000;
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 77, 1, 0);
const LAST: Ipv4Addr = Ipv4Addr::new(10, 77, 9, 255);

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

    /// Once in `of` times.
    fn once_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn machine(&mut self) -> u16 {
        self.below(MACHINES.into()) as u16
    }

    fn address(&mut self) -> Ipv4Addr {
        let span = u32::from(LAST) - u32::from(FIRST) + 1;
        (u32::from(FIRST) + self.below(span.into()) as u32).into()
    }
}

/// The server, and what all machines believe.
struct Crowd {
    responder: Responder,
    chance: Chance,
    now: Duration,
    /// Addresses that are being asked after: the answers come in any order.
    asked: Vec<Question>,
    offered: BTreeMap<u16, Ipv4Addr>,
    /// Each machine's address, and until when it uses it.
    held: BTreeMap<u16, (Ipv4Addr, Duration)>,
    /// Whose each address is: whoever was told last.
    holder: BTreeMap<Ipv4Addr, u16>,
    given: usize,
    declined: usize,
    heirs: usize,
}

impl Crowd {
    fn new(seed: u64) -> Crowd {
        let settings = Settings {
            prefix: 16,
            range: Some((FIRST, LAST)),
            lease: LEASE,
            ..settings()
        };
        Crowd {
            responder: Responder::new(settings).unwrap(),
            chance: Chance(seed),
            now: Duration::ZERO,
            asked: Vec::new(),
            offered: BTreeMap::new(),
            held: BTreeMap::new(),
            holder: BTreeMap::new(),
            given: 0,
            declined: 0,
            heirs: 0,
        }
    }

    fn step(&mut self) {
        let number = self.chance.machine();
        match self.chance.below(100) {
            0..35 => self.discover(number),
            35..60 => self.answer_a_probe(),
            60..85 => self.take_an_offer(),
            85..90 => self.renew(number),
            90..92 => self.give_back(number, RELEASE),
            92..94 => self.give_back(number, DECLINE),
            94..97 => self.want_anything(number),
            97..99 => self.now += Duration::from_millis(self.chance.below(200)),
            _ => self.pass(),
        }
    }

    /// Now and then so long that offers, probes and leases run out.
    fn pass(&mut self) {
        let longest = if self.chance.once_in(8) {
            200_000
        } else {
            3000
        };
        self.now += Duration::from_millis(self.chance.below(longest));
    }

    fn client(&mut self, number: u16) -> Client {
        match self.chance.below(3) {
            0 => Client::udhcpc(mac(number)),
            1 => Client::bios(mac(number)),
            _ => Client::ipxe(mac(number)),
        }
    }

    fn discover(&mut self, number: u16) {
        let mut client = self.client(number);
        if self.chance.once_in(4) {
            client = client.with(50, &self.chance.address().octets());
        }
        self.send(number, &client, DISCOVER);
    }

    fn take_an_offer(&mut self) {
        let skip = self.chance.below(self.offered.len().max(1) as u64) as usize;
        let Some((&number, &address)) = self.offered.iter().nth(skip) else {
            return;
        };
        // Some answer twice, or long after.
        if !self.chance.once_in(10) {
            self.offered.remove(&number);
        }
        let client = self.client(number).with(50, &address.octets());
        let server = [SERVER, Ipv4Addr::new(10, 77, 0, 2)][usize::from(self.chance.once_in(50))];
        self.send(number, &client.with(54, &server.octets()), REQUEST);
        if server != SERVER {
            self.drop_address(number);
        }
    }

    fn renew(&mut self, number: u16) {
        if let Some((address, until)) = self.held.get(&number).copied()
            && until > self.now
        {
            let client = self.client(number).at(address);
            self.send(number, &client, REQUEST);
        }
    }

    fn give_back(&mut self, number: u16, kind: u8) {
        let Some((own, _)) = self.held.get(&number).copied() else {
            return;
        };
        // Somebody else's word about it must not count.
        let mut of = number;
        if self.chance.once_in(3) {
            of = self.chance.machine();
        }
        let client = self.client(of);
        let client = match kind {
            RELEASE => client.at(own),
            _ => client.with(50, &own.octets()),
        };
        self.send(of, &client, kind);
        if of == number {
            self.declined += usize::from(kind == DECLINE);
            self.drop_address(number);
        }
    }

    /// A machine from elsewhere, or a stranger: it wants whatever address it thinks of.
    fn want_anything(&mut self, number: u16) {
        let address = self.chance.address();
        let client = match self.chance.below(2) {
            0 => self.client(number).with(50, &address.octets()),
            _ => self.client(number).at(address),
        };
        self.send(number, &client, REQUEST);
    }

    fn answer_a_probe(&mut self) {
        if !self.asked.is_empty() {
            let at = self.chance.below(self.asked.len() as u64) as usize;
            let question = self.asked.swap_remove(at);
            let number = number(&question.request.mac);
            let in_use = self.chance.once_in(100);
            let action = self.responder.probed(question, in_use, self.now);
            self.take(number, action);
        }
    }

    fn send(&mut self, number: u16, client: &Client, kind: u8) {
        let action = self.responder.handle(&client.datagram(kind), self.now);
        self.take(number, action);
    }

    fn take(&mut self, number: u16, action: Action) {
        match action {
            Action::ProbeAddress(question) => self.asked.push(question),
            Action::Reply { bytes, to, steps } => {
                let reply = Reply::read(&bytes, to, steps);
                match reply.kind {
                    OFFER => {
                        self.offered.insert(number, reply.yiaddr);
                    }
                    ACK => self.has(number, reply.yiaddr),
                    NAK => self.drop_address(number),
                    other => panic!("a reply of kind {other}"),
                }
            }
            _ => {}
        }
    }

    fn has(&mut self, number: u16, address: Ipv4Addr) {
        assert!((FIRST..=LAST).contains(&address));
        let before = self.holder.insert(address, number);
        if let Some(other) = before.filter(|other| *other != number) {
            let until = self.held.get(&other).filter(|(held, _)| *held == address);
            let left = until.map_or(Duration::ZERO, |(_, until)| until.saturating_sub(self.now));
            assert!(
                left.is_zero(),
                "{address} is machine {other}'s for {left:?}, and now {number}'s too"
            );
            self.heirs += 1;
        }
        self.held.insert(number, (address, self.now + LEASE));
        self.given += 1;
    }

    fn drop_address(&mut self, number: u16) {
        self.held.remove(&number);
    }
}

fn number(mac: &report::Mac) -> u16 {
    u16::from_be_bytes([mac.0[4], mac.0[5]])
}

#[test]
fn no_two_machines_ever_hold_one_address() {
    let (mut given, mut declined, mut heirs) = (0, 0, 0);
    for seed in 0..4 {
        let mut crowd = Crowd::new(seed);
        for _ in 0..30_000 {
            crowd.step();
        }
        given += crowd.given;
        declined += crowd.declined;
        heirs += crowd.heirs;
    }
    // Or it was not tried.
    assert!(
        given > 6000 && declined > 200 && heirs > 300,
        "{given} {declined} {heirs}"
    );
}
