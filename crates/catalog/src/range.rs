//! `dhcp_range`: the addresses to hand out, written as dnsmasq writes them.

use std::{net::Ipv4Addr, time::Duration};

/// `start,end[,netmask[,broadcast]][,lease]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DhcpRange {
    /// First address.
    pub start: Ipv4Addr,
    /// Last address, not below `start`.
    pub end: Ipv4Addr,
    /// The subnet's mask where the file gives one.
    pub netmask: Option<Ipv4Addr>,
    /// How long a lease lasts, where the file says so here.
    pub lease: Option<LeaseTime>,
}

/// How long a lease lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseTime {
    /// So long, at least two minutes.
    Lasts(Duration),
    /// For ever.
    Infinite,
}

/// What is wrong with a written range, as the end of a sentence that starts with its key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RangeError {
    #[error("must be \"start,end,lease\" or \"start,end,netmask,lease\"")]
    Shape,
    #[error("names a mode or tag of dnsmasq that this server does not know: {0}")]
    Mode(String),
    #[error("holds {0}, which is not an IPv4 address")]
    Address(String),
    #[error("starts above its end: {0} is after {1}")]
    Backwards(Ipv4Addr, Ipv4Addr),
    #[error("holds {0}, which is not a netmask")]
    Netmask(Ipv4Addr),
    #[error("spans two subnets: {0} and {1} do not share the netmask {2}")]
    Subnets(Ipv4Addr, Ipv4Addr, Ipv4Addr),
    #[error("holds the broadcast address {0}, but the netmask says {1}")]
    Broadcast(Ipv4Addr, Ipv4Addr),
    #[error("holds {0}, which is not a lease time such as 12h, 45m, 3600 or infinite")]
    Lease(String),
}

/// dnsmasq raises anything shorter to this: below it machines would renew all the time.
const SHORTEST_LEASE: Duration = Duration::from_secs(120);

impl DhcpRange {
    /// Reads dnsmasq's form.
    pub(crate) fn parse(text: &str) -> Result<DhcpRange, RangeError> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        let word = |part: &&&str| part.starts_with(|c: char| c.is_ascii_alphabetic());
        let mode = parts.iter().find(word).filter(|part| **part != "infinite");
        if let Some(mode) = mode {
            return Err(RangeError::Mode((*mode).to_owned()));
        }
        let [start, end, rest @ ..] = &parts[..] else {
            return Err(RangeError::Shape);
        };
        let is_address = |part: &str| part.contains('.');
        let (netmask, broadcast, lease) = match rest {
            [] => (None, None, None),
            [netmask] if is_address(netmask) => (Some(*netmask), None, None),
            [lease] => (None, None, Some(*lease)),
            [netmask, broadcast] if is_address(broadcast) => {
                (Some(*netmask), Some(*broadcast), None)
            }
            [netmask, lease] => (Some(*netmask), None, Some(*lease)),
            [netmask, broadcast, lease] => (Some(*netmask), Some(*broadcast), Some(*lease)),
            _ => return Err(RangeError::Shape),
        };
        let (start, end) = (address(start)?, address(end)?);
        if start > end {
            return Err(RangeError::Backwards(start, end));
        }
        let netmask = netmask.map(address).transpose()?;
        if let Some(mask) = netmask {
            let prefix = prefix_of(mask).ok_or(RangeError::Netmask(mask))?;
            if network(start, prefix) != network(end, prefix) {
                return Err(RangeError::Subnets(start, end, mask));
            }
            let expected = Ipv4Addr::from(u32::from(start) | !u32::from(mask));
            let written = broadcast.map(address).transpose()?;
            if let Some(written) = written.filter(|written| *written != expected) {
                return Err(RangeError::Broadcast(written, expected));
            }
        }
        let lease = lease.map(LeaseTime::parse).transpose()?;
        Ok(DhcpRange {
            start,
            end,
            netmask,
            lease,
        })
    }

    /// How many addresses the range holds.
    pub fn addresses(&self) -> u64 {
        u64::from(u32::from(self.end)) - u64::from(u32::from(self.start)) + 1
    }

    /// Whether all of the range can be handed out in the subnet of an interface with this address
    /// and prefix length: inside it, without its network and broadcast addresses.
    pub fn fits(&self, address: Ipv4Addr, prefix: u8) -> bool {
        let (first, last) = hosts(address, prefix);
        first <= self.start && self.end <= last
    }
}

