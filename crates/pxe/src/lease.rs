//! Which address belongs to which machine.
//!
//! An address follows the MAC, whatever client identifier firmware, loader, phase 1 and the target
//! OS send, so a pool of N serves N machines. A machine finds its old address again: by memory,
//! which outlives the lease until somebody else needs the address, and without memory by a hash of
//! its MAC. An address that is kept for a machine is its own before all of that, and nobody else's.
//! Every change of a lease is told as a [`Change`], and an earlier run's are taken back.
//! Nothing in here looks at the wire, and what it keeps is bounded by the pool.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use report::Mac;

use crate::pool::Pool;

/// One machine's address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lease {
    /// The machine.
    pub mac: Mac,
    /// Its address.
    pub address: Ipv4Addr,
    /// When the lease ends, on the caller's clock. Past leases are remembered too.
    pub until: Duration,
}

/// What changed about an address, for those who keep leases across restarts. Offers are no leases:
/// they change nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// The machine has this address and no other, and nobody else has it. `until` is past where the
    /// machine gave it back.
    Lease(Lease),
    /// Somebody we know nothing of uses the address: whose it was, it is no longer.
    Aside {
        /// The address.
        address: Ipv4Addr,
        /// How long nobody gets it, on the caller's clock.
        until: Duration,
    },
}

/// How far a machine has come with its address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// Nobody else shall get it while we find out whether it answers.
    Probing,
    /// Offered; the machine has not said yes yet.
    Offered,
    /// The machine's own.
    Leased,
}

#[derive(Clone, Copy, Debug)]
struct Binding {
    mac: Mac,
    stage: Stage,
    until: Duration,
}

/// Every address is somebody's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Exhausted {
    /// Addresses in the pool.
    pub size: usize,
    /// Of these, how many answered although we had not given them away.
    pub set_aside: usize,
}

/// The table of one pool.
#[derive(Clone, Debug)]
pub struct Leases {
    pool: Pool,
    bindings: BTreeMap<Ipv4Addr, Binding>,
    by_mac: BTreeMap<Mac, Ipv4Addr>,
    /// How many of the bindings are of addresses kept for their machines.
    kept: usize,
    aside: BTreeMap<Ipv4Addr, Duration>,
    /// What changed since [`Leases::begin`].
    changes: Vec<Change>,
}

impl Leases {
    /// An empty table.
    #[must_use]
    pub fn new(pool: Pool) -> Self {
        Self {
            pool,
            bindings: BTreeMap::new(),
            by_mac: BTreeMap::new(),
            kept: 0,
            aside: BTreeMap::new(),
            changes: Vec::new(),
        }
    }

    /// The addresses it gives.
    #[must_use]
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// All leases, past ones included, in the order of their addresses.
    pub fn iter(&self) -> impl Iterator<Item = Lease> {
        let leased = self
            .bindings
            .iter()
            .filter(|(_, binding)| binding.stage == Stage::Leased);
        leased.map(|(&address, binding)| Lease {
            mac: binding.mac,
            address,
            until: binding.until,
        })
    }

    /// Takes back what an earlier run told. What no longer fits the pool, is of an address that has become
    /// somebody else's, or of a machine for which another one is kept now, is left out.
    pub fn restore(&mut self, change: Change) -> bool {
        let (address, may_have) = match change {
            Change::Lease(Lease { mac, address, .. }) => {
                let reserved = self.pool.reserved_for(mac);
                let may_have = self.pool.may_have(mac, address);
                (
                    address,
                    may_have && reserved.is_none_or(|own| own == address),
                )
            }
            Change::Aside { address, .. } => (address, self.pool.contains(address)),
        };
        let fits = may_have && !self.bindings.contains_key(&address);
        match change {
            Change::Lease(lease) if fits => {
                self.bind(lease.mac, address, Stage::Leased, lease.until);
            }
            Change::Aside { until, .. } if fits => {
                self.aside.insert(address, until);
            }
            _ => {}
        }
        fits
    }

    /// Begins a decision: what the one before changed is forgotten.
    pub(crate) fn begin(&mut self) {
        self.changes.clear();
    }

    /// What the last decision changed, in order.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The address for `mac`: the one kept for it, its own, the one it `wanted`, the one its MAC hashes to, and when
    /// every address has had an owner, the one whose lease ended longest ago.
    ///
    /// # Errors
    /// [`Exhausted`]: every address is leased, offered or set aside.
    pub(crate) fn choose(
        &self,
        mac: Mac,
        wanted: Option<Ipv4Addr>,
        now: Duration,
    ) -> Result<Ipv4Addr, Exhausted> {
        let own = [self.pool.reserved_for(mac), self.address_of(mac)];
        let own = own
            .into_iter()
            .flatten()
            .find(|own| !self.is_aside(*own, now));
        let wanted = wanted.filter(|wanted| self.is_untouched(mac, *wanted, now));
        if let Some(address) = own.or(wanted) {
            return Ok(address);
        }
        // When all have had an owner, the walk can find nothing: don't repeat it for every packet
        // of a stranger who invents machines.
        if self.bindings.len() - self.kept < self.pool.size()
            && let Some(address) = self
                .pool
                .walk(hash(mac))
                .find(|address| self.is_untouched(mac, *address, now))
        {
            return Ok(address);
        }
        let past = self.bindings.iter().filter(|(address, binding)| {
            binding.until <= now && !self.is_aside(**address, now) && self.pool.is_open(**address)
        });
        let oldest = past
            .min_by_key(|(_, binding)| binding.until)
            .map(|(address, _)| *address);
        oldest.ok_or_else(|| Exhausted {
            size: self.pool.size(),
            set_aside: self.aside.values().filter(|until| **until > now).count(),
        })
    }

