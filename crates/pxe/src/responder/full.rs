//! Addresses and loaders from us: the DHCP server of RFC 2131.

use std::net::Ipv4Addr;
use std::time::Duration;

use report::Step;

use super::{Responder, ignore, some_address};
use crate::action::{Action, Question, Reason};
use crate::firmware::Client;
use crate::lease::{Exhausted, Stage};
use crate::packet::{Kind, Request};
use crate::reply::Verdict;
use crate::subnet::Place;

/// How long an offered address waits for the machine to take it.
const OFFER: Duration = Duration::from_secs(60);
/// How long an address is kept for a machine while the caller finds out whether it answers: a third of a second, and
/// more where the computer is busy.
const PROBE: Duration = Duration::from_secs(10);
/// How long an address that answered, or that a machine declined, is given to nobody.
const ASIDE: Duration = Duration::from_secs(5 * 60);

impl Responder {
    pub(super) fn full(&mut self, request: Request, place: Place, now: Duration) -> Action {
        match request.kind {
            Kind::Discover => self.discover(request, place, now),
            Kind::Request => self.request(request, place, now),
            Kind::Decline => self.decline(&request, place, now),
            Kind::Release => self.release(&request, place, now),
            Kind::Inform => self.inform(&request, place, Verdict::Inform),
        }
    }

    pub(super) fn probed_full(
        &mut self,
        question: Question,
        in_use: bool,
        now: Duration,
    ) -> Action {
        let Question { address, request } = question;
        // Only machines of our own subnet are looked for.
        let place = Place::OWN;
        let leases = self.subnets.leases(place);
        if leases.stage(request.mac, address, now) != Some(Stage::Probing) {
            return ignore(&request, Reason::TooLate);
        }
        if in_use {
            leases.set_aside(address, now + ASIDE);
        }
        match (in_use, request.kind) {
            (false, Kind::Discover) => self.offer(&request, place, address, now),
            (false, _) => self.acknowledge(&request, place, address, now),
            (true, Kind::Discover) => self.discover(request, place, now),
            (true, _) => self.nak(&request, place, &format!("somebody else uses {address}")),
        }
    }

    fn discover(&mut self, request: Request, place: Place, now: Duration) -> Action {
        let leases = self.subnets.leases(place);
        let mut choice = leases.choose(request.mac, request.requested, now);
        if choice == Ok(request.giaddr) {
            // The relay agent has it, wherever in the range that lies.
            leases.set_aside(request.giaddr, now + ASIDE);
            choice = leases.choose(request.mac, None, now);
        }
        let address = match choice {
            Ok(address) => address,
            Err(exhausted) => {
                let why = self.exhausted(place, exhausted);
                return self.refuse(request.mac, now, why);
            }
        };
        match leases.stage(request.mac, address, now) {
            Some(Stage::Offered | Stage::Leased) => self.offer(&request, place, address, now),
            Some(Stage::Probing) => ignore(&request, Reason::Probing),
            None => self.look_at(request, place, address, now),
        }
    }

    fn request(&mut self, request: Request, place: Place, now: Duration) -> Action {
        if self.chose_another_server(&request) {
            self.subnets.leases(place).release(request.mac, now);
            return ignore(&request, Reason::AnotherServer);
        }
        let Some(address) = asked_for(&request) else {
            return ignore(&request, Reason::NoAddress);
        };
        let leases = self.subnets.leases(place);
        match leases.current(request.mac, now) {
            Some((_, Stage::Probing)) => return ignore(&request, Reason::Probing),
            Some((own, _)) if own == address => {
                return self.acknowledge(&request, place, address, now);
            }
            Some((own, _)) => {
                return self.nak(&request, place, &format!("your address is {own}"));
            }
            None => {}
        }
        if leases.may_adopt(request.mac, address, now) {
            self.look_at(request, place, address, now)
        } else if leases.pool().in_subnet(address) {
            self.nak(&request, place, &format!("{address} is not yours"))
        } else {
            self.nak(&request, place, &format!("{address} is of another network"))
        }
    }

