//! A request and what came of it as text for people.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use pxe::{Client, Request};

use crate::client::{ACK, NAK, OFFER, Outcome, Reply};

/// Who asks, for what.
pub(crate) fn request(request: &Request) -> String {
    let mut text = format!(
        "{} {:?}, {}",
        request.mac,
        request.kind,
        Client::of(request)
    );
    for (name, address) in [
        ("wants", request.requested),
        (
            "has",
            Some(request.ciaddr).filter(|address| !address.is_unspecified()),
        ),
        ("chose", request.server_id),
    ] {
        if let Some(address) = address {
            let _ = write!(text, ", {name} {address}");
        }
    }
    if request.broadcast {
        text.push_str(", broadcast flag");
    }
    text
}

/// What it was told.
pub(crate) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Reply(reply) => self::reply(reply),
        Outcome::Noted(steps) => steps
            .iter()
            .map(|(_, step)| format!("noted: {}\n", step.line()))
            .collect(),
        Outcome::Refused(why) => format!("refused: {why}\n"),
        Outcome::Ignored(reason) => format!("ignored: {}\n", reason.as_str()),
    }
}

fn reply(reply: &Reply) -> String {
    let kind = match reply.kind {
        OFFER => "Offer",
        ACK => "Ack",
        NAK => "Nak",
        other => panic!("a server never sends {other}"),
    };
    let address = Some(reply.yiaddr).filter(|address| !address.is_unspecified());
    let address = address.map_or_else(|| "without an address".to_owned(), |a| a.to_string());
    let mut text = format!(
        "{kind} {address} to {}, next server {}",
        reply.to, reply.siaddr
    );
    if !reply.file.is_empty() {
        let _ = write!(text, ", file {}", reply.file);
    }
    text.push('\n');
    for (code, data) in &reply.options {
        let _ = writeln!(text, "{code:>5} {}", option(*code, data));
    }
    text
}

fn option(code: u8, data: &[u8]) -> String {
    match (code, data) {
        (1 | 3 | 6 | 28 | 54, &[a, b, c, d]) => Ipv4Addr::new(a, b, c, d).to_string(),
        (51 | 58 | 59, &[a, b, c, d]) => format!("{} s", u32::from_be_bytes([a, b, c, d])),
        (15 | 56 | 60 | 66 | 67 | 209 | 210 | 224, text) => {
            format!("{:?}", String::from_utf8_lossy(text))
        }
        (_, bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
