//! All DHCP that passes a computer, in either direction and at each of its interfaces.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};

use anyhow::Result;
use lab::Host;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, socket};
use report::Mac;

use crate::tap::option;

const UDP: u8 = 17;
const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// What a relay agent adds (RFC 3046).
const RELAY_AGENT: u8 = 82;

/// A packet with a DHCP message in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Message {
    /// Of the packet that it came in.
    pub(crate) from: Ipv4Addr,
    pub(crate) to: Ipv4Addr,
    pub(crate) is_reply: bool,
    /// Which exchange it belongs to.
    pub(crate) transaction: [u8; 4],
    pub(crate) mac: Mac,
    /// The relay agent's address in it (giaddr); `None` where it went without.
    pub(crate) relay: Option<Ipv4Addr>,
    /// Option 82 as it is.
    pub(crate) relay_agent: Option<Vec<u8>>,
}

/// An ear at all of a computer's interfaces.
#[derive(Debug)]
pub(crate) struct Wiretap(OwnedFd);

impl Wiretap {
    /// Begins to listen on `host`.
    pub(crate) fn open(host: &Host) -> Result<Wiretap> {
        // Without a link layer header, and what is sent as well (packet(7)).
        let open = || {
            Ok(socket(
                AddressFamily::Packet,
                SockType::Datagram,
                SockFlag::SOCK_NONBLOCK,
                SockProtocol::EthAll,
            )?)
        };
        Ok(Wiretap(host.namespace().enter(open)?))
    }

    /// What `mac` has said and was told since this was last asked. What others said is forgotten.
    pub(crate) fn of(&self, mac: Mac) -> Vec<Message> {
        let mut packet = [0; 2048];
        let mut heard = Vec::new();
        while let Ok(length) = recv(self.0.as_raw_fd(), &mut packet, MsgFlags::empty()) {
            heard.extend(read(&packet[..length]));
        }
        heard.retain(|message| message.mac == mac);
        heard
    }
}

/// A packet of IPv4 (RFC 791) with a datagram (RFC 768) to or from a DHCP server (RFC 2131, section 2).
fn read(packet: &[u8]) -> Option<Message> {
    let header = usize::from(packet.first()? & 0x0f) * 4;
    let address = |bytes: &[u8], at: usize| {
        let octets = <[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?;
        Some(Ipv4Addr::from(octets))
    };
    let udp = packet.get(header..)?;
    let to = u16::from_be_bytes([*udp.get(2)?, *udp.get(3)?]);
    let is_dhcp = packet[0] >> 4 == 4 && *packet.get(9)? == UDP;
    if !is_dhcp || ![SERVER_PORT, CLIENT_PORT].contains(&to) {
        return None;
    }
    let message = udp.get(8..)?;
    let relay = address(message, 24)?;
    Some(Message {
        from: address(packet, 12)?,
        to: address(packet, 16)?,
        is_reply: *message.first()? == 2,
        transaction: message.get(4..8)?.try_into().ok()?,
        mac: Mac(message.get(28..34)?.try_into().ok()?),
        relay: (!relay.is_unspecified()).then_some(relay),
        relay_agent: option(message, RELAY_AGENT).map(<[u8]>::to_vec),
    })
}