    pub(super) fn decline(&mut self, request: &Request, place: Place, now: Duration) -> Action {
        let leases = self.subnets.leases(place);
        // Only the address we gave it: a stranger must not empty the pool by declining all of it.
        if let Some((own, _)) = leases.current(request.mac, now)
            && request.requested == Some(own)
        {
            leases.set_aside(own, now + ASIDE);
        }
        ignore(request, Reason::Declined)
    }

    pub(super) fn release(&mut self, request: &Request, place: Place, now: Duration) -> Action {
        let leases = self.subnets.leases(place);
        if leases
            .current(request.mac, now)
            .is_some_and(|(own, _)| own == request.ciaddr)
        {
            leases.release(request.mac, now);
        }
        ignore(request, Reason::Released)
    }

    /// Finds out whether somebody has the address, where that can be seen: ARP ends at the relay
    /// agent. Machines behind it look for themselves, and decline.
    fn look_at(
        &mut self,
        request: Request,
        place: Place,
        address: Ipv4Addr,
        now: Duration,
    ) -> Action {
        if !place.is_own() {
            return match request.kind {
                Kind::Discover => self.offer(&request, place, address, now),
                _ => self.acknowledge(&request, place, address, now),
            };
        }
        let leases = self.subnets.leases(place);
        leases.hold(request.mac, address, Stage::Probing, now + PROBE);
        Action::ProbeAddress(Question { address, request })
    }

    fn offer(
        &mut self,
        request: &Request,
        place: Place,
        address: Ipv4Addr,
        now: Duration,
    ) -> Action {
        self.subnets
            .leases(place)
            .hold(request.mac, address, Stage::Offered, now + OFFER);
        let firmware = Client::of(request).to_string();
        let mut steps = vec![
            (request.mac, Step::Discover { firmware }),
            (request.mac, Step::Offer { address }),
        ];
        if let Some(why) = self.own_disk(request) {
            let why = why.to_owned();
            steps.push((request.mac, Step::OwnDisk { why }));
        }
        self.reply(request, place, Verdict::Offer(address), steps)
    }

    pub(super) fn acknowledge(
        &mut self,
        request: &Request,
        place: Place,
        address: Ipv4Addr,
        now: Duration,
    ) -> Action {
        let until = now + self.settings.lease;
        self.subnets
            .leases(place)
            .hold(request.mac, address, Stage::Leased, until);
        let steps = vec![(request.mac, Step::Lease { address })];
        self.reply(request, place, Verdict::Ack(address), steps)
    }

    pub(super) fn nak(&self, request: &Request, place: Place, why: &str) -> Action {
        let step = Step::Refused {
            why: format!("told to ask again: {why}"),
        };
        self.reply(request, place, Verdict::Nak(why), vec![(request.mac, step)])
    }

    pub(super) fn chose_another_server(&self, request: &Request) -> bool {
        let server = request.server_id;
        server.is_some_and(|server| server != self.settings.server)
    }

    fn exhausted(&self, place: Place, exhausted: Exhausted) -> String {
        let Exhausted { size, set_aside } = exhausted;
        let (first, last) = self.subnets.get(place).leases.pool().range();
        let aside = match set_aside {
            0 => String::new(),
            _ => format!(" ({set_aside} of them answered although we had not given them away)"),
        };
        let all = match size {
            1 => format!("{first}, the only address there is, is in use"),
            _ => format!("all {size} addresses from {first} to {last} are in use"),
        };
        format!("{all}{aside}: widen dhcp_range or shorten its lease time")
    }
}

/// SELECTING and INIT-REBOOT name the address in option 50, RENEWING and REBINDING in ciaddr (RFC
/// 2131 table 4); some firmware does both when selecting.
pub(super) fn asked_for(request: &Request) -> Option<Ipv4Addr> {
    request.requested.or(some_address(request.ciaddr))
}
