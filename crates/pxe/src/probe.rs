//! Asking the wire whether another DHCP server is there, before we answer anyone.
//!
//! It builds our own DISCOVER and recognises a stranger's hand in what comes back or flies past, or
//! that of another bt-server; sending and waiting is the caller's. What follows from it is
//! [`crate::wire`]'s.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use dhcproto::v4::{DhcpOption, Encodable, Flags, Message, MessageType, OptionCode, borrowed};
use report::Mac;

use crate::packet::{CLASS, FIXED_PART, Kind, Request, code};
use crate::reply;

/// How a question begins to say who asks, where that one is about to serve.
const LOOKS: &str = "looks=";
const BOOTREPLY: u8 = 2;
const MAGIC_COOKIE: &[u8] = &[99, 130, 83, 99];
const OFFER: u8 = 2;
const ACK: u8 = 5;
const NAK: u8 = 6;

/// Another server on this wire: one that gives addresses away, or another bt-server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Foreign {
    /// Where its datagram came from. Unspecified when only a client's choice gave it away.
    pub address: Ipv4Addr,
    /// What it calls itself (option 54).
    pub server_id: Option<Ipv4Addr>,
    /// The address it offered or confirmed.
    pub offered: Option<Ipv4Addr>,
    /// Whose question this answers. `None` when only a client's choice gave it away.
    pub to: Option<Mac>,
    /// It is a bt-server, and answers HTTP here. That says nothing about who gives addresses.
    pub ours: Option<SocketAddrV4>,
}

/// A bt-server that has begun to look at the wire and would serve it: what its questions tell, so that
/// two that begin together know of each other before either serves. The lower one of two serves.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Claim {
    /// The address that it has, or will take.
    pub address: Ipv4Addr,
    /// Its interface's hardware address: of two without an address, both may be about to take the same.
    pub mac: Mac,
    /// Where it will answer HTTP.
    pub http: u16,
}

/// What a datagram to port 67 gives away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Overheard {
    /// A machine looks for an address.
    Wants,
    /// A machine takes, renews or returns a stranger's address.
    Choice(Foreign),
    /// Another bt-server asks, and what it claims where it has begun to look at this wire in order to serve it.
    /// It gets no address, but is to hear [`greeting`] where somebody serves.
    Question(Option<Claim>),
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
            _ if self.ours.is_some() => write!(f, "{name} (another bt-server)"),
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
/// because the asking host may have no address. Its vendor class is nobody's but ours: a DHCP server
/// makes its usual offer, proxies for PXE keep silent, and another bt-server says that it is one
/// instead of offering an address. Who looks at the wire in order to serve it says so with its `claim`;
/// DHCP servers take no notice of that option.
#[must_use]
pub fn discover(xid: u32, mac: Mac, claim: Option<Claim>) -> Vec<u8> {
    let none = Ipv4Addr::UNSPECIFIED;
    let mut message = Message::new_with_id(xid, none, none, none, none, &mac.0);
    message.set_flags(Flags::default().set_broadcast());
    let options = message.opts_mut();
    options.insert(DhcpOption::MessageType(MessageType::Discover));
    options.insert(DhcpOption::ClassIdentifier(CLASS.to_vec()));
    options.insert(DhcpOption::ParameterRequestList(vec![
        OptionCode::SubnetMask,
        OptionCode::Router,
        OptionCode::DomainNameServer,
    ]));
    if let Some(Claim { address, http, .. }) = claim {
        let told = format!("{LOOKS}{}", SocketAddrV4::new(address, http));
        reply::raw(&mut message, code::BT_SERVER, told.into_bytes());
    }
    let mut bytes = message.to_vec().unwrap_or_default();
    bytes.resize(bytes.len().max(300), 0);
    bytes
}