    /// How far `mac` is with `address`, if it is its own and its time is not over.
    pub(crate) fn stage(&self, mac: Mac, address: Ipv4Addr, now: Duration) -> Option<Stage> {
        let binding = self.bindings.get(&address)?;
        (binding.mac == mac && binding.until > now).then_some(binding.stage)
    }

    /// The address `mac` holds now.
    pub(crate) fn current(&self, mac: Mac, now: Duration) -> Option<(Ipv4Addr, Stage)> {
        let address = self.address_of(mac)?;
        Some((address, self.stage(mac, address, now)?))
    }

    /// May `mac` keep `address`, about which we know nothing better? Asked after a restart, when
    /// machines come to renew what an earlier run gave them.
    pub(crate) fn may_adopt(&self, mac: Mac, address: Ipv4Addr, now: Duration) -> bool {
        let kept = self.pool.reserved_for(mac);
        if kept.is_some_and(|kept| kept != address && !self.is_aside(kept, now)) {
            return false;
        }
        let own = self.address_of(mac) == Some(address) && !self.is_aside(address, now);
        own || self.is_untouched(mac, address, now)
    }

    /// Makes `address` the one of `mac`, until `until` at least.
    pub(crate) fn hold(&mut self, mac: Mac, address: Ipv4Addr, stage: Stage, until: Duration) {
        // A loader that asks again gets an offer: that must not shorten the lease the firmware
        // before it holds.
        let kept = self
            .bindings
            .get(&address)
            .filter(|held| held.mac == mac && held.stage == Stage::Leased && held.until > until);
        if stage == Stage::Leased || kept.is_none() {
            self.bind(mac, address, stage, until);
        }
        if stage == Stage::Leased {
            let lease = Lease {
                mac,
                address,
                until,
            };
            self.changes.push(Change::Lease(lease));
        }
    }

    /// It is not found out whether `address` answers: from now on it is kept for `mac` no more than any former one.
    pub(crate) fn not_probed(&mut self, mac: Mac, address: Ipv4Addr, now: Duration) {
        if let Some(binding) = self.bindings.get_mut(&address)
            && binding.mac == mac
            && binding.stage == Stage::Probing
        {
            binding.until = now;
        }
    }

    /// The machine gave its address back, or took another server's: free, but remembered.
    pub(crate) fn release(&mut self, mac: Mac, now: Duration) {
        let Some(address) = self.address_of(mac) else {
            return;
        };
        match self.bindings.get_mut(&address) {
            Some(binding) if binding.stage == Stage::Leased && binding.until <= now => {}
            Some(binding) if binding.stage == Stage::Leased => {
                binding.until = now;
                let lease = Lease {
                    mac,
                    address,
                    until: now,
                };
                self.changes.push(Change::Lease(lease));
            }
            _ => self.unbind(address),
        }
    }

    /// Somebody we know nothing of uses `address`: nobody gets it until `until`.
    pub(crate) fn set_aside(&mut self, address: Ipv4Addr, until: Duration) {
        if self.pool.contains(address) {
            self.unbind(address);
            self.aside.insert(address, until);
            self.changes.push(Change::Aside { address, until });
        }
    }

    fn address_of(&self, mac: Mac) -> Option<Ipv4Addr> {
        self.by_mac.get(&mac).copied()
    }

    fn is_aside(&self, address: Ipv4Addr, now: Duration) -> bool {
        self.aside.get(&address).is_some_and(|until| *until > now)
    }

    /// Nobody has it, nobody had it, nothing speaks against it.
    fn is_untouched(&self, mac: Mac, address: Ipv4Addr, now: Duration) -> bool {
        self.pool.may_have(mac, address)
            && !self.bindings.contains_key(&address)
            && !self.is_aside(address, now)
    }

    fn bind(&mut self, mac: Mac, address: Ipv4Addr, stage: Stage, until: Duration) {
        self.unbind(address);
        if let Some(old) = self.address_of(mac) {
            self.unbind(old);
        }
        self.aside.remove(&address);
        self.kept += usize::from(!self.pool.is_open(address));
        self.bindings.insert(address, Binding { mac, stage, until });
        self.by_mac.insert(mac, address);
    }

    fn unbind(&mut self, address: Ipv4Addr) {
        if let Some(binding) = self.bindings.remove(&address) {
            self.by_mac.remove(&binding.mac);
            self.kept -= usize::from(!self.pool.is_open(address));
        }
    }
}

/// FNV-1a: any fixed hash does, so long as it stays the same from run to run.
fn hash(mac: Mac) -> u64 {
    mac.0.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
