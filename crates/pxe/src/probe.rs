//! Asking the wire whether another DHCP server is there, before we answer anyone.
//!
//! It builds our own DISCOVER and recognises a stranger's hand in what comes back or flies past;
//! sending and waiting is the caller's.

use std::fmt;
use std::net::Ipv4Addr;

use dhcproto::v4::{DhcpOption, Encodable, Flags, Message, MessageType, OptionCode, borrowed};
use report::Mac;

use crate::packet::{FIXED_PART, Kind, Request, code};

const BOOTREPLY: u8 = 2;
const MAGIC_COOKIE: &[u8] = &[99, 130, 83, 99];
const OFFER: u8 = 2;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// Another server that gives addresses away on this wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Foreign {
    /// Where its datagram came from. Unspecified when only a client's choice gave it away.
    pub address: Ipv4Addr,
    /// What it calls itself (option 54).
    pub server_id: Option<Ipv4Addr>,
    /// The address it offered or confirmed.
    pub offered: Option<Ipv4Addr>,
}

impl Foreign {
    /// The address to name to people.
    #[must_use]
    pub fn known_as(&self) -> Ipv4Addr {
        self.server_id.unwrap_or(self.address)
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.known_as();
        match self.offered {
            Some(offered) if self.address.is_unspecified() => {
                write!(f, "{name} (a machine takes {offered} from it)")
            }
            _ if self.address.is_unspecified() => write!(f, "{name} (a machine chose it)"),
            Some(offered) if self.address == name => write!(f, "{name} (it offered {offered})"),
            Some(offered) => write!(f, "{name} (from {}, it offered {offered})", self.address),
            None => write!(f, "{name}"),
        }
    }
}

/// Our DISCOVER, with a transaction number drawn by the caller. It asks for a broadcast answer,
/// because the asking host may have no address, and names no vendor class, because proxies for PXE
/// may answer to one although they give no addresses away.
#[must_use]
pub fn discover(xid: u32, mac: Mac) -> Vec<u8> {
    let none = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(xid, none, none, none, none, &mac.0);
    message.set_flags(Flags::default().set_broadcast());
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(MessageType::Discover));
    options.insert(DhcpOption::ParameterRequestList(vec![
        OptionCode::SubnetMask,
        OptionCode::Router,
        OptionCode::DomainNameServer,
    ]));
    let mut bytes = message.to_vec().unwrap_or_default();
    bytes.resize(bytes.len().max(300), 0);
    bytes
}

/// A datagram that came to port 68 from `source`: is it a stranger's OFFER, ACK or NAK? Whom it was
/// meant for does not matter; `ours` are addresses that are no strangers.
#[must_use]
pub fn foreign_reply(bytes: &[u8], source: Ipv4Addr, ours: &[Ipv4Addr]) -> Option<Foreign> {
    let plausible = bytes.len() >= FIXED_PART && bytes[0] == BOOTREPLY && bytes[1..3] == [1, 6];
    if !plausible || bytes[236..240] != *MAGIC_COOKIE {
        return None;
    }
    let message = borrowed::Message::new(bytes).ok()?;
    let (mut kind, mut server_id) = (None, None);
    for option in message.opts() {
        match (u8::from(option.code()), option.data()) {
            (code::MESSAGE_TYPE, [value]) => kind = kind.or(Some(*value)),
            (code::SERVER_ID, &[a, b, c, d]) => {
                server_id = server_id.or(Some(Ipv4Addr::new(a, b, c, d)));
            }
            _ => {}
        }
    }
    let offered = Some(message.yiaddr()).filter(|address| !address.is_unspecified());
    // A proxy offers boot options without an address: no rival for addresses.
    let gives_addresses = match kind? {
        OFFER | ACK => offered.is_some(),
        NAK => true,
        _ => false,
    };
    let own = ours.contains(&source) || server_id.is_some_and(|id| ours.contains(&id));
    (gives_addresses && !own).then_some(Foreign {
        address: source,
        server_id,
        offered,
    })
}

/// A datagram that came to port 67: a client that takes, renews or returns a stranger's address?
#[must_use]
pub fn foreign_choice(bytes: &[u8], ours: &[Ipv4Addr]) -> Option<Foreign> {
    let request = Request::read(bytes).ok()?;
    let server_id = request
        .server_id
        .filter(|id| !ours.contains(id) && !id.is_unspecified())?;
    (request.kind == Kind::Request).then_some(Foreign {
        address: Ipv4Addr::UNSPECIFIED,
        server_id: Some(server_id),
        offered: request.requested,
    })
}
