//! Firmware that knows one offer only, played by us: no firmware that does this is at hand.
//!
//! It asks as a BIOS ROM asks, takes the first offer that has an address, and passes over all that have none, which are
//! those of proxies. The packets are RFC 2131's, section 2, with the options of RFC 4578.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bt_server::doors::{ear, udp};
use lab::{Host, Stop, until};
use report::Mac;

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;
const REQUESTED_ADDRESS: u8 = 50;
const SERVER_ID: u8 = 54;
const BOOT_FILE: u8 = 67;
const PATIENCE: Duration = Duration::from_secs(20);
/// After so long without an answer it asks once more.
const AGAIN: Duration = Duration::from_secs(1);

/// It, at its network card.
pub(crate) struct OneOffer {
    host: Host,
    mac: Mac,
    says: UdpSocket,
    hears: UdpSocket,
    rounds: u8,
    /// The offers of this round without an address.
    passed_over: Vec<Told>,
}

/// What a server told it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    kind: u8,
    pub(crate) server: Ipv4Addr,
    pub(crate) address: Ipv4Addr,
    pub(crate) next_server: Ipv4Addr,
    /// The boot file; empty for none.
    pub(crate) file: String,
}

impl OneOffer {
    /// On a host without an address, whose card it gives the address `mac`.
    pub(crate) fn on(host: Host, mac: Mac) -> Result<OneOffer> {
        let interface = host.interface();
        let namespace = host.namespace();
        namespace.ip(&format!("link set {interface} address {mac}"))?;
        let (says, hears) =
            namespace.enter(|| Ok((udp::bind_client(interface)?, ear::open(interface)?)))?;
        Ok(OneOffer {
            host,
            mac,
            says,
            hears,
            rounds: 0,
            passed_over: Vec::new(),
        })
    }

    /// One try to boot: it gets an address, and what it is told with that.
    pub(crate) fn round(&mut self) -> Result<Told> {
        self.rounds += 1;
        self.passed_over.clear();
        let offer = self.answer("an offer with an address", DISCOVER, &[], OFFER)?;
        let takes = [
            &[REQUESTED_ADDRESS, 4][..],
            &offer.address.octets(),
            &[SERVER_ID, 4],
            &offer.server.octets(),
        ];
        let taken = self.answer("its acknowledgement", REQUEST, &takes.concat(), ACK)?;
        ensure!(taken.address == offer.address, "{taken:?} after {offer:?}");
        Ok(taken)
    }

    /// The offer of this round that `server` made without an address.
    pub(crate) fn passed_over(&mut self, server: Ipv4Addr) -> Result<Told> {
        until(
            "an offer without an address",
            PATIENCE,
            &Stop::never(),
            || {
                while let Some(told) = self.hear() {
                    self.passed_over.push(told);
                }
                let mut offers = self.passed_over.iter();
                Ok(offers.find(|told| told.server == server).cloned())
            },
        )
    }

    /// Takes `address` for its own, as firmware does before it fetches a file.
    pub(crate) fn takes(&self, address: Ipv4Addr) -> Result<&Host> {
        let interface = self.host.interface();
        let words = format!("address add {address}/24 dev {interface}");
        self.host.namespace().ip(&words)?;
        Ok(&self.host)
    }

    /// Asks until somebody answers so, with an address.
    fn answer(&mut self, what: &str, asks: u8, options: &[u8], answers: u8) -> Result<Told> {
        let question = self.question(asks, options);
        let mut asked: Option<Instant> = None;
        until(what, PATIENCE, &Stop::never(), || {
            if asked.is_none_or(|asked| asked.elapsed() > AGAIN) {
                asked = Some(Instant::now());
                self.says.send_to(&question, (Ipv4Addr::BROADCAST, 67))?;
            }
            while let Some(told) = self.hear() {
                match (told.kind == answers, told.address.is_unspecified()) {
                    (true, false) => return Ok(Some(told)),
                    (_, true) => self.passed_over.push(told),
                    (false, false) => {}
                }
            }
            Ok(None)
        })
    }

    fn question(&self, kind: u8, options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 240];
        bytes[..3].copy_from_slice(&[1, 1, 6]);
        bytes[4..8].copy_from_slice(&self.transaction());
        bytes[28..34].copy_from_slice(&self.mac.0);
        bytes[236..].copy_from_slice(&[99, 130, 83, 99]);
        bytes.extend([53, 1, kind, 55, 4, 1, 3, 66, 67]);
        bytes.extend([93, 2, 0, 0, 94, 3, 1, 2, 1, 97, 17, 0]);
        bytes.extend([7; 16]);
        let class = b"PXEClient:Arch:00000:UNDI:002001";
        bytes.extend([60, 32]);
        bytes.extend(class);
        bytes.extend(options);
        bytes.push(255);
        bytes
    }

    fn transaction(&self) -> [u8; 4] {
        [0x4f, 0x4e, 0x45, self.rounds]
    }

    /// What was said to it in this round, if there is anything.
    fn hear(&self) -> Option<Told> {
        let mut packet = [0; 2048];
        while let Ok(length) = self.hears.recv(&mut packet) {
            let said = ear::datagram(&packet[..length]);
            let told = said.and_then(|said| self.told(said.payload));
            if told.is_some() {
                return told;
            }
        }
        None
    }

    fn told(&self, bytes: &[u8]) -> Option<Told> {
        let is_for_us = bytes.len() > 240 && bytes[0] == 2 && bytes[28..34] == self.mac.0;
        if !is_for_us || bytes[4..8] != self.transaction() {
            return None;
        }
        let address = |at: usize| <[u8; 4]>::try_from(&bytes[at..at + 4]).map(Ipv4Addr::from);
        let server = <[u8; 4]>::try_from(option(bytes, SERVER_ID)?).ok()?;
        // dnsmasq leaves the message's own field empty where the option is asked for.
        let file = option(bytes, BOOT_FILE).unwrap_or(&bytes[108..236]);
        let file = file.split(|byte| *byte == 0).next()?;
        Some(Told {
            kind: *option(bytes, 53)?.first()?,
            server: server.into(),
            address: address(16).ok()?,
            next_server: address(20).ok()?,
            file: String::from_utf8_lossy(file).into_owned(),
        })
    }
}

/// What an option holds.
fn option(bytes: &[u8], code: u8) -> Option<&[u8]> {
    let mut rest = bytes.get(240..)?;
    loop {
        match *rest.first()? {
            0 => rest = &rest[1..],
            255 => return None,
            here => {
                let end = 2 + usize::from(*rest.get(1)?);
                let data = rest.get(2..end)?;
                if here == code {
                    return Some(data);
                }
                rest = &rest[end..];
            }
        }
    }
}
