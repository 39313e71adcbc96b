//! Reading a request: bytes from the wire in, a typed [`Request`] out, or the reason why not.
//!
//! Every option is validated on its own, so a broken one hides no other, and nothing in here can
//! panic, also not in a debug build. It never judges whether a request makes sense; that is
//! [`crate::responder`]'s work.

mod values;

use std::net::Ipv4Addr;

use dhcproto::v4::borrowed;
use report::Mac;

use self::values::{
    address, boot_item, classes, filled, ipxe_features, number, one_option, printable,
};

/// The fixed part of a BOOTP message with the magic cookie (RFC 2131 section 2).
pub const FIXED_PART: usize = 240;

const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
const BOOTREQUEST: u8 = 1;
const ETHERNET: u8 = 1;
const BROADCAST_FLAG: u16 = 0x8000;

/// The option codes this crate reads or writes (RFC 2132, 3004, 3046, 4578, 5071; 175 is Etherboot's, 224
/// one of those that RFC 3942 leaves to sites, in which one bt-server knows another).
pub mod code {
    #![allow(missing_docs)]
    pub const HOST_NAME: u8 = 12;
    pub const VENDOR_OPTIONS: u8 = 43;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER_ID: u8 = 54;
    pub const PARAMETER_LIST: u8 = 55;
    pub const MAX_SIZE: u8 = 57;
    pub const VENDOR_CLASS: u8 = 60;
    pub const CLIENT_ID: u8 = 61;
    pub const USER_CLASS: u8 = 77;
    pub const RELAY_AGENT: u8 = 82;
    pub const ARCHITECTURE: u8 = 93;
    pub const MACHINE_ID: u8 = 97;
    pub const IPXE: u8 = 175;
    pub const CONFIG_FILE: u8 = 209;
    pub const PATH_PREFIX: u8 = 210;
    pub const BT_SERVER: u8 = 224;
}

/// By this vendor class (option 60) one bt-server knows another, in question and answer alike.
pub const CLASS: &[u8] = b"bt-server";

/// What a client asks for (option 53, the client's half of it).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// Who can give me an address?
    Discover,
    /// I take, or keep, this address.
    Request,
    /// Somebody else already uses the address I was given.
    Decline,
    /// I don't need my address any more.
    Release,
    /// I have an address; tell me the rest.
    Inform,
}

/// What iPXE says about itself in option 175.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IpxeFeatures {
    /// It was built with HTTP (feature 19).
    pub http: bool,
}

/// A request of which every field is valid by itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// What it asks for.
    pub kind: Kind,
    /// The transaction's number, echoed in the reply.
    pub xid: u32,
    /// Seconds since the client began to ask, echoed in the reply.
    pub secs: u16,
    /// The client cannot receive unicast before it has an address.
    pub broadcast: bool,
    /// The address the client uses already, or 0.0.0.0.
    pub ciaddr: Ipv4Addr,
    /// The relay agent that passed it on, or 0.0.0.0.
    pub giaddr: Ipv4Addr,
    /// The machine.
    pub mac: Mac,
    /// Option 50.
    pub requested: Option<Ipv4Addr>,
    /// Option 54.
    pub server_id: Option<Ipv4Addr>,
    /// Option 61, as it came.
    pub client_id: Option<Vec<u8>>,
    /// Option 93, the first of a list (RFC 4578).
    pub architecture: Option<u16>,
    /// Option 77, one entry per class; both the form of RFC 3004 and the bare text iPXE sends.
    pub user_classes: Vec<Vec<u8>>,
    /// Option 60, as it came.
    pub vendor_class: Option<Vec<u8>>,
    /// Option 97 (17 bytes: type and UUID), kept only in that length.
    pub machine_id: Option<[u8; 17]>,
    /// Option 57: the largest message the client takes, in bytes with IP and UDP headers.
    pub max_size: Option<u16>,
    /// Option 55, as it came.
    pub parameters: Vec<u8>,
    /// Option 175: an iPXE (or gPXE) is asking.
    pub ipxe: Option<IpxeFeatures>,
    /// Option 12, only when it is printable ASCII.
    pub host_name: Option<String>,
    /// Option 82, to be echoed byte for byte (RFC 3046); what does not fit one option is none.
    /// Switches that snoop DHCP add it to requests without a relay agent, too.
    pub relay_agent: Option<Vec<u8>>,
    /// Option 43, sub-option 71: the type and layer of what was chosen in a PXE menu.
    pub boot_item: Option<[u8; 4]>,
}

