//! Another server gives the addresses; we tell firmware what to boot, beside its offer.
//!
//! Nobody gets an address from us here, and nobody is told that another server's address is wrong.
//! What an earlier hour's full server gave stays valid: those machines renew, decline and release.

use std::time::Duration;

use report::Step;

use super::full::asked_for;
use super::{Choice, Responder, ignore};
use crate::action::{Action, Reason};
use crate::firmware::{Asks, Client, Firmware};
use crate::lease::Stage;
use crate::packet::{Kind, Request};
use crate::reply::Verdict;
use crate::subnet::Place;

impl Responder {
    /// `place` is `None` where a relay agent of a subnet without a pool asks: its machines have
    /// no lease of ours, and what to boot is the same for all.
    pub(super) fn proxy(
        &mut self,
        request: &Request,
        place: Option<Place>,
        now: Duration,
    ) -> Action {
        let lease_place = place.unwrap_or(Place::OWN);
        match (request.kind, Client::of(request)) {
            (Kind::Discover, Client::Firmware(firmware)) => {
                self.offer_boot(request, firmware, lease_place, now)
            }
            (Kind::Discover, Client::System) => {
                self.unfollowed.moved_on(request.mac);
                ignore(request, Reason::WantsAnAddress)
            }
            (Kind::Request, client) => self.keeps_or_chose(request, client, place, now),
            (Kind::Decline, _) => self.decline(request, lease_place, now),
            (Kind::Release, _) => self.release(request, lease_place, now),
            (Kind::Inform, Client::Firmware(_)) => self.inform_boot(request, lease_place),
            (Kind::Inform, Client::System) => ignore(request, Reason::WantsAnAddress),
        }
    }

    fn offer_boot(
        &mut self,
        request: &Request,
        firmware: Firmware,
        place: Place,
        now: Duration,
    ) -> Action {
        let mac = request.mac;
        let asks = Step::Discover {
            firmware: firmware.to_string(),
        };
        let mut steps = vec![(mac, asks)];
        if let Some(why) = self.own_disk(request) {
            let why = why.to_owned();
            steps.push((mac, Step::OwnDisk { why }));
            if self.is_named_nothing(request) {
                return Action::Note { steps };
            }
            return self.reply(request, place, Verdict::BootOffer, steps);
        }
        let listens_to = self.unfollowed.offered(mac, firmware, now);
        if let Some(choice) = listens_to
            && self.refusals.worth_saying(mac, now)
        {
            let why = self.does_not_follow(firmware, choice);
            steps.push((mac, Step::Unfollowed { why }));
        }
        self.reply(request, place, Verdict::BootOffer, steps)
    }

    /// A REQUEST is answered only where it is about a lease of ours: the boot part is in the offer,
    /// or asked for at port 4011. An answer here would compete with the other server's ACK.
    fn keeps_or_chose(
        &mut self,
        request: &Request,
        client: Client,
        place: Option<Place>,
        now: Duration,
    ) -> Action {
        let has = place.and_then(|place| self.subnets.leases(place).current(request.mac, now));
        let place = place.unwrap_or(Place::OWN);
        if self.chose_another_server(request) {
            return self.overhear_choice(request, client, place, now);
        }
        let Some(address) = asked_for(request) else {
            return ignore(request, Reason::NoAddress);
        };
        if has == Some((address, Stage::Leased)) {
            return self.acknowledge(request, place, address, now);
        }
        if request.server_id.is_some() {
            // It took an offer from before the other server came: nobody else answers that.
            return self.nak(request, place, "another server gives addresses here now");
        }
        ignore(request, Reason::NotOurLease)
    }

    /// The address that firmware takes from another server is worth noting, since what it fetches by
    /// TFTP comes from there.
    fn overhear_choice(
        &mut self,
        request: &Request,
        client: Client,
        place: Place,
        now: Duration,
    ) -> Action {
        self.subnets.leases(place).release(request.mac, now);
        let (Client::Firmware(_), Some(server), Some(address)) =
            (client, request.server_id, asked_for(request))
        else {
            return ignore(request, Reason::AnotherServer);
        };
        self.unfollowed
            .chose(request.mac, Choice { server, address });
        Action::Note {
            steps: vec![(request.mac, Step::Lease { address })],
        }
    }

    fn inform_boot(&self, request: &Request, place: Place) -> Action {
        if self.is_named_nothing(request) {
            return ignore(request, Reason::LeftAlone);
        }
        self.inform(request, place, Verdict::BootAck)
    }

    /// Kept short: the journal cuts what is longer than 300 characters.
    fn does_not_follow(&self, firmware: Firmware, choice: Choice) -> String {
        let Choice { server, address } = choice;
        let next = self.settings.server;
        let file = self
            .plan(firmware)
            .map(|boot| boot.file)
            .unwrap_or_default();
        let told = match firmware.asks {
            Asks::Pxe => {
                format!("next-server (option 66) to {next} and the boot file (option 67) to {file}")
            }
            Asks::Ipxe => format!("the boot file (option 67) to {file}"),
            Asks::HttpBoot => format!("option 60 to HTTPClient and option 67 to {file}"),
        };
        format!(
            "its {firmware} firmware ignores proxyDHCP offers and takes {address} from {server} again and again. Set {told} \
             there, or switch that DHCP server off and start with --dhcp full"
        )
    }
}
