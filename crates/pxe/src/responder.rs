//! The decision: a request and the time in, an [`Action`] out.
//!
//! In [`Mode::Full`] this is an authoritative DHCP server for its subnets that also tells firmware
//! what to load (`full`); in [`Mode::Proxy`] it does the latter alone, beside another server
//! (`proxy`); in [`Mode::Second`] neither (`second`). Questions to port 4011 have an answer in the first two (`boot_server`). It never sends, never
//! waits, and never finds out by itself whether an address is in use: it asks its caller with
//! [`Action::ProbeAddress`] and goes on with [`Responder::probed`].

mod boot_server;
mod full;
mod proxy;
mod second;

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use report::{Mac, Step};

use crate::action::{Action, Question, Reason};
use crate::firmware::{Client, Firmware};
use crate::lease::{Change, Lease, Leases};
use crate::machines::{Treatment, UNKNOWN};
use crate::once::Started;
use crate::packet::Request;
use crate::plan::{self, Boot};
use crate::pool::{Pool, PoolError};
use crate::probe;
use crate::refusals::Refusals;
use crate::reply::{self, Verdict};
use crate::settings::{Mode, Settings};
use crate::subnet::{Place, Subnets};
use crate::unfollowed::{Choice, Unfollowed};

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;

/// The DHCP server of one interface.
#[derive(Clone, Debug)]
pub struct Responder {
    settings: Settings,
    mode: Mode,
    subnets: Subnets,
    refusals: Refusals,
    unfollowed: Unfollowed,
    started: Arc<Started>,
}

impl Responder {
    /// A full server without any leases yet.
    ///
    /// # Errors
    /// A range and its subnet don't fit together.
    pub fn new(settings: Settings) -> Result<Self, PoolError> {
        Ok(Self {
            subnets: Subnets::new(&settings)?,
            settings: settings.within_bounds(),
            mode: Mode::default(),
            refusals: Refusals::default(),
            unfollowed: Unfollowed::default(),
            started: Arc::default(),
        })
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Who gives addresses.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// From now on we give addresses, or another server does. Machines with a lease of ours that
    /// still runs go on renewing it in every mode.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// From now on these are the machines that were to boot once and have.
    pub fn set_started(&mut self, started: Arc<Started>) {
        self.started = started;
    }

    /// The leases of the interface's own subnet, to be looked at.
    #[must_use]
    pub fn leases(&self) -> &Leases {
        &self.subnets.get(Place::OWN).leases
    }

    /// The leases of all subnets, past ones included.
    pub fn all_leases(&self) -> impl Iterator<Item = Lease> {
        self.subnets.all_leases()
    }

    /// The pools of all subnets, its own first.
    #[must_use]
    pub fn pools(&self) -> Vec<Pool> {
        self.subnets.pools().cloned().collect()
    }

    /// Takes back what an earlier run told with [`Responder::changes`]; says whether it still fits.
    pub fn restore(&mut self, change: Change) -> bool {
        self.subnets.restore(change)
    }

    /// What the last decision changed about leases, in order. To be written down before the reply
    /// leaves: the server commits a binding and then tells the client (RFC 2131, section 3.1, 4).
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        self.subnets.changes()
    }

    /// Whoever has `address` fetches a file of ours: its firmware follows our offers. Need not be
    /// told; where it is, [`Mode::Proxy`] suspects no machine that fails later.
    pub fn fetches(&mut self, address: Ipv4Addr) {
        self.unfollowed.fetches(address);
    }

    /// Decides about a datagram that came to port 67.
    pub fn handle(&mut self, bytes: &[u8], now: Duration) -> Action {
        self.subnets.begin();
        match Request::read(bytes) {
            Ok(request) => self.decide(request, now),
            Err(unreadable) => Action::Ignore {
                reason: Reason::Unreadable(unreadable),
                mac: None,
            },
        }
    }

    /// A question that [`Action::ProbeAddress`] handed out cannot be asked now: the machine is looked at anew when it
    /// asks again.
    pub fn unasked(&mut self, question: &Question, now: Duration) {
        let leases = self.subnets.leases(Place::OWN);
        leases.not_probed(question.request.mac, question.address, now);
    }

    /// Goes on with a machine once it is known whether somebody else uses the address.
    pub fn probed(&mut self, question: Question, in_use: bool, now: Duration) -> Action {
        self.subnets.begin();
        match self.mode {
            Mode::Full => self.probed_full(question, in_use, now),
            // Another server came up meanwhile.
            Mode::Proxy | Mode::Second => self.decide(question.request, now),
        }
    }

    fn decide(&mut self, request: Request, now: Duration) -> Action {
        // It gets no address; whether it hears that we are here is not a question of leases.
        if probe::is_of_bt_server(&request) {
            return ignore(&request, Reason::OfABtServer);
        }
        if !is_host(request.giaddr) {
            return ignore(&request, Reason::NowhereToAnswer);
        }
        if self.mode == Mode::Second {
            return self.second(&request, now);
        }
        if let Some(action) = self.unanswered(&request, now) {
            return action;
        }
        if let Some(why) = self.unplanned(&request) {
            return self.refuse(request.mac, now, why);
        }
        let place = self.subnets.of(&request);
        if let Some(place) = place {
            self.subnets.heard_relay(place, request.giaddr);
        }
        match (self.mode, place) {
            (Mode::Full, Some(place)) => self.full(request, place, now),
            (Mode::Full, None) => {
                let why = no_pool_behind(request.giaddr);
                self.refuse(request.mac, now, why)
            }
            (Mode::Proxy | Mode::Second, place) => self.proxy(&request, place, now),
        }
    }

