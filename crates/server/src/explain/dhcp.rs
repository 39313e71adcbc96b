//! DHCP in a recording: what a machine said, what bt-server would answer, and why.
//!
//! The answers are [`pxe::Responder`]'s own, at the recording's times; here they are only put into words. Whether an
//! address is used by somebody cannot be seen in a recording: each one that is asked about counts as free.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use pxe::{Action, Change, Client, Kind, Lease, Mode, Reason, Request, Responder};
use report::{Mac, Step};

use super::frame::Talk;
use super::options::{Message, text};
use super::paragraph::Paragraph;

/// Where DHCP servers listen, and where they are asked a second time by PXE firmware.
const SERVER: u16 = 67;
const CLIENT: u16 = 68;
const PXE: u16 = 4011;

/// The server as it would be on the recording's wire.
#[derive(Debug)]
pub(crate) struct Server {
    responder: Responder,
    /// Which address each machine was told, by us.
    told: BTreeMap<Mac, Ipv4Addr>,
    /// Which address each got in the recording from the server in our place.
    recorded: BTreeMap<Mac, Ipv4Addr>,
}

impl Server {
    pub(crate) fn new(responder: Responder) -> Server {
        Server {
            responder,
            told: BTreeMap::new(),
            recorded: BTreeMap::new(),
        }
    }

    /// Before the recording is played: an address that a machine got in it from a server with our own address counts
    /// as ours, so that the answers fit what the machine says later.
    pub(crate) fn remember(&mut self, talk: &Talk<'_>) {
        if talk.from.port() != SERVER || *talk.from.ip() != self.responder.settings().server {
            return;
        }
        let given = Message::read(talk.payload)
            .filter(|message| matches!(message.kind(), "OFFER" | "ACK"))
            .and_then(|message| Some((message.mac(), message.address(16)?)));
        if let Some((mac, address)) = given {
            self.recorded.insert(mac, address);
            self.responder.restore(Change::Lease(Lease {
                mac,
                address,
                until: Duration::ZERO,
            }));
        }
    }

    /// Somebody at this address fetches a file: it followed what it was told.
    pub(crate) fn fetches(&mut self, address: Ipv4Addr) {
        self.responder.fetches(address);
    }

    /// A datagram that has to do with DHCP, if this one has.
    pub(crate) fn explain(&mut self, talk: &Talk<'_>, now: Duration) -> Option<Paragraph> {
        match talk.to.port() {
            SERVER if is_reply(talk.payload) => Some(self.overheard(talk)),
            SERVER => Some(self.asked(talk, now)),
            PXE if is_reply(talk.payload) => Some(self.overheard(talk)),
            PXE => Some(self.asked(talk, now)),
            CLIENT => Some(self.overheard(talk)),
            // A server that answers the port that port 4011 was asked from.
            _ if talk.from.port() == PXE && is_reply(talk.payload) => Some(self.overheard(talk)),
            _ => None,
        }
    }

    fn asked(&mut self, talk: &Talk<'_>, now: Duration) -> Paragraph {
        let request = match Request::read(talk.payload) {
            Ok(request) => request,
            Err(unreadable) => {
                let mut paragraph =
                    Paragraph::new(format!("{} bytes of {}", talk.payload.len(), talk.from));
                paragraph.say("answer", "none, it is dropped");
                paragraph.say("why", unreadable.as_str());
                return paragraph;
            }
        };
        let mut paragraph = Paragraph::new(headline(&request, talk.to.port()));
        paragraph.say("known by", &known_by(&request));
        if let Some(wishes) = wishes(&request) {
            paragraph.say("says", &wishes);
        }
        let action = match talk.to.port() {
            PXE => self.responder.handle_4011(talk.payload, talk.from, now),
            _ => self.responder.handle(talk.payload, now),
        };
        self.decided(&mut paragraph, &request, action, now);
        paragraph
    }

    /// Puts the decision into words; addresses that it asks about are free.
    fn decided(
        &mut self,
        paragraph: &mut Paragraph,
        request: &Request,
        action: Action,
        now: Duration,
    ) {
        match action {
            Action::ProbeAddress(question) => {
                let checked = format!(
                    "whether somebody uses {}; here it counts as free",
                    question.address
                );
                paragraph.say("checks", &checked);
                let next = self.responder.probed(question, false, now);
                self.decided(paragraph, request, next, now);
            }
            Action::Reply { bytes, to, steps } => {
                match Message::read(&bytes) {
                    Some(reply) => self.answered(paragraph, request, &reply, to),
                    None => paragraph.say("answer", "bytes that are no DHCP message"),
                }
                // Why a NAK is one is in the message itself.
                let told = steps
                    .iter()
                    .filter(|(_, step)| matches!(step, Step::Unfollowed { .. }));
                for (_, step) in told {
                    paragraph.say("journal", &step.line());
                }
            }
            Action::Note { steps } => {
                paragraph.say("answer", "none");
                for (_, step) in steps {
                    paragraph.say("journal", &step.line());
                }
                if let Some(server) = request.server_id {
                    paragraph.say("why", &format!("it takes the address that {server} gives"));
                }
            }
            Action::Refuse { why, .. } => {
                paragraph.say("answer", "none, and the journal says why");
                paragraph.say("why", &why);
            }
            Action::Ignore { reason, .. } => {
                paragraph.say("answer", "none");
                paragraph.say("why", &ignored(reason, request));
            }
        }
    }

