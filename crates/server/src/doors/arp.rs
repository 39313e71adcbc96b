//! ARP (RFC 826) by hand: one question, and what others on the wire say of themselves.
//!
//! The kernel would ask for us, but by its own table, which has room for a thousand neighbours of all interfaces
//! together (gc_thresh3) and keeps those that never answer for seconds. A room that is switched on at once fills it,
//! and so does a stranger who invents machines; then nobody in the room is reached any more. A packet socket
//! (packet(7)) knows no table. It has to be opened as root, and needs no right later. It decides nothing.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{LinkAddr, bind};
use report::Mac;
use socket2::{Domain, Protocol, Socket, Type};

/// ARP, as the link layer numbers it (ETH_P_ARP).
const ARP: u16 = 0x0806;
/// Ethernet and IPv4, and the lengths of their addresses: all that is spoken here.
const KIND: [u8; 6] = [0, 1, 8, 0, 6, 4];
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
const EVERYBODY: [u8; 6] = [0xff; 6];
/// Room for what the wire says between two looks.
const RECEIVE_BUFFER: usize = 1 << 20;
/// Frames that are heard at once, more than that buffer holds: who floods the wire keeps nobody here for ever.
const AT_ONCE: usize = 4096;

/// The ear and the mouth for one interface.
#[derive(Debug)]
pub struct Arp {
    socket: UdpSocket,
    /// The interface's own address.
    mac: Mac,
}

/// What somebody said of himself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Said {
    /// Who.
    pub(super) mac: Mac,
    /// The address that is his, he says.
    pub(super) address: Ipv4Addr,
}

/// Opens it on `interface`. Needs root, or CAP_NET_RAW.
///
/// # Errors
/// There is no such interface, or this process may not.
pub fn open(interface: &str) -> io::Result<Arp> {
    let protocol = Protocol::from(i32::from(ARP.to_be()));
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol))?;
    let link = link(interface)?;
    bind(socket.as_raw_fd(), &link)?;
    // The kernel's limit may be lower; then it gives what it can.
    let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
    socket.set_nonblocking(true)?;
    // A datagram socket of another kind, and used like one.
    let socket = UdpSocket::from(OwnedFd::from(socket));
    let arp = Arp {
        socket,
        mac: Mac(link.addr().unwrap_or_default()),
    };
    // What other interfaces said before it was bound to this one.
    arp.forget();
    Ok(arp)
}

/// The interface's link-layer address, with its number.
fn link(interface: &str) -> io::Result<LinkAddr> {
    let own = getifaddrs()?.filter(|one| one.interface_name == interface);
    let mut links = own.filter_map(|one| one.address?.as_link_addr().copied());
    links.next().ok_or_else(|| io::ErrorKind::NotFound.into())
}

impl Arp {
    /// Asks everybody who has `address`, in the name of `server`.
    ///
    /// # Errors
    /// The interface is down, or its queue is full.
    pub(super) fn ask(&self, address: Ipv4Addr, server: Ipv4Addr) -> io::Result<()> {
        self.socket
            .send(&question(self.mac, server, address))
            .map(drop)
    }

    /// What was said and not heard yet.
    pub(super) fn hear(&self) -> impl Iterator<Item = Said> {
        let mut frame = [0; 64];
        let frames = (0..AT_ONCE).map_while(move |_| {
            let length = self.receive(&mut frame)?;
            Some(said(&frame[..length]))
        });
        frames.flatten()
    }

    /// Forgets what was said so far.
    pub(super) fn forget(&self) {
        self.hear().for_each(drop);
    }

    fn receive(&self, frame: &mut [u8]) -> Option<usize> {
        // An interface that goes down says so once (ENETDOWN), which is no end; the next look goes on.
        self.socket.recv(frame).ok()
    }
}

/// An Ethernet frame that asks everybody who has `address`.
fn question(mac: Mac, server: Ipv4Addr, address: Ipv4Addr) -> [u8; 42] {
    let mut frame = [0; 42];
    frame[..6].copy_from_slice(&EVERYBODY);
    frame[6..12].copy_from_slice(&mac.0);
    frame[12..14].copy_from_slice(&ARP.to_be_bytes());
    frame[14..20].copy_from_slice(&KIND);
    frame[21] = REQUEST;
    frame[22..28].copy_from_slice(&mac.0);
    frame[28..32].copy_from_slice(&server.octets());
    frame[38..].copy_from_slice(&address.octets());
    frame
}

/// What the sender of a frame says of himself, in a question as in an answer. Who has no address yet says nothing.
fn said(frame: &[u8]) -> Option<Said> {
    let body = frame.get(14..42)?;
    let known = body[..6] == KIND && body[6] == 0 && matches!(body[7], REQUEST | REPLY);
    let address = Ipv4Addr::from(<[u8; 4]>::try_from(&body[14..18]).ok()?);
    let mac = Mac(body[8..14].try_into().ok()?);
    (known && !address.is_unspecified()).then_some(Said { mac, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Mac = Mac([0x52, 0x54, 0, 0, 0, 1]);

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, last)
    }

    #[test]
    fn a_question_says_who_asks_and_an_answer_who_is_there() {
        let mut frame = question(OURS, ip(1), ip(9));
        let asks = Said {
            mac: OURS,
            address: ip(1),
        };
        assert_eq!(said(&frame), Some(asks));
        frame[21] = REPLY;
        assert_eq!(said(&frame), Some(asks));
        // RFC 5227: who wants the address asks without one.
        assert_eq!(said(&question(OURS, Ipv4Addr::UNSPECIFIED, ip(9))), None);
    }

    #[test]
    fn any_bytes_are_survived() {
        let frame = question(OURS, ip(1), ip(9));
        for length in 0..frame.len() {
            assert_eq!(said(&frame[..length]), None);
        }
        for at in 14..22 {
            let mut odd = frame;
            odd[at] ^= 0x40;
            assert_eq!(said(&odd), None, "{at}");
        }
    }
}
