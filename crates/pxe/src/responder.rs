//! The decision: a request and the time in, an [`Action`] out.
//!
//! This is a full, authoritative DHCP server for one subnet that also tells firmware what to load.
//! It never sends, never waits, and never finds out by itself whether an address is in use: it asks
//! its caller with [`Action::ProbeAddress`] and goes on with [`Responder::probed`].

use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Duration;

use report::{Mac, Step};

use crate::action::{Action, Question, Reason, Settings};
use crate::firmware::{Client, Firmware};
use crate::lease::{Change, Exhausted, Leases, Stage};
use crate::packet::{Kind, Request};
use crate::plan::{self, Boot};
use crate::pool::{Pool, PoolError};
use crate::refusals::Refusals;
use crate::reply::{self, Subnet, Verdict};

const CLIENT_PORT: u16 = 68;

/// How long an offered address waits for the machine to take it.
const OFFER: Duration = Duration::from_secs(60);
/// How long an address is kept for a machine while the caller finds out whether it answers.
/// The caller may need 9 s, when an old entry of the kernel's has to prove itself.
const PROBE: Duration = Duration::from_secs(10);
/// How long an address that answered, or that a machine declined, is given to nobody.
const ASIDE: Duration = Duration::from_secs(5 * 60);

/// The DHCP server of one subnet.
#[derive(Clone, Debug)]
pub struct Responder {
    settings: Settings,
    leases: Leases,
    refusals: Refusals,
}

impl Responder {
    /// A server without any leases yet.
    ///
    /// # Errors
    /// The range and the subnet don't fit together.
    pub fn new(mut settings: Settings) -> Result<Self, PoolError> {
        let Settings {
            server,
            prefix,
            range,
            router,
            ..
        } = settings;
        let pool = Pool::new(server, prefix, range, router)?;
        // Eight are more than anybody has, and a reply must fit the smallest client.
        settings.dns.truncate(8);
        Ok(Self {
            settings,
            leases: Leases::new(pool),
            refusals: Refusals::default(),
        })
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Its leases, to be looked at or kept.
    #[must_use]
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// Takes back what an earlier run told with [`Responder::changes`]; says whether it still fits.
    pub fn restore(&mut self, change: Change) -> bool {
        self.leases.restore(change)
    }

    /// What the last decision changed about leases, in order. To be written down before the reply
    /// leaves: the server commits a binding and then tells the client (RFC 2131, section 3.1, 4).
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        self.leases.changes()
    }

    /// Decides about a datagram that came to port 67.
    pub fn handle(&mut self, bytes: &[u8], now: Duration) -> Action {
        self.leases.begin();
        let request = match Request::read(bytes) {
            Ok(request) => request,
            Err(unreadable) => {
                return Action::Ignore {
                    reason: Reason::Unreadable(unreadable),
                    mac: None,
                };
            }
        };
        if request.giaddr != Ipv4Addr::UNSPECIFIED {
            // A relayed machine sits in another subnet; answering it from this pool would be wrong.
            return ignore(&request, Reason::Relayed);
        }
        if let Some(why) = self.not_yet(&request) {
            return self.refuse(request.mac, now, why);
        }
        match request.kind {
            Kind::Discover => self.discover(request, now),
            Kind::Request => self.request(request, now),
            Kind::Decline => self.decline(&request, now),
            Kind::Release => self.release(&request, now),
            Kind::Inform => self.inform(&request),
        }
    }

    /// Goes on with a machine once it is known whether somebody else uses the address.
    pub fn probed(&mut self, question: Question, in_use: bool, now: Duration) -> Action {
        self.leases.begin();
        let Question {
            address, request, ..
        } = question;
        if self.leases.stage(request.mac, address, now) != Some(Stage::Probing) {
            return ignore(&request, Reason::TooLate);
        }
        match (in_use, request.kind) {
            (false, Kind::Discover) => self.offer(&request, address, now),
            (false, _) => self.acknowledge(&request, address, now),
            (true, Kind::Discover) => {
                self.leases.set_aside(address, now + ASIDE);
                self.discover(request, now)
            }
            (true, _) => {
                self.leases.set_aside(address, now + ASIDE);
                self.nak(&request, &format!("somebody else uses {address}"))
            }
        }
    }

    fn discover(&mut self, request: Request, now: Duration) -> Action {
        let address = match self.leases.choose(request.mac, request.requested, now) {
            Ok(address) => address,
            Err(exhausted) => {
                let why = self.exhausted(exhausted);
                return self.refuse(request.mac, now, why);
            }
        };
        match self.leases.stage(request.mac, address, now) {
            Some(Stage::Offered | Stage::Leased) => self.offer(&request, address, now),
            Some(Stage::Probing) => ignore(&request, Reason::Probing),
            None => self.probe(request, address, now),
        }
    }

    fn request(&mut self, request: Request, now: Duration) -> Action {
        if request
            .server_id
            .is_some_and(|server| server != self.settings.server)
        {
            self.leases.release(request.mac, now);
            return ignore(&request, Reason::AnotherServer);
        }
        // SELECTING and INIT-REBOOT name it in option 50, RENEWING and REBINDING in ciaddr
        // (RFC 2131 table 4); some firmware does both when selecting.
        let asked = request.requested.or(some_address(request.ciaddr));
        let Some(address) = asked else {
            return ignore(&request, Reason::NoAddress);
        };
        match self.leases.current(request.mac, now) {
            Some((_, Stage::Probing)) => return ignore(&request, Reason::Probing),
            Some((own, _)) if own == address => return self.acknowledge(&request, address, now),
            Some((own, _)) => return self.nak(&request, &format!("your address is {own}")),
            None => {}
        }
        if self.leases.may_adopt(request.mac, address, now) {
            self.probe(request, address, now)
        } else if self.leases.pool().in_subnet(address) {
            self.nak(&request, &format!("{address} is not yours"))
        } else {
            self.nak(&request, &format!("{address} is of another network"))
        }
    }