impl LeaseTime {
    /// dnsmasq's default, which holds where a range is written without a time.
    pub(crate) const OF_A_RANGE: LeaseTime = LeaseTime::Lasts(Duration::from_secs(3600));

    /// Reads dnsmasq's form.
    pub(crate) fn parse(text: &str) -> Result<LeaseTime, RangeError> {
        if text == "infinite" {
            return Ok(LeaseTime::Infinite);
        }
        let wrong = || RangeError::Lease(text.to_owned());
        let units = ['s', 'm', 'h', 'd', 'w', 'S', 'M', 'H', 'D', 'W'];
        let (number, unit) = match text.strip_suffix(units) {
            Some(number) => (number, &text[number.len()..]),
            None => (text, "s"),
        };
        let seconds: u64 = match unit.to_ascii_lowercase().as_str() {
            "m" => 60,
            "h" => 60 * 60,
            "d" => 24 * 60 * 60,
            "w" => 7 * 24 * 60 * 60,
            _ => 1,
        };
        let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        let number: u64 = number.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        // The wire's field has 32 bits, all ones meaning for ever.
        let total = number.checked_mul(seconds);
        let total = total.filter(|&total| total < u64::from(u32::MAX));
        let lasts = Duration::from_secs(total.ok_or_else(wrong)?);
        Ok(LeaseTime::Lasts(lasts.max(SHORTEST_LEASE)))
    }
}

/// First and last address a machine can have in the subnet. A /31 has no broadcast address
/// (RFC 3021) and a /32 only itself.
pub(crate) fn hosts(address: Ipv4Addr, prefix: u8) -> (Ipv4Addr, Ipv4Addr) {
    let first = network(address, prefix);
    let last = first | u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    let (first, last) = if prefix < 31 {
        (first + 1, last - 1)
    } else {
        (first, last)
    };
    (first.into(), last.into())
}

pub(crate) fn network(address: Ipv4Addr, prefix: u8) -> u32 {
    let host_bits = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
    u32::from(address) & !host_bits
}

/// The mask whose ones are this many.
pub(crate) fn netmask(prefix: u8) -> Ipv4Addr {
    (!u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0)).into()
}

/// The length of a mask whose ones are all in front.
fn prefix_of(mask: Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    let length = bits.leading_ones();
    let contiguous = bits.count_ones() == length && length > 0;
    contiguous.then(|| u8::try_from(length).ok()).flatten()
}

