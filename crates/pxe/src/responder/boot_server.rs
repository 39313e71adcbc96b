//! Port 4011, where firmware asks what to boot once it has an address (PXE specification 2.1,
//! section 2.2.4; Microsoft's BINL is the same exchange without menus).
//!
//! Who asks: EDK2, which takes a proxy offer without option 43 for BINL, from its port 4011 and with
//! ciaddr; iPXE without a file in the offer, from port 68; ROMs in whose menu, another proxy's,
//! somebody chose us. All hear the answer only at the address and port that they asked from.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use report::Step;

use super::{Responder, ignore, is_host, some_address};
use crate::action::{Action, Reason};
use crate::firmware::Client;
use crate::packet::{Kind, Request};
use crate::reply::Verdict;
use crate::settings::Mode;
use crate::subnet::Place;

impl Responder {
    /// Decides about a datagram that came to port 4011 from `from`. The reply leaves
    /// from port 4011.
    pub fn handle_4011(&mut self, bytes: &[u8], from: SocketAddrV4, now: Duration) -> Action {
        self.subnets.begin();
        let request = match Request::read(bytes) {
            Ok(request) => request,
            Err(unreadable) => {
                return Action::Ignore {
                    reason: Reason::Unreadable(unreadable),
                    mac: None,
                };
            }
        };
        let is_question = matches!(request.kind, Kind::Request | Kind::Inform);
        if !is_question || Client::of(&request) == Client::System {
            return ignore(&request, Reason::NotABootQuestion);
        }
        if self.mode == Mode::Second {
            return ignore(&request, Reason::LeftToAnother);
        }
        // iPXE names the proxy that it asks, for which others on this computer may have ears too.
        if self.chose_another_server(&request) {
            return ignore(&request, Reason::AnotherServer);
        }
        let Some(to) = answerable(from) else {
            return ignore(&request, Reason::NowhereToAnswer);
        };
        if let Some(action) = self.unanswered(&request, now) {
            return action;
        }
        if let Some(why) = self.unplanned(&request) {
            return self.refuse(request.mac, now, why);
        }
        if self.is_named_nothing(&request) {
            return ignore(&request, Reason::LeftAlone);
        }
        self.unfollowed.moved_on(request.mac);
        let address = some_address(request.ciaddr);
        let step = address.map(|address| (request.mac, Step::Lease { address }));
        Action::Reply {
            bytes: self.written(&request, Place::OWN, Verdict::BootAck),
            to,
            steps: step.into_iter().collect(),
        }
    }
}

/// Where the answer goes. Whoever has no address yet hears broadcasts; a group never asked.
fn answerable(from: SocketAddrV4) -> Option<SocketAddrV4> {
    let (ip, port) = (*from.ip(), from.port());
    if port == 0 || !is_host(ip) {
        return None;
    }
    let to = some_address(ip).unwrap_or(Ipv4Addr::BROADCAST);
    Some(SocketAddrV4::new(to, port))
}
