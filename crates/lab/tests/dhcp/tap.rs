//! What clients say to everybody on the wire: an ear at port 67 of a host without an address.
//!
//! It hears broadcasts only, so what a client says to the server alone is not heard here.

use std::cell::RefCell;
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
    /// The address that it has (ciaddr); 0.0.0.0 when it has none.
    pub(crate) has: Ipv4Addr,
    /// Whether it names the server it means (option 54).
    pub(crate) names_a_server: bool,
    /// Option 61; empty when it was not sent.
    pub(crate) client_id: Vec<u8>,
}

impl Heard {
    /// Whether this is how a machine asks any server to let it keep `address` (RFC 2131 section 4.3.2, REBINDING).
    pub(crate) fn rebinds(&self, address: Ipv4Addr) -> bool {
        self.kind == Kind::Request && self.has == address && !self.names_a_server
    }
}

/// What it asked for (option 53).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Discover,
    Request,
    Other,
}

/// The ear, and what was heard that nobody has asked for yet.
#[derive(Debug)]
pub(crate) struct Tap {
    socket: UdpSocket,
    heard: RefCell<Vec<Heard>>,
}

impl Tap {
    /// Begins to listen on `host`.
    pub(crate) fn open(host: &Host) -> Result<Tap> {
        let socket = host
            .namespace()
            .enter(|| Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 67))?))?;
        setsockopt(&socket, sockopt::BindToDevice, &host.interface().into())?;
        socket.set_nonblocking(true)?;
        Ok(Tap {
            socket,
            heard: RefCell::default(),
        })
    }

    /// What `mac` has said to everybody since this was last asked.
    pub(crate) fn heard(&self, mac: Mac) -> Vec<Heard> {
        let mut datagram = [0; 1500];
        let mut heard = self.heard.borrow_mut();
        while let Ok(length) = self.socket.recv(&mut datagram) {
            heard.extend(read(&datagram[..length]));
        }
        heard.extract_if(.., |one| one.mac == mac).collect()
    }
}

/// ciaddr begins at byte 12, the hardware address at byte 28, the options after the cookie at byte 240 (RFC 2131
/// section 2, RFC 2132 section 2).
fn read(datagram: &[u8]) -> Option<Heard> {
    let mac = Mac(datagram.get(28..34)?.try_into().ok()?);
    let has = <[u8; 4]>::try_from(datagram.get(12..16)?).ok()?.into();
    let kind = match option(datagram, 53)? {
        [1] => Kind::Discover,
        [3] => Kind::Request,
        _ => Kind::Other,
    };
    let client_id = option(datagram, 61).unwrap_or_default().to_vec();
    Some(Heard {
        mac,
        kind,
        has,
        names_a_server: option(datagram, 54).is_some(),
        client_id,
    })
}

/// An option's value.
pub(crate) fn option(datagram: &[u8], wanted: u8) -> Option<&[u8]> {
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
