//! Another bt-server boots this room: it gives the addresses and says what to boot, and a second voice would
//! only be in its way.
//!
//! What an earlier hour's full server gave stays valid: those machines renew, decline and release. Nobody else
//! hears a word.

use std::time::Duration;

use super::full::asked_for;
use super::{Responder, ignore};
use crate::action::{Action, Reason};
use crate::lease::Stage;
use crate::packet::{Kind, Request};

impl Responder {
    pub(super) fn second(&mut self, request: &Request, now: Duration) -> Action {
        let Some(place) = self.subnets.of(request) else {
            return ignore(request, Reason::LeftToAnother);
        };
        match request.kind {
            Kind::Discover | Kind::Inform => ignore(request, Reason::LeftToAnother),
            Kind::Decline => self.decline(request, place, now),
            Kind::Release => self.release(request, place, now),
            Kind::Request if self.chose_another_server(request) => {
                self.subnets.leases(place).release(request.mac, now);
                ignore(request, Reason::AnotherServer)
            }
            Kind::Request => {
                let has = self.subnets.leases(place).current(request.mac, now);
                match (has, asked_for(request)) {
                    (Some((own, Stage::Leased)), Some(address)) if own == address => {
                        self.acknowledge(request, place, address, now)
                    }
                    _ => ignore(request, Reason::LeftToAnother),
                }
            }
        }
    }
}