/// What a bt-server that serves answers to `bytes`, if that is another one's question: that it is one,
/// and where.
#[must_use]
pub fn greeting(bytes: &[u8], own: SocketAddrV4) -> Option<Vec<u8>> {
    let request = Request::read(bytes).ok()?;
    let asks = is_of_bt_server(&request) && request.kind == Kind::Discover;
    asks.then(|| reply::greet(own, &request))
}

/// Does a bt-server ask, as [`discover`] makes it?
pub(crate) fn is_of_bt_server(request: &Request) -> bool {
    request.vendor_class.as_deref() == Some(CLASS)
}

/// A datagram that came to port 68 from `source`: is it a stranger's OFFER, ACK or NAK, or another
/// bt-server's answer? Whom it was meant for does not matter; `ours` are addresses that are no
/// strangers. A bt-server's answer is told from those too: it may serve this wire by another interface.
#[must_use]
pub fn foreign_reply(bytes: &[u8], source: Ipv4Addr, ours: &[Ipv4Addr]) -> Option<Foreign> {
    let plausible = bytes.len() >= FIXED_PART && bytes[0] == BOOTREPLY && bytes[1..3] == [1, 6];
    if !plausible || bytes[236..240] != *MAGIC_COOKIE {
        return None;
    }
    let message = borrowed::Message::new(bytes).ok()?;
    let (mut kind, mut server_id) = (None, None);
    let (mut is_ours, mut http_port) = (false, None);
    for option in message.opts() {
        match (u8::from(option.code()), option.data()) {
            (code::VENDOR_CLASS, data) => is_ours |= data == CLASS,
            (code::BT_SERVER, data) => http_port = http_port.or_else(|| told_port(data)),
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
    let http = http_port.filter(|_| is_ours);
    let brother = http.map(|port| SocketAddrV4::new(server_id.unwrap_or(source), port));
    (brother.is_some() || gives_addresses && !own).then_some(Foreign {
        address: source,
        server_id,
        offered,
        to: bytes[28..34].try_into().ok().map(Mac),
        ours: brother,
    })
}

/// `http=PORT`, as a bt-server's answer has it.
fn told_port(data: &[u8]) -> Option<u16> {
    let port = std::str::from_utf8(data.strip_prefix(b"http=")?).ok()?;
    port.parse().ok().filter(|port| *port != 0)
}

/// What a datagram that came to port 67 gives away, if anything; `ours` are addresses that are no
/// strangers.
#[must_use]
pub fn overheard(bytes: &[u8], ours: &[Ipv4Addr]) -> Option<Overheard> {
    let request = Request::read(bytes).ok()?;
    match request.kind {
        Kind::Discover if is_of_bt_server(&request) => {
            Some(Overheard::Question(claim(bytes, request.mac)))
        }
        Kind::Discover => Some(Overheard::Wants),
        Kind::Request => foreign_choice(&request, ours).map(Overheard::Choice),
        Kind::Decline | Kind::Release | Kind::Inform => None,
    }
}

fn foreign_choice(request: &Request, ours: &[Ipv4Addr]) -> Option<Foreign> {
    let named = request.server_id;
    let server_id = named.filter(|id| !ours.contains(id) && !id.is_unspecified())?;
    Some(Foreign {
        address: Ipv4Addr::UNSPECIFIED,
        server_id: Some(server_id),
        offered: request.requested,
        to: None,
        ours: None,
    })
}

/// What a bt-server's question claims, as [`discover`] writes it.
fn claim(bytes: &[u8], mac: Mac) -> Option<Claim> {
    let message = borrowed::Message::new(bytes).ok()?;
    let mut told = message
        .opts()
        .filter(|option| u8::from(option.code()) == code::BT_SERVER)
        .filter_map(|option| Some(option.data().strip_prefix(LOOKS.as_bytes())?.to_vec()));
    let told = String::from_utf8(told.next()?).ok()?;
    let told: SocketAddrV4 = told.parse().ok()?;
    let plausible = told.port() != 0 && !told.ip().is_unspecified();
    plausible.then_some(Claim {
        address: *told.ip(),
        mac,
        http: told.port(),
    })
}
