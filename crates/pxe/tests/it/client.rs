//! A machine on one side, the responder on the other, and a clock that the test moves.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use pxe::{Action, Loader, Machines, Mode, Reason, Responder, Settings};
use report::{Mac, Step};

pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
pub(crate) const DISCOVER: u8 = 1;
pub(crate) const OFFER: u8 = 2;
pub(crate) const REQUEST: u8 = 3;
pub(crate) const DECLINE: u8 = 4;
pub(crate) const ACK: u8 = 5;
pub(crate) const NAK: u8 = 6;
pub(crate) const RELEASE: u8 = 7;
pub(crate) const INFORM: u8 = 8;

pub(crate) fn settings() -> Settings {
    Settings {
        server: SERVER,
        prefix: 24,
        range: None,
        lease: Duration::from_secs(3600),
        router: None,
        dns: Vec::new(),
        ntp: Vec::new(),
        domain: None,
        subnets: Vec::new(),
        machines: Machines::default(),
        http_port: 6969,
        loader: Loader::Auto,
    }
}

pub(crate) fn mac(number: u16) -> Mac {
    let [high, low] = number.to_be_bytes();
    Mac([0x52, 0x54, 0, 0x77, high, low])
}

/// What one program on the machine sends: firmware, loader and system each are one.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) mac: Mac,
    pub(crate) ciaddr: Ipv4Addr,
    pub(crate) giaddr: Ipv4Addr,
    pub(crate) options: Vec<(u8, Vec<u8>)>,
}

impl Client {
    pub(crate) fn new(mac: Mac, options: &[(u8, &[u8])]) -> Self {
        let options = options
            .iter()
            .map(|(code, data)| (*code, data.to_vec()))
            .collect();
        Self {
            mac,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            options,
        }
    }

    /// The PXE ROM of a BIOS that is not iPXE.
    pub(crate) fn bios(mac: Mac) -> Self {
        Self::new(
            mac,
            &[
                (60, b"PXEClient:Arch:00000:UNDI:002001"),
                (93, &[0, 0]),
                (97, &[0; 17]),
            ],
        )
    }

    /// An iPXE with HTTP on a BIOS.
    pub(crate) fn ipxe(mac: Mac) -> Self {
        let mut client = Self::bios(mac);
        client
            .options
            .extend([(77, b"iPXE".to_vec()), (175, vec![19, 1, 1])]);
        client.with(61, &[&[1], &mac.0[..]].concat())
    }

    /// busybox's udhcpc, as phase 1 runs it.
    pub(crate) fn udhcpc(mac: Mac) -> Self {
        Self::new(mac, &[(60, b"udhcp 1.35.0")]).with(61, &[&[1], &mac.0[..]].concat())
    }

    /// EDK2's own PXE on a PC.
    pub(crate) fn uefi(mac: Mac) -> Self {
        Self::new(
            mac,
            &[
                (60, b"PXEClient:Arch:00007:UNDI:003000"),
                (93, &[0, 7]),
                (97, &[0; 17]),
            ],
        )
    }

    /// EDK2's HTTP Boot on a PC.
    pub(crate) fn http_boot(mac: Mac) -> Self {
        Self::new(
            mac,
            &[(60, b"HTTPClient:Arch:00016:UNDI:003000"), (93, &[0, 16])],
        )
    }

    /// The same through a relay agent.
    pub(crate) fn behind(mut self, relay: Ipv4Addr) -> Self {
        self.giaddr = relay;
        self
    }

    pub(crate) fn with(mut self, code: u8, data: &[u8]) -> Self {
        self.options.push((code, data.to_vec()));
        self
    }

    pub(crate) fn at(mut self, ciaddr: Ipv4Addr) -> Self {
        self.ciaddr = ciaddr;
        self
    }

    pub(crate) fn datagram(&self, kind: u8) -> Vec<u8> {
        let mut bytes = vec![0; 240];
        bytes[..3].copy_from_slice(&[1, 1, 6]);
        bytes[4..8].copy_from_slice(&[0xde, 0xad, 0xbe, 0xef]);
        bytes[12..16].copy_from_slice(&self.ciaddr.octets());
        bytes[24..28].copy_from_slice(&self.giaddr.octets());
        bytes[28..34].copy_from_slice(&self.mac.0);
        bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
        for (code, data) in [(53, vec![kind])].iter().chain(&self.options) {
            bytes.extend([*code, u8::try_from(data.len()).unwrap()]);
            bytes.extend(data);
        }
        bytes.push(255);
        bytes
    }
}

/// A reply, read as strictly as firmware may.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) to: SocketAddrV4,
    pub(crate) kind: u8,
    pub(crate) broadcast: bool,
    pub(crate) ciaddr: Ipv4Addr,
    pub(crate) yiaddr: Ipv4Addr,
    pub(crate) siaddr: Ipv4Addr,
    pub(crate) giaddr: Ipv4Addr,
    pub(crate) file: String,
    pub(crate) options: BTreeMap<u8, Vec<u8>>,
    pub(crate) steps: Vec<(Mac, Step)>,
}