/// Why bytes are not a request for us.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Unreadable {
    /// Shorter than the fixed part and the magic cookie.
    TooShort,
    /// Not a BOOTREQUEST: a server's reply that we overheard.
    NotARequest,
    /// Another hardware type, an address of another length, or no machine's address.
    NotEthernet,
    /// BOOTP without DHCP, or noise.
    NoCookie,
    /// Option 53 is missing, broken, or not a client's.
    NoKind,
}

impl Unreadable {
    /// The reason in words that come from the code, so that they can name a counter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooShort => "shorter than a DHCP message",
            Self::NotARequest => "a reply, not a request",
            Self::NotEthernet => "no Ethernet address",
            Self::NoCookie => "no DHCP magic cookie",
            Self::NoKind => "no message type of a client",
        }
    }
}

impl Request {
    /// Reads a datagram that came to port 67.
    ///
    /// # Errors
    /// [`Unreadable`] says what is wrong with the fixed part or with option 53. Other broken options
    /// are treated as absent.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mac = fixed_part(bytes)?;
        let message = borrowed::Message::new(bytes).map_err(|_| Unreadable::TooShort)?;
        let mut request = Self {
            kind: Kind::Discover,
            xid: message.xid(),
            secs: message.secs(),
            broadcast: u16::from(message.flags()) & BROADCAST_FLAG != 0,
            ciaddr: message.ciaddr(),
            giaddr: message.giaddr(),
            mac,
            requested: None,
            server_id: None,
            client_id: None,
            architecture: None,
            user_classes: Vec::new(),
            vendor_class: None,
            machine_id: None,
            max_size: None,
            parameters: Vec::new(),
            ipxe: None,
            host_name: None,
            relay_agent: None,
            boot_item: None,
        };
        let mut kind = None;
        for option in message.opts() {
            let data = option.data();
            match u8::from(option.code()) {
                code::MESSAGE_TYPE => kind = kind.or_else(|| client_kind(data)),
                other => request.option(other, data),
            }
        }
        request.kind = kind.ok_or(Unreadable::NoKind)?;
        Ok(request)
    }

    /// Takes in one option. The first valid one of a code counts.
    fn option(&mut self, code: u8, data: &[u8]) {
        match code {
            code::HOST_NAME => first(&mut self.host_name, printable(data)),
            code::REQUESTED_ADDRESS => first(&mut self.requested, address(data)),
            code::SERVER_ID => first(&mut self.server_id, address(data)),
            code::PARAMETER_LIST if self.parameters.is_empty() => self.parameters = data.to_vec(),
            code::MAX_SIZE => first(&mut self.max_size, number(data)),
            code::VENDOR_CLASS => first(&mut self.vendor_class, filled(data)),
            code::CLIENT_ID => first(&mut self.client_id, filled(data)),
            code::USER_CLASS if self.user_classes.is_empty() => self.user_classes = classes(data),
            code::ARCHITECTURE => first(&mut self.architecture, data.get(..2).and_then(number)),
            code::MACHINE_ID => first(&mut self.machine_id, data.try_into().ok()),
            code::IPXE => first(&mut self.ipxe, Some(ipxe_features(data))),
            code::VENDOR_OPTIONS => first(&mut self.boot_item, boot_item(data)),
            code::RELAY_AGENT => first(&mut self.relay_agent, one_option(data)),
            _ => {}
        }
    }
}

