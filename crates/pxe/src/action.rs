//! What comes out of the responder: plain values.

use std::net::{Ipv4Addr, SocketAddrV4};

use report::{Mac, Step};

use crate::packet::{Request, Unreadable};

/// What the caller is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Send `bytes` to `to` from the port that the question came to, and tell the journal.
    Reply {
        /// The whole datagram.
        bytes: Vec<u8>,
        /// Broadcast, the address the client has already, its relay agent, or, on port 4011, the
        /// address and port that it asked from.
        to: SocketAddrV4,
        /// What this means for the machine.
        steps: Vec<(Mac, Step)>,
    },
    /// Find out whether somebody else uses the address, then call [`crate::Responder::probed`].
    ProbeAddress(Question),
    /// Send nothing, but tell the journal what was overheard.
    Note {
        /// What this means for the machine.
        steps: Vec<(Mac, Step)>,
    },
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
    /// Who is to get it.
    pub request: Request,
}

/// Why a datagram was not answered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Reason {
    /// It is no request.
    Unreadable(Unreadable),
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
    /// It wants an address and no loader, and another server gives the addresses.
    WantsAnAddress,
    /// It keeps an address that is not from us, and another server gives the addresses.
    NotOurLease,
    /// On port 4011, but neither a REQUEST nor an INFORM of firmware.
    NotABootQuestion,
    /// The rules leave it alone, or to its own disk where another server gives the addresses.
    LeftAlone,
    /// Another bt-server looks at the wire.
    OfABtServer,
    /// Another bt-server boots this room, and this one only keeps what it gave.
    LeftToAnother,
    /// It asked from, or through a relay agent at, an address that is no single host's.
    NowhereToAnswer,
}

impl Reason {
    /// The reason in words that come from the code, so that they can name a counter.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable(unreadable) => unreadable.as_str(),
            Self::AnotherServer => "chose another server",
            Self::Probing => "its address is being probed",
            Self::TooLate => "probed too late",
            Self::NoAddress => "asked for no address",
            Self::ForeignSubnet => "from another subnet",
            Self::Released => "gave its address back",
            Self::Declined => "declined its address",
            Self::Refused => "refused before",
            Self::WantsAnAddress => "wants an address, which another server gives",
            Self::NotOurLease => "keeps an address of another server",
            Self::NotABootQuestion => "no question about booting",
            Self::LeftAlone => "a machine that is left alone",
            Self::OfABtServer => "another bt-server's question",
            Self::LeftToAnother => "another bt-server boots this room",
            Self::NowhereToAnswer => "asked from nowhere",
        }
    }
}