impl Reply {
    pub(crate) fn read(bytes: &[u8], to: SocketAddrV4, steps: Vec<(Mac, Step)>) -> Self {
        assert!(
            bytes.len() >= 300,
            "shorter than BOOTP allows: {}",
            bytes.len()
        );
        assert_eq!(&bytes[..3], [2, 1, 6]);
        assert_eq!(&bytes[236..240], [99, 130, 83, 99]);
        let mut options = BTreeMap::new();
        let mut rest = &bytes[240..];
        loop {
            let (&code, tail) = rest.split_first().expect("no end option");
            match code {
                0 => rest = tail,
                255 => break,
                _ => {
                    let (data, after) = tail[1..].split_at(usize::from(tail[0]));
                    options.entry(code).or_insert_with(Vec::new).extend(data);
                    rest = after;
                }
            }
        }
        let address = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&bytes[at..at + 4]).unwrap());
        let file: Vec<u8> = bytes[108..236]
            .iter()
            .copied()
            .take_while(|byte| *byte != 0)
            .collect();
        Self {
            to,
            kind: options[&53][0],
            broadcast: bytes[10] & 0x80 != 0,
            ciaddr: address(12),
            yiaddr: address(16),
            siaddr: address(20),
            giaddr: address(24),
            file: String::from_utf8(file).unwrap(),
            options,
            steps,
        }
    }

    pub(crate) fn text(&self, code: u8) -> Option<&str> {
        let data = self.options.get(&code)?;
        Some(std::str::from_utf8(data).unwrap().trim_end_matches('\0'))
    }
}

/// What came of a datagram.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Reply(Reply),
    Noted(Vec<(Mac, Step)>),
    Refused(String),
    Ignored(Reason),
}

/// One server, one wire, one clock.
pub(crate) struct World {
    pub(crate) responder: Responder,
    pub(crate) now: Duration,
    /// Addresses that somebody answers at.
    pub(crate) taken: BTreeSet<Ipv4Addr>,
    /// How many addresses were probed.
    pub(crate) probes: usize,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let responder = Responder::new(settings).unwrap();
        Self {
            responder,
            now: Duration::ZERO,
            taken: BTreeSet::new(),
            probes: 0,
        }
    }

    /// One beside another server that gives the addresses.
    pub(crate) fn proxy(settings: Settings) -> Self {
        let mut world = Self::new(settings);
        world.responder.set_mode(Mode::Proxy);
        world
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    /// Delivers a datagram, probing what is to be probed.
    pub(crate) fn deliver(&mut self, bytes: &[u8]) -> Outcome {
        let action = self.responder.handle(bytes, self.now);
        self.outcome(action)
    }

    /// Delivers a datagram to port 4011.
    pub(crate) fn deliver_4011(&mut self, bytes: &[u8], from: SocketAddrV4) -> Outcome {
        let action = self.responder.handle_4011(bytes, from, self.now);
        self.outcome(action)
    }

    fn outcome(&mut self, mut action: Action) -> Outcome {
        loop {
            match action {
                Action::ProbeAddress(question) => {
                    self.probes += 1;
                    self.now += Duration::from_millis(300);
                    let in_use = self.taken.contains(&question.address);
                    action = self.responder.probed(question, in_use, self.now);
                }
                Action::Reply { bytes, to, steps } => {
                    return Outcome::Reply(Reply::read(&bytes, to, steps));
                }
                Action::Note { steps } => return Outcome::Noted(steps),
                Action::Refuse { why, .. } => return Outcome::Refused(why),
                Action::Ignore { reason, .. } => return Outcome::Ignored(reason),
            }
        }
    }

    pub(crate) fn reply(&mut self, client: &Client, kind: u8) -> Reply {
        match self.deliver(&client.datagram(kind)) {
            Outcome::Reply(reply) => reply,
            other => panic!("no reply: {other:?}"),
        }
    }

    pub(crate) fn refused(&mut self, client: &Client, kind: u8) -> String {
        match self.deliver(&client.datagram(kind)) {
            Outcome::Refused(why) => why,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) fn ignored(&mut self, client: &Client, kind: u8) -> Reason {
        match self.deliver(&client.datagram(kind)) {
            Outcome::Ignored(reason) => reason,
            other => panic!("not ignored: {other:?}"),
        }
    }

    /// DISCOVER, OFFER, REQUEST, ACK. Gives the ACK.
    pub(crate) fn lease(&mut self, client: &Client) -> Reply {
        let offer = self.reply(client, DISCOVER);
        assert_eq!(offer.kind, OFFER);
        let request = client
            .clone()
            .with(50, &offer.yiaddr.octets())
            .with(54, &offer.options[&54]);
        let ack = self.reply(&request, REQUEST);
        assert_eq!((ack.kind, ack.yiaddr), (ACK, offer.yiaddr));
        ack
    }
}