/// The checks that dhcproto leaves to its callers: it indexes by the wire's `hlen` and believes the
/// cookie.
fn fixed_part(bytes: &[u8]) -> Result<Mac, Unreadable> {
    if bytes.len() < FIXED_PART {
        return Err(Unreadable::TooShort);
    }
    if bytes[0] != BOOTREQUEST {
        return Err(Unreadable::NotARequest);
    }
    if bytes[236..240] != MAGIC_COOKIE {
        return Err(Unreadable::NoCookie);
    }
    let mac: [u8; 6] = bytes[28..34].try_into().map_err(|_| Unreadable::TooShort)?;
    let group = mac[0] & 1 != 0;
    if bytes[1] != ETHERNET || bytes[2] != 6 || group || mac == [0; 6] {
        return Err(Unreadable::NotEthernet);
    }
    Ok(Mac(mac))
}

fn client_kind(data: &[u8]) -> Option<Kind> {
    Some(match data {
        [1] => Kind::Discover,
        [3] => Kind::Request,
        [4] => Kind::Decline,
        [7] => Kind::Release,
        [8] => Kind::Inform,
        _ => return None,
    })
}

fn first<T>(slot: &mut Option<T>, value: Option<T>) {
    if slot.is_none() {
        *slot = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    fn datagram(options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; FIXED_PART];
        bytes[..3].copy_from_slice(&[1, 1, 6]);
        bytes[28..34].copy_from_slice(&MAC);
        bytes[236..240].copy_from_slice(&MAGIC_COOKIE);
        bytes.extend_from_slice(options);
        bytes.push(255);
        bytes
    }

    #[test]
    fn refuses_what_is_no_request_for_us() {
        type Spoil = fn(&mut Vec<u8>);
        let cases: [(Unreadable, Spoil); 8] = [
            (Unreadable::TooShort, |bytes| bytes.truncate(239)),
            (Unreadable::NotARequest, |bytes| bytes[0] = 2),
            (Unreadable::NotEthernet, |bytes| bytes[1] = 32),
            (Unreadable::NotEthernet, |bytes| bytes[2] = 255),
            (Unreadable::NotEthernet, |bytes| bytes[28] |= 1),
            (Unreadable::NotEthernet, |bytes| bytes[28..34].fill(0)),
            (Unreadable::NoCookie, |bytes| bytes[236] = 0),
            (Unreadable::NoKind, |bytes| bytes[242] = 2),
        ];
        for (expected, spoil) in cases {
            let mut bytes = datagram(&[53, 1, 1]);
            assert!(Request::read(&bytes).is_ok());
            spoil(&mut bytes);
            assert_eq!(Request::read(&bytes), Err(expected));
        }
    }

    #[test]
    fn a_broken_option_hides_no_other() {
        let bytes = datagram(&[
            12, 2, 0xff, 0xfe, // a host name that is no text
            93, 1, 7, // an architecture of one byte
            94, 1, 1, 80, 1, 1, 81, 1, 1, // three that the codec asserts on
            150, 3, 1, 2, 3, 97, 2, 0, 0, // half an address, half a UUID
            53, 1, 3, 50, 4, 10, 0, 0, 9, 54, 4, 10, 0, 0, 1,
        ]);
        let request = Request::read(&bytes).unwrap();
        assert_eq!(request.kind, Kind::Request);
        assert_eq!(request.requested, Some(Ipv4Addr::new(10, 0, 0, 9)));
        assert_eq!(request.server_id, Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(
            (request.host_name, request.architecture, request.machine_id),
            (None, None, None)
        );
    }

    #[test]
    fn what_the_relay_agent_says_is_kept_as_it_is() {
        let bytes = datagram(&[53, 1, 1, 82, 4, 1, 2, 0, 255]);
        let request = Request::read(&bytes).unwrap();
        assert_eq!(request.relay_agent, Some(vec![1, 2, 0, 255]));
        let twice = [&[53, 1, 1, 82, 200][..], &[7; 200], &[82, 100], &[7; 100]].concat();
        let request = Request::read(&datagram(&twice)).unwrap();
        assert_eq!(request.relay_agent, None, "more than one option holds");
    }
}
