//! What goes into the responder besides bytes, and what comes out of it: plain values.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use report::{Mac, Step};

use crate::packet::{Request, Unreadable};
use crate::plan::Loader;

/// What the responder must know of the site.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The server's address on the served interface: server identifier, next-server, URLs.
    pub server: Ipv4Addr,
    /// That interface's prefix length.
    pub prefix: u8,
    /// The first and last address to give away; all of the subnet when not set.
    pub range: Option<(Ipv4Addr, Ipv4Addr)>,
    /// How long a lease lasts.
    pub lease: Duration,
    /// The default gateway machines are told, if any.
    pub router: Option<Ipv4Addr>,
    /// The name servers machines are told. At most 8 are used.
    pub dns: Vec<Ipv4Addr>,
    /// The server's HTTP port.
    pub http_port: u16,
    /// What a BIOS loads first.
    pub loader: Loader,
}

/// What the caller is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send `bytes` to `to` from port 67, and tell the journal.
    Reply {
        /// The whole datagram.
        bytes: Vec<u8>,
        /// Broadcast, or the address the client has already.
        to: SocketAddrV4,
        /// What this means for the machine.
        steps: Vec<(Mac, Step)>,
    },
    /// Find out whether somebody else uses the address, then call [`crate::Responder::probed`].
    ProbeAddress(Question),
    /// Send nothing, but tell the journal why this machine gets nothing. The same machine is
    /// refused aloud at most once a minute.
    Refuse {
        /// The machine.
        mac: Mac,
        /// The reason and the remedy.
        why: String,
    },
    /// Send nothing.
    Ignore {
        /// Why.
        reason: Reason,
        /// Who asked, when the bytes said so.
        mac: Option<Mac>,
    },
}

/// A question about an address, with what is needed to go on once it is answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// Does anybody but `request.mac` answer at this address?
    pub address: Ipv4Addr,
    /// Whose it was before, if that is remembered: what old tables say of that machine at this
    /// address is no news.
    pub former: Option<Mac>,
    /// Who is to get it.
    pub request: Request,
}

/// Why a datagram was not answered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Reason {
    /// It is no request.
    Unreadable(Unreadable),
    /// A relay agent passed it on.
    Relayed,
    /// The machine chose another server's offer.
    AnotherServer,
    /// It asked again while its address is being probed.
    Probing,
    /// An answered question that nobody waits for any more.
    TooLate,
    /// A REQUEST that names no address.
    NoAddress,
    /// An INFORM or RELEASE from outside the subnet.
    ForeignSubnet,
    /// It gave its address back. Nothing is to be answered.
    Released,
    /// It found its address in use. Nothing is to be answered.
    Declined,
    /// Refused, as it was told less than a minute ago.
    Refused,
}

impl Reason {
    /// The reason in words that come from the code, so that they can name a counter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable(unreadable) => unreadable.as_str(),
            Self::Relayed => "came through a relay agent",
            Self::AnotherServer => "chose another server",
            Self::Probing => "its address is being probed",
            Self::TooLate => "probed too late",
            Self::NoAddress => "asked for no address",
            Self::ForeignSubnet => "from another subnet",
            Self::Released => "gave its address back",
            Self::Declined => "declined its address",
            Self::Refused => "refused before",
        }
    }
}
