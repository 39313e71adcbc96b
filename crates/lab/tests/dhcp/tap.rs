//! What clients say to everybody on the wire: an ear at port 67 of a host without an address.
//!
//! It hears broadcasts only, so what a client says to the server alone is not heard here.

use std::net::{Ipv4Addr, UdpSocket};

use anyhow::Result;
use lab::Host;
use nix::sys::socket::{setsockopt, sockopt};
use report::Mac;

/// A request that was heard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Heard {
    pub(crate) mac: Mac,
    pub(crate) kind: Kind,
    /// Option 61; empty when it was not sent.
    pub(crate) client_id: Vec<u8>,
}

/// What it asked for (option 53).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Discover,
    Request,
    Other,
}

/// The ear.
#[derive(Debug)]
pub(crate) struct Tap(UdpSocket);

impl Tap {
    /// Begins to listen on `host`.
    pub(crate) fn open(host: &Host) -> Result<Tap> {
        let socket = host
            .namespace()
            .enter(|| Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 67))?))?;
        setsockopt(&socket, sockopt::BindToDevice, &host.interface().into())?;
        socket.set_nonblocking(true)?;
        Ok(Tap(socket))
    }

    /// What `mac` has said to everybody since somebody last asked for anything that was heard.
    pub(crate) fn heard(&self, mac: Mac) -> Vec<Heard> {
        let mut datagram = [0; 1500];
        let mut all = Vec::new();
        while let Ok(length) = self.0.recv(&mut datagram) {
            all.extend(read(&datagram[..length]).filter(|one| one.mac == mac));
        }
        all
    }
}

/// The hardware address begins at byte 28, the options after the cookie at byte 240 (RFC 2131
/// section 2, RFC 2132 section 2).
fn read(datagram: &[u8]) -> Option<Heard> {
    let mac = Mac(datagram.get(28..34)?.try_into().ok()?);
    let kind = match option(datagram, 53)? {
        [1] => Kind::Discover,
        [3] => Kind::Request,
        _ => Kind::Other,
    };
    let client_id = option(datagram, 61).unwrap_or_default().to_vec();
    Some(Heard {
        mac,
        kind,
        client_id,
    })
}

fn option(datagram: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = datagram.get(240..)?;
    loop {
        match rest {
            [0, tail @ ..] => rest = tail,
            [code, length, tail @ ..] if *code != 255 => {
                let (value, tail) = tail.split_at_checked(usize::from(*length))?;
                if *code == wanted {
                    return Some(value);
                }
                rest = tail;
            }
            _ => return None,
        }
    }
}