    /// What becomes of a machine that is to hear nothing from us.
    fn unanswered(&mut self, request: &Request, now: Duration) -> Option<Action> {
        match self.treatment(request) {
            Treatment::Boots | Treatment::OwnDisk(_) => None,
            Treatment::Ignored => Some(ignore(request, Reason::LeftAlone)),
            Treatment::Unknown => Some(self.refuse(request.mac, now, UNKNOWN.to_owned())),
        }
    }

    /// Why this is firmware that is named no loader, if it is.
    fn own_disk(&self, request: &Request) -> Option<&'static str> {
        match (self.treatment(request), Client::of(request)) {
            (Treatment::OwnDisk(why), Client::Firmware(_)) => Some(why),
            _ => None,
        }
    }

    fn treatment(&self, request: &Request) -> Treatment {
        self.settings.machines.treatment(request.mac, &self.started)
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

    /// Who has an address and asks for the rest. The answer goes to the address in the packet: never
    /// outside our subnets, or a stranger could aim us at anybody.
    fn inform(&self, request: &Request, place: Place, verdict: Verdict<'_>) -> Action {
        let pool = self.subnets.get(place).leases.pool();
        match pool.in_subnet(request.ciaddr) {
            true => self.reply(request, place, verdict, Vec::new()),
            false => ignore(request, Reason::ForeignSubnet),
        }
    }

    fn reply(
        &self,
        request: &Request,
        place: Place,
        verdict: Verdict<'_>,
        steps: Vec<(Mac, Step)>,
    ) -> Action {
        Action::Reply {
            bytes: self.written(request, place, verdict),
            to: self.hears_at(request, place, verdict),
            steps,
        }
    }

    fn written(&self, request: &Request, place: Place, verdict: Verdict<'_>) -> Vec<u8> {
        let plan = match Client::of(request) {
            Client::Firmware(firmware) => self.told(request, firmware).map(|boot| (firmware, boot)),
            Client::System => None,
        };
        let boot = plan.as_ref().map(|(firmware, boot)| (*firmware, boot));
        let subnet = self.subnets.get(place);
        reply::write(&self.settings, subnet, request, verdict, boot)
    }

    /// Where the client hears a reply (RFC 2131, section 4.1).
    fn hears_at(&self, request: &Request, place: Place, verdict: Verdict<'_>) -> SocketAddrV4 {
        if !request.giaddr.is_unspecified() {
            return SocketAddrV4::new(request.giaddr, SERVER_PORT);
        }
        // A client without an address hears broadcasts only: sending to an address that nobody
        // answers ARP for would need an entry in the kernel's table, and so CAP_NET_ADMIN.
        let pool = self.subnets.get(place).leases.pool();
        let has_address = pool.in_subnet(request.ciaddr) && !matches!(verdict, Verdict::Nak(_));
        let to = if has_address {
            request.ciaddr
        } else {
            Ipv4Addr::BROADCAST
        };
        SocketAddrV4::new(to, CLIENT_PORT)
    }

    /// What this machine's firmware is named to load; nothing is an answer too, where it then goes on with the disk.
    fn told(&self, request: &Request, firmware: Firmware) -> Option<Boot> {
        match self.own_disk(request) {
            Some(_) => plan::own_disk(firmware, self.settings.http()),
            None => self.plan(firmware),
        }
    }

    /// Whether there is nothing to be said to this firmware beside another server's offer.
    fn is_named_nothing(&self, request: &Request) -> bool {
        matches!(Client::of(request), Client::Firmware(firmware) if self.told(request, firmware).is_none())
    }

    fn plan(&self, firmware: Firmware) -> Option<Boot> {
        plan::boot(firmware, self.settings.loader, self.settings.http())
    }

    /// Why firmware of this kind gets nothing from us, not even an address: it would sit there with
    /// it and ask for a file that does not exist.
    fn unplanned(&self, request: &Request) -> Option<String> {
        let Client::Firmware(firmware) = Client::of(request) else {
            return None;
        };
        let remedy = "boot it as BIOS or UEFI x64 by PXE (legacy mode or CSM in its setup)";
        let planned = self.plan(firmware).is_some() || self.own_disk(request).is_some();
        (!planned).then(|| format!("{firmware} cannot be booted yet: {remedy}"))
    }
}

fn no_pool_behind(relay: Ipv4Addr) -> String {
    format!(
        "it asks through the relay agent {relay}, in whose subnet no addresses are ours to give: name that subnet and \
         its range in the configuration, or let its own DHCP server give them and start with --dhcp proxy"
    )
}

fn ignore(request: &Request, reason: Reason) -> Action {
    Action::Ignore {
        reason,
        mac: Some(request.mac),
    }
}

/// One host's address or none: nobody can make us answer a group, or ourselves.
fn is_host(address: Ipv4Addr) -> bool {
    !(address.is_multicast() || address.is_broadcast() || address.is_loopback())
}

fn some_address(address: Ipv4Addr) -> Option<Ipv4Addr> {
    (!address.is_unspecified()).then_some(address)
}
