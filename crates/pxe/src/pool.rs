//! The addresses that may be given to machines: a range of one subnet without the few that belong
//! to somebody already, and those that are kept for one machine each, wherever in the subnet they lie.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use report::Mac;

/// Largest pool in addresses. It bounds what a stranger who invents machines can make us remember;
/// of a larger range the rest is left unused.
pub const LARGEST: u32 = 16_384;

/// A range of addresses in the server's subnet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pool {
    network: u32,
    prefix: u8,
    first: u32,
    last: u32,
    /// The server's and the router's own, wherever they lie.
    taken: Vec<Ipv4Addr>,
    /// Whose alone an address is, both ways.
    reserved: BTreeMap<Ipv4Addr, Mac>,
    reserved_for: BTreeMap<Mac, Ipv4Addr>,
}

/// Why a range cannot be served.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PoolError {
    /// A /31, a /32 or no prefix length at all.
    #[error("{server}/{prefix} has no room for machines: give the interface a /24, for example")]
    NoRoom {
        /// The server's address.
        server: Ipv4Addr,
        /// Its prefix length.
        prefix: u8,
    },
    /// An end of the range lies outside the interface's subnet.
    #[error("{address} lies outside the interface's subnet {network}/{prefix}: change dhcp_range")]
    Outside {
        /// The offending end.
        address: Ipv4Addr,
        /// The subnet.
        network: Ipv4Addr,
        /// Its prefix length.
        prefix: u8,
    },
    /// The range ends before it begins.
    #[error(
        "the range ends at {last}, before it begins at {first}: exchange the two in dhcp_range"
    )]
    Backwards {
        /// Where it begins.
        first: Ipv4Addr,
        /// Where it ends.
        last: Ipv4Addr,
    },
    /// A subnet behind a relay agent.
    #[error("the subnet {network}/{prefix} behind a relay agent {what}")]
    Relayed {
        /// The subnet.
        network: Ipv4Addr,
        /// Its prefix length.
        prefix: u8,
        /// What is wrong with it, and the remedy.
        what: &'static str,
    },
    /// Everything in the range is the server's, the router's, or the subnet's own.
    #[error("no address of {first} to {last} can be given away: widen dhcp_range")]
    Empty {
        /// Where it begins.
        first: Ipv4Addr,
        /// Where it ends.
        last: Ipv4Addr,
    },
}

impl Pool {
    /// The pool of a server at `server`/`prefix`: `range` (both ends included), or all of the
    /// subnet. `router` is never given away either.
    ///
    /// # Errors
    /// [`PoolError`], with the remedy.
    pub fn new(
        server: Ipv4Addr,
        prefix: u8,
        range: Option<(Ipv4Addr, Ipv4Addr)>,
        router: Option<Ipv4Addr>,
    ) -> Result<Self, PoolError> {
        if !(1..=30).contains(&prefix) {
            return Err(PoolError::NoRoom { server, prefix });
        }
        let mask = u32::MAX << (32 - prefix);
        let network = u32::from(server) & mask;
        let (lowest, highest) = (network + 1, (network | !mask) - 1);
        let (first, last) = range.unwrap_or((lowest.into(), highest.into()));
        for address in [first, last] {
            if u32::from(address) & mask != network {
                let network = network.into();
                return Err(PoolError::Outside {
                    address,
                    network,
                    prefix,
                });
            }
        }
        if first > last {
            return Err(PoolError::Backwards { first, last });
        }
        let low = u32::from(first).max(lowest);
        let high = u32::from(last)
            .min(highest)
            .min(low.saturating_add(LARGEST - 1));
        let mut taken: Vec<_> = [Some(server), router].into_iter().flatten().collect();
        taken.dedup();
        let pool = Self {
            network,
            prefix,
            first: low,
            last: high,
            taken,
            reserved: BTreeMap::new(),
            reserved_for: BTreeMap::new(),
        };
        if low > high || pool.size() == 0 {
            return Err(PoolError::Empty { first, last });
        }
        Ok(pool)
    }

    /// The same pool, of which nobody but its machine gets a reserved address. Those of other subnets, the
    /// server's own and the router's are left out.
    #[must_use]
    pub fn reserve(mut self, addresses: impl IntoIterator<Item = (Ipv4Addr, Mac)>) -> Self {
        for (address, mac) in addresses {
            if self.in_subnet(address) && !self.taken.contains(&address) {
                self.reserved.insert(address, mac);
                self.reserved_for.insert(mac, address);
            }
        }
        self
    }

    /// How many addresses can be given to anybody.
    #[must_use]
    pub fn size(&self) -> usize {
        let others = self.taken.iter().chain(self.reserved.keys());
        let inside = others.filter(|address| self.in_range(**address)).count();
        (self.last - self.first + 1) as usize - inside
    }