    fn decline(&mut self, request: &Request, now: Duration) -> Action {
        // Only the address we gave it: a stranger must not empty the pool by declining all of it.
        if let Some((own, _)) = self.leases.current(request.mac, now)
            && request.requested == Some(own)
        {
            self.leases.set_aside(own, now + ASIDE);
        }
        ignore(request, Reason::Declined)
    }

    fn release(&mut self, request: &Request, now: Duration) -> Action {
        if self
            .leases
            .current(request.mac, now)
            .is_some_and(|(own, _)| own == request.ciaddr)
        {
            self.leases.release(request.mac, now);
        }
        ignore(request, Reason::Released)
    }

    fn inform(&self, request: &Request) -> Action {
        // The answer goes to the address in the packet: never outside our own subnet, or a stranger
        // could aim us at anybody.
        if self.leases.pool().in_subnet(request.ciaddr) {
            self.reply(request, Verdict::Inform, Vec::new())
        } else {
            ignore(request, Reason::ForeignSubnet)
        }
    }

    fn probe(&mut self, request: Request, address: Ipv4Addr, now: Duration) -> Action {
        let former = self.leases.owner(address).filter(|mac| *mac != request.mac);
        self.leases
            .hold(request.mac, address, Stage::Probing, now + PROBE);
        Action::ProbeAddress(Question {
            address,
            former,
            request,
        })
    }

    fn offer(&mut self, request: &Request, address: Ipv4Addr, now: Duration) -> Action {
        self.leases
            .hold(request.mac, address, Stage::Offered, now + OFFER);
        let firmware = Client::of(request).to_string();
        let steps = vec![
            (request.mac, Step::Discover { firmware }),
            (request.mac, Step::Offer { address }),
        ];
        self.reply(request, Verdict::Offer(address), steps)
    }

    fn acknowledge(&mut self, request: &Request, address: Ipv4Addr, now: Duration) -> Action {
        self.leases.hold(
            request.mac,
            address,
            Stage::Leased,
            now + self.settings.lease,
        );
        self.reply(
            request,
            Verdict::Ack(address),
            vec![(request.mac, Step::Lease { address })],
        )
    }

    fn nak(&self, request: &Request, why: &str) -> Action {
        let step = Step::Refused {
            why: format!("told to ask again: {why}"),
        };
        self.reply(request, Verdict::Nak(why), vec![(request.mac, step)])
    }

    fn refuse(&mut self, mac: Mac, now: Duration, why: String) -> Action {
        if self.refusals.worth_saying(mac, now) {
            Action::Refuse { mac, why }
        } else {
            Action::Ignore {
                reason: Reason::Refused,
                mac: Some(mac),
            }
        }
    }

    fn reply(&self, request: &Request, verdict: Verdict<'_>, steps: Vec<(Mac, Step)>) -> Action {
        let pool = self.leases.pool();
        let subnet = Subnet {
            mask: pool.mask(),
            broadcast: pool.broadcast(),
        };
        let plan = match Client::of(request) {
            Client::Firmware(firmware) => self.plan(firmware).map(|boot| (firmware, boot)),
            Client::System => None,
        };
        let boot = plan.as_ref().map(|(firmware, boot)| (*firmware, boot));
        let bytes = reply::write(&self.settings, &subnet, request, verdict, boot);
        // A client without an address hears broadcasts only: sending to an address that nobody
        // answers ARP for would need an entry in the kernel's table, and so CAP_NET_ADMIN.
        let has_address = pool.in_subnet(request.ciaddr) && !matches!(verdict, Verdict::Nak(_));
        let to = if has_address {
            request.ciaddr
        } else {
            Ipv4Addr::BROADCAST
        };
        Action::Reply {
            bytes,
            to: SocketAddrV4::new(to, CLIENT_PORT),
            steps,
        }
    }

    fn plan(&self, firmware: Firmware) -> Option<Boot> {
        let http = SocketAddrV4::new(self.settings.server, self.settings.http_port);
        plan::boot(firmware, self.settings.loader, http)
    }

    /// Why firmware of this kind gets nothing from us, not even an address: it would sit there with
    /// it and ask for a file that does not exist.
    fn not_yet(&self, request: &Request) -> Option<String> {
        let Client::Firmware(firmware) = Client::of(request) else {
            return None;
        };
        let remedy = "boot it as BIOS or UEFI x64 by PXE (legacy mode or CSM in its setup)";
        let planned = self.plan(firmware).is_some();
        (!planned).then(|| format!("{firmware} cannot be booted yet: {remedy}"))
    }

    fn exhausted(&self, exhausted: Exhausted) -> String {
        let Exhausted { size, set_aside } = exhausted;
        let (first, last) = self.leases.pool().range();
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

fn ignore(request: &Request, reason: Reason) -> Action {
    Action::Ignore {
        reason,
        mac: Some(request.mac),
    }
}

fn some_address(address: Ipv4Addr) -> Option<Ipv4Addr> {
    (address != Ipv4Addr::UNSPECIFIED).then_some(address)
}
