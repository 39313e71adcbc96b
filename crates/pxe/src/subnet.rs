//! Where machines are: the subnet of the served interface, and those behind relay agents.
//!
//! Each has its own pool and its own leases, so that a machine that is carried from one subnet to
//! another gets an address that works there. Which one a request is about is told by the relay
//! agent's address in it. A stranger who forges that is answered at the relay agent, not where he
//! is, and can use up the pool of that subnet as he can that of his own.

use std::net::Ipv4Addr;

use crate::lease::{Change, Lease, Leases};
use crate::packet::Request;
use crate::pool::{Pool, PoolError};
use crate::settings::{RelayedSubnet, Settings};

/// One subnet.
#[derive(Clone, Debug)]
pub(crate) struct Subnet {
    pub(crate) leases: Leases,
    /// The default gateway its machines are told, if one is set.
    router: Option<Ipv4Addr>,
    /// The relay agent that was heard last.
    relay: Option<Ipv4Addr>,
}

impl Subnet {
    fn new(pool: Pool, router: Option<Ipv4Addr>) -> Self {
        Self {
            leases: Leases::new(pool),
            router,
            relay: None,
        }
    }

    /// The default gateway its machines are told. Behind a relay agent there must be one, or they
    /// could not reach us to load anything; the relay agent is it nearly everywhere.
    pub(crate) fn gateway(&self) -> Option<Ipv4Addr> {
        self.router.or(self.relay)
    }
}

/// Which subnet a decision is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place(usize);

impl Place {
    /// The subnet of the served interface.
    pub(crate) const OWN: Self = Self(0);

    /// Whether its machines hear our ARP requests, and we theirs.
    pub(crate) fn is_own(self) -> bool {
        self == Self::OWN
    }
}

/// All subnets that are served.
#[derive(Clone, Debug)]
pub(crate) struct Subnets(Vec<Subnet>);

impl Subnets {
    /// The own one first.
    ///
    /// # Errors
    /// A range that does not fit its subnet.
    pub(crate) fn new(settings: &Settings) -> Result<Self, PoolError> {
        let Settings {
            server,
            prefix,
            range,
            router,
            ..
        } = *settings;
        let reserved = || settings.machines.reservations();
        let mut all = vec![Subnet::new(
            Pool::new(server, prefix, range, router)?.reserve(reserved()),
            router,
        )];
        for relayed in &settings.subnets {
            let pool = pool_behind_a_relay(relayed)?.reserve(reserved());
            all.push(Subnet::new(pool, relayed.router));
        }
        Ok(Self(all))
    }

    /// The subnet that `request` is about: the relay agent's; where there is none, that of the
    /// address the machine has already, since machines renew without their relay agent (RFC 2131,
    /// section 4.4.5); otherwise ours. `None`: a relay agent's that has no pool here.
    pub(crate) fn of(&self, request: &Request) -> Option<Place> {
        let Request { giaddr, ciaddr, .. } = *request;
        let within = |address| {
            let found = self
                .0
                .iter()
                .position(|s| s.leases.pool().in_subnet(address));
            found.map(Place)
        };
        if !giaddr.is_unspecified() {
            return within(giaddr);
        }
        Some(within(ciaddr).unwrap_or(Place::OWN))
    }

    /// Remembers who relays for the machines of `place`: an address in the subnet that is nobody's
    /// to be given, and the way out of it. Renewals come without it.
    pub(crate) fn heard_relay(&mut self, place: Place, giaddr: Ipv4Addr) {
        if !giaddr.is_unspecified() && !place.is_own() {
            self.0[place.0].relay = Some(giaddr);
        }
    }

    pub(crate) fn get(&self, place: Place) -> &Subnet {
        &self.0[place.0]
    }

    pub(crate) fn leases(&mut self, place: Place) -> &mut Leases {
        &mut self.0[place.0].leases
    }

    pub(crate) fn pools(&self) -> impl Iterator<Item = &Pool> {
        self.0.iter().map(|subnet| subnet.leases.pool())
    }

    pub(crate) fn all_leases(&self) -> impl Iterator<Item = Lease> {
        self.0.iter().flat_map(|subnet| subnet.leases.iter())
    }

    pub(crate) fn begin(&mut self) {
        for subnet in &mut self.0 {
            subnet.leases.begin();
        }
    }

    /// A decision is about one subnet, so at most one has changes.
    pub(crate) fn changes(&self) -> &[Change] {
        let mut changes = self.0.iter().map(|subnet| subnet.leases.changes());
        changes.find(|changes| !changes.is_empty()).unwrap_or(&[])
    }

    pub(crate) fn restore(&mut self, change: Change) -> bool {
        self.0
            .iter_mut()
            .any(|subnet| subnet.leases.restore(change))
    }
}

fn pool_behind_a_relay(subnet: &RelayedSubnet) -> Result<Pool, PoolError> {
    let RelayedSubnet {
        network,
        prefix,
        range,
        router,
    } = *subnet;
    Pool::new(network, prefix, range, router).map_err(|error| PoolError::Relayed {
        network,
        prefix,
        what: match error {
            PoolError::NoRoom { .. } => {
                "has no room for machines: give it a prefix length of 30 or less"
            }
            PoolError::Outside { .. } => "does not hold all of its range: change the range",
            PoolError::Backwards { .. } => {
                "has a range that ends before it begins: exchange the two"
            }
            PoolError::Empty { .. } | PoolError::Relayed { .. } => {
                "has no address to give away: widen its range"
            }
        },
    })
}