    /// May `address` be given to a machine, if perhaps to one only?
    #[must_use]
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        self.is_open(address) || self.reserved.contains_key(&address)
    }

    /// May `address` be given to any machine?
    #[must_use]
    pub fn is_open(&self, address: Ipv4Addr) -> bool {
        self.in_range(address)
            && !self.taken.contains(&address)
            && !self.reserved.contains_key(&address)
    }

    /// May `address` be given to `mac`?
    #[must_use]
    pub fn may_have(&self, mac: Mac, address: Ipv4Addr) -> bool {
        self.is_open(address) || self.reserved_for(mac) == Some(address)
    }

    /// The address that is kept for `mac`, if there is one in this subnet.
    #[must_use]
    pub fn reserved_for(&self, mac: Mac) -> Option<Ipv4Addr> {
        self.reserved_for.get(&mac).copied()
    }

    /// Is `address` a host's address in the server's subnet, in the range or not?
    #[must_use]
    pub fn in_subnet(&self, address: Ipv4Addr) -> bool {
        let address = u32::from(address);
        address > self.network && address < u32::from(self.broadcast())
    }

    /// All addresses that anybody may get once, beginning at a place that `seed` decides.
    pub fn walk(&self, seed: u64) -> impl Iterator<Item = Ipv4Addr> {
        let span = u64::from(self.last - self.first) + 1;
        (0..span)
            .map(move |step| Ipv4Addr::from(self.first + ((seed % span + step) % span) as u32))
            .filter(|address| self.is_open(*address))
    }

    /// The subnet's mask.
    #[must_use]
    pub fn mask(&self) -> Ipv4Addr {
        (u32::MAX << (32 - self.prefix)).into()
    }

    /// The subnet's broadcast address.
    #[must_use]
    pub fn broadcast(&self) -> Ipv4Addr {
        (self.network | !u32::from(self.mask())).into()
    }

    /// The first and the last address of the range.
    #[must_use]
    pub fn range(&self) -> (Ipv4Addr, Ipv4Addr) {
        (self.first.into(), self.last.into())
    }

    fn in_range(&self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 77, 0, last)
    }

    #[test]
    fn gives_neither_its_own_nor_the_subnets_ends() {
        let pool = Pool::new(ip(1), 24, None, Some(ip(254))).unwrap();
        assert_eq!(pool.size(), 252);
        for (last, given) in [
            (0, false),
            (1, false),
            (2, true),
            (253, true),
            (254, false),
            (255, false),
        ] {
            assert_eq!(pool.contains(ip(last)), given, "{last}");
        }
        let all: std::collections::BTreeSet<_> = pool.walk(u64::MAX - 3).collect();
        assert_eq!(all.len(), pool.size());
        assert_eq!(
            (pool.mask(), pool.broadcast()),
            (Ipv4Addr::new(255, 255, 255, 0), ip(255))
        );
    }

    #[test]
    fn a_range_may_touch_what_is_not_given() {
        let pool = Pool::new(ip(5), 29, Some((ip(0), ip(7))), None).unwrap();
        assert_eq!(
            pool.walk(0).collect::<Vec<_>>(),
            [ip(1), ip(2), ip(3), ip(4), ip(6)]
        );
    }

    #[test]
    fn what_is_reserved_is_one_machines_alone() {
        let mac = |last| Mac([2, 0, 0, 0, 0, last]);
        let outside = Ipv4Addr::new(10, 78, 0, 9);
        let pool = Pool::new(ip(1), 24, Some((ip(10), ip(19))), Some(ip(254))).unwrap();
        let pool = pool.reserve([
            (ip(12), mac(1)),
            (ip(200), mac(2)),
            (ip(1), mac(3)),
            (ip(254), mac(4)),
            (outside, mac(5)),
        ]);
        assert_eq!(pool.size(), 9, "one of ten is kept");
        assert!(pool.walk(3).all(|address| address != ip(12)));
        for (address, who, may) in [
            (ip(12), 1, true),
            (ip(12), 2, false),
            (ip(200), 2, true),
            (ip(200), 1, false),
            (ip(13), 1, true),
            (ip(1), 3, false),
            (ip(254), 4, false),
            (outside, 5, false),
        ] {
            assert_eq!(pool.may_have(mac(who), address), may, "{address} for {who}");
        }
        assert!(pool.contains(ip(200)) && !pool.is_open(ip(200)) && !pool.contains(outside));
    }

    #[test]
    fn says_what_is_wrong_with_a_range() {
        let other = Ipv4Addr::new(10, 78, 0, 1);
        let cases = [
            (31, None, "no room for machines"),
            (0, None, "no room for machines"),
            (
                24,
                Some((ip(9), other)),
                "10.78.0.1 lies outside the interface's subnet 10.77.0.0/24",
            ),
            (
                24,
                Some((ip(9), ip(8))),
                "ends at 10.77.0.8, before it begins at 10.77.0.9",
            ),
            (
                24,
                Some((ip(1), ip(1))),
                "no address of 10.77.0.1 to 10.77.0.1",
            ),
            (24, Some((ip(255), ip(255))), "no address of"),
        ];
        for (prefix, range, message) in cases {
            let error = Pool::new(ip(1), prefix, range, None)
                .unwrap_err()
                .to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn a_huge_subnet_is_cut() {
        let pool = Pool::new(Ipv4Addr::new(10, 0, 0, 1), 8, None, None).unwrap();
        assert_eq!(pool.size(), LARGEST as usize - 1);
    }
}