fn address(text: &str) -> Result<Ipv4Addr, RangeError> {
    text.parse().map_err(|_| match text {
        "" => RangeError::Shape,
        text => RangeError::Address(text.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: u64) -> Option<LeaseTime> {
        Some(LeaseTime::Lasts(Duration::from_secs(hours * 3600)))
    }

    #[test]
    fn dnsmasqs_forms_are_read() {
        let table = [
            ("192.168.1.50,192.168.1.150,12h", 101, None, hours(12)),
            ("10.0.0.5, 10.0.0.5", 1, None, None),
            (
                "10.0.0.5,10.0.0.9,255.255.255.0",
                5,
                Some("255.255.255.0"),
                None,
            ),
            (
                "10.0.0.5,10.0.0.9,255.255.0.0,1d",
                5,
                Some("255.255.0.0"),
                hours(24),
            ),
            (
                "10.0.0.5,10.0.0.9,255.255.255.0,10.0.0.255,12H",
                5,
                Some("255.255.255.0"),
                hours(12),
            ),
            (
                "10.0.0.5,10.0.0.9,255.255.255.0,10.0.0.255",
                5,
                Some("255.255.255.0"),
                None,
            ),
            ("10.0.0.5,10.0.0.9,7200", 5, None, hours(2)),
            ("10.0.0.5,10.0.0.9,7200s", 5, None, hours(2)),
            ("10.0.0.5,10.0.0.9,120m", 5, None, hours(2)),
            ("10.0.0.5,10.0.0.9,1w", 5, None, hours(168)),
            (
                "10.0.0.5,10.0.0.9,infinite",
                5,
                None,
                Some(LeaseTime::Infinite),
            ),
            (
                "10.0.0.5,10.0.0.9,60",
                5,
                None,
                Some(LeaseTime::Lasts(SHORTEST_LEASE)),
            ),
        ];
        for (text, addresses, netmask, lease) in table {
            let range = DhcpRange::parse(text).expect(text);
            assert_eq!(range.addresses(), addresses, "{text}");
            let expected = netmask.map(|mask: &str| mask.parse().unwrap());
            assert_eq!(range.netmask, expected, "{text}");
            assert_eq!(range.lease, lease, "{text}");
        }
    }

    #[test]
    fn each_mistake_is_named() {
        let table = [
            ("", "must be \"start,end,lease\""),
            ("10.0.0.5", "must be \"start,end,lease\""),
            ("10.0.0.5,", "must be \"start,end,lease\""),
            (
                "10.0.0.5,10.0.0.9,255.0.0.0,10.255.255.255,12h,9",
                "must be \"start,end,lease\"",
            ),
            (
                "10.0.0.5,10.0.0.9,255.255.255.0,10.0.0.9,12h",
                "broadcast address 10.0.0.9, but the netmask says 10.0.0.255",
            ),
            ("10.0.0.5,10.0.0.9,255.0.0.0,12h,9", "12h, which is not"),
            ("10.0.0.5,proxy", "mode or tag of dnsmasq"),
            ("set:red,10.0.0.5,10.0.0.9", "mode or tag of dnsmasq"),
            ("10.0.0.5,10.0.0.256,12h", "10.0.0.256, which is not"),
            ("10.0.0.9,10.0.0.5,12h", "starts above its end"),
            ("10.0.0.5,10.0.0.9,255.0.255.0,12h", "not a netmask"),
            ("10.0.0.5,10.0.1.9,255.255.255.0,12h", "spans two subnets"),
            ("10.0.0.5,10.0.0.9,12x", "not a lease time"),
            ("10.0.0.5,10.0.0.9,-5h", "not a lease time"),
            (
                "10.0.0.5,10.0.0.9,99999999999999999999h",
                "not a lease time",
            ),
            ("10.0.0.5,10.0.0.9,99999999w", "not a lease time"),
        ];
        for (text, expected) in table {
            let said = DhcpRange::parse(text).expect_err(text).to_string();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }

    #[test]
    fn a_range_fits_between_network_and_broadcast() {
        let table = [
            ("10.0.0.1,10.0.0.254", "10.0.0.1", 24, true),
            ("10.0.0.0,10.0.0.254", "10.0.0.1", 24, false),
            ("10.0.0.1,10.0.0.255", "10.0.0.1", 24, false),
            ("10.0.1.1,10.0.1.9", "10.0.0.1", 24, false),
            ("10.0.1.1,10.0.1.9", "10.0.0.1", 16, true),
            ("10.0.0.0,10.0.0.1", "10.0.0.0", 31, true),
            ("10.0.0.7,10.0.0.7", "10.0.0.7", 32, true),
            ("9.0.0.1,11.0.0.1", "10.0.0.1", 0, true),
        ];
        for (text, address, prefix, fits) in table {
            let range = DhcpRange::parse(text).unwrap();
            let address = address.parse().unwrap();
            assert_eq!(
                range.fits(address, prefix),
                fits,
                "{text} in {address}/{prefix}"
            );
        }
    }
}