    fn answered(
        &mut self,
        paragraph: &mut Paragraph,
        request: &Request,
        reply: &Message<'_>,
        to: SocketAddrV4,
    ) {
        paragraph.say("answer", &summary(reply, Some(to)));
        paragraph.list(reply.lines());
        let given = reply.address(16);
        let mut why: Vec<String> = Vec::new();
        if reply.kind() != "NAK" {
            why.extend(self.why_this_address(request, given));
            why.push(why_this_file(request, reply));
        } else if let Some(message) = reply.option(56) {
            why.push(format!("it is told to ask again: {}", text(message)));
        }
        paragraph.say("why", &why.join("; "));
        if let Some(address) = given {
            self.told.insert(request.mac, address);
        }
    }

    fn why_this_address(&self, request: &Request, given: Option<Ipv4Addr>) -> Option<String> {
        let Some(address) = given else {
            return match (request.kind, self.responder.mode()) {
                (Kind::Inform, _) => Some("it has an address and asks for the rest".to_owned()),
                (_, Mode::Proxy) => Some("a proxy gives no address, only what to boot".to_owned()),
                (_, Mode::Full | Mode::Second) => None,
            };
        };
        let is = |before: Option<&Ipv4Addr>| before == Some(&address);
        Some(if is(self.told.get(&request.mac)) {
            format!("{address} is its address already")
        } else if is(self.recorded.get(&request.mac)) {
            format!("{address} is what the recorded server gave it in our place")
        } else if request.requested == Some(address) {
            format!("it asks for {address}, and that is free")
        } else {
            format!("{address} is where its hardware address points in the pool")
        })
    }

    /// What another server said, or the recorded one in our place.
    fn overheard(&self, talk: &Talk<'_>) -> Paragraph {
        let Some(reply) = Message::read(talk.payload).filter(|_| is_reply(talk.payload)) else {
            return Paragraph::new(format!(
                "{} bytes of {} to {}",
                talk.payload.len(),
                talk.from,
                talk.to
            ));
        };
        let own = self.responder.settings().server;
        let mut paragraph = Paragraph::new(format!("{} says {}", talk.from, summary(&reply, None)));
        let foreign = pxe::probe::foreign_reply(talk.payload, *talk.from.ip(), &[own]);
        let what = if *talk.from.ip() == own {
            "the recorded server in our place; what it gave counts as ours"
        } else if talk.from.port() == PXE {
            "a boot server of PXE: it says what to boot to whoever has an address"
        } else if foreign.is_some() {
            "another DHCP server that gives addresses away"
        } else {
            "a proxy: it says what to boot and gives no address"
        };
        paragraph.say("is", what);
        paragraph
    }
}

/// BOOTREPLY (RFC 2131, section 2, field op).
fn is_reply(bytes: &[u8]) -> bool {
    bytes.first() == Some(&2)
}

fn headline(request: &Request, port: u16) -> String {
    let kind = match request.kind {
        Kind::Discover => "DISCOVER",
        Kind::Request => "REQUEST",
        Kind::Decline => "DECLINE",
        Kind::Release => "RELEASE",
        Kind::Inform => "INFORM",
    };
    let port = match port {
        PXE => " at port 4011",
        _ => "",
    };
    format!("{} {kind}{port}: {}", request.mac, Client::of(request))
}

/// The signs that [`Client::of`] goes by.
fn known_by(request: &Request) -> String {
    let mut signs = Vec::new();
    if let Some(class) = &request.vendor_class {
        signs.push(format!("vendor class {}", text(class)));
    }
    if let Some(number) = request.architecture {
        signs.push(format!("architecture {number}"));
    }
    signs.extend(
        request
            .user_classes
            .iter()
            .map(|class| format!("user class {}", text(class))),
    );
    if let Some(features) = request.ipxe {
        let http = if features.http { "with" } else { "without" };
        signs.push(format!("iPXE {http} HTTP"));
    }
    match signs.is_empty() {
        true => "nothing: no vendor class, no architecture".to_owned(),
        false => signs.join(", "),
    }
}

fn wishes(request: &Request) -> Option<String> {
    let mut text = String::new();
    for (name, address) in [
        (
            "has",
            Some(request.ciaddr).filter(|address| !address.is_unspecified()),
        ),
        ("asks for", request.requested),
        ("chose server", request.server_id),
        (
            "came through relay",
            Some(request.giaddr).filter(|address| !address.is_unspecified()),
        ),
    ] {
        if let Some(address) = address {
            let _ = write!(text, ", {name} {address}");
        }
    }
    if request.broadcast {
        text.push_str(", hears broadcasts only");
    }
    if let Some(size) = request.max_size {
        let _ = write!(text, ", takes {size} bytes");
    }
    text.strip_prefix(", ").map(str::to_owned)
}

/// A reply in one line.
fn summary(reply: &Message<'_>, to: Option<SocketAddrV4>) -> String {
    let to = to.map_or_else(String::new, |to| format!(" to {to}"));
    let mut text = format!("{}{to}: ", reply.kind());
    match reply.address(16) {
        Some(address) => {
            let _ = write!(text, "{address}");
        }
        None => text.push_str("no address"),
    }
    if let Some(next) = reply.address(20) {
        let _ = write!(text, ", next server {next}");
    }
    if let Some(file) = reply.file() {
        let _ = write!(text, ", file {file}");
    }
    text
}

fn why_this_file(request: &Request, reply: &Message<'_>) -> String {
    match (
        Client::of(request),
        reply.file().is_some() || reply.option(67).is_some(),
    ) {
        (Client::Firmware(firmware), true) => format!("the file is what {firmware} loads first"),
        (Client::Firmware(firmware), false) => format!("there is no file for {firmware}"),
        (Client::System, _) => "no file: nothing says that it wants to boot".to_owned(),
    }
}

fn ignored(reason: Reason, request: &Request) -> String {
    match (reason, request.server_id) {
        (Reason::AnotherServer, Some(server)) => format!("{}: {server}", reason.as_str()),
        _ => reason.as_str().to_owned(),
    }
}
