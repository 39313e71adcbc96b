//! An address for an interface that has none: in a private network (RFC 1918) that this computer knows no other way
//! to. The same computer gets the same one again.

use std::net::Ipv4Addr;

/// The networks of 24 bits to choose from, the best first: one of each private range, since a tunnel to some company
/// often takes a whole range; then many of the first.
const FAVOURITES: [[u8; 3]; 3] = [[10, 77, 0], [172, 30, 77], [192, 168, 177]];
const PREFIX: u8 = 24;

/// The first address of a network that overlaps none of `taken`, and its prefix length. `None` where everything
/// private is taken. Where all the rest goes, a default route, takes nothing.
#[must_use]
pub fn free(taken: &[(Ipv4Addr, u8)]) -> Option<(Ipv4Addr, u8)> {
    let more = (1..=u8::MAX).map(|third| [10, 77, third]);
    let mut networks = FAVOURITES
        .into_iter()
        .chain(more)
        .map(|[a, b, c]| Ipv4Addr::new(a, b, c, 1));
    let is_free = |address: &Ipv4Addr| {
        let mut taken = taken.iter().filter(|(_, prefix)| *prefix > 0);
        !taken.any(|other| overlap(*other, (*address, PREFIX)))
    };
    networks.find(is_free).map(|address| (address, PREFIX))
}

/// The address in the network that a range of addresses asks for: the first one outside of the range, and of both
/// ends' common network, which has 24 bits or is wider. `None` where the range leaves none.
#[must_use]
pub fn beside(first: Ipv4Addr, last: Ipv4Addr, mask: Option<Ipv4Addr>) -> Option<(Ipv4Addr, u8)> {
    let (first, last) = (u32::from(first), u32::from(last));
    let common = (first ^ last).leading_zeros() as u8;
    let prefix = mask.map_or(common.min(PREFIX), |mask| {
        u32::from(mask).leading_ones() as u8
    });
    if !(1..=30).contains(&prefix) {
        return None;
    }
    let host_bits = u32::MAX >> prefix;
    let (network, broadcast) = (first & !host_bits, first | host_bits);
    let below = Some(network + 1).filter(|address| *address < first);
    let above = Some(broadcast - 1).filter(|address| *address > last);
    below.or(above).map(|address| (address.into(), prefix))
}

/// Whether two networks have an address in common.
#[must_use]
pub fn overlap(one: (Ipv4Addr, u8), other: (Ipv4Addr, u8)) -> bool {
    let wider = one.1.min(other.1).min(32);
    let mask = u32::MAX.checked_shl(32 - u32::from(wider)).unwrap_or(0);
    (u32::from(one.0) ^ u32::from(other.0)) & mask == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> (Ipv4Addr, u8) {
        let (address, prefix) = text.split_once('/').expect("a network");
        (
            address.parse().expect("an address"),
            prefix.parse().expect("a length"),
        )
    }

    #[test]
    fn collides_with_nothing_this_computer_knows() {
        let table: [(&[&str], Option<&str>); 9] = [
            (&[], Some("10.77.0.1/24")),
            (&["0.0.0.0/0", "192.168.1.0/24"], Some("10.77.0.1/24")),
            (&["10.77.1.0/24"], Some("10.77.0.1/24")),
            (&["10.77.0.200/32"], Some("172.30.77.1/24")),
            (&["10.0.0.0/8"], Some("172.30.77.1/24")),
            (&["10.77.0.5/24", "172.16.0.0/12"], Some("192.168.177.1/24")),
            (
                &["10.77.0.0/24", "172.16.0.0/12", "192.168.0.0/16"],
                Some("10.77.1.1/24"),
            ),
            (
                &["10.77.0.0/20", "172.16.0.0/12", "192.168.0.0/16"],
                Some("10.77.16.1/24"),
            ),
            (&["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"], None),
        ];
        for (taken, expected) in table {
            let taken: Vec<_> = taken.iter().map(|text| net(text)).collect();
            assert_eq!(free(&taken), expected.map(net), "{taken:?}");
        }
    }

    #[test]
    fn a_range_says_which_network() {
        let table = [
            ("10.5.0.50", "10.5.0.150", None, Some("10.5.0.1/24")),
            ("10.5.0.1", "10.5.0.150", None, Some("10.5.0.254/24")),
            ("10.5.0.1", "10.5.0.254", None, None),
            ("10.5.0.50", "10.5.3.9", None, Some("10.5.0.1/22")),
            (
                "10.5.0.50",
                "10.5.0.60",
                Some("255.255.0.0"),
                Some("10.5.0.1/16"),
            ),
            ("10.5.0.50", "10.5.0.60", Some("255.255.255.255"), None),
            ("0.0.0.1", "255.255.255.254", None, None),
        ];
        for (first, last, mask, expected) in table {
            let address = |text: &str| text.parse().expect("an address");
            let found = beside(address(first), address(last), mask.map(address));
            assert_eq!(found, expected.map(net), "{first} {last} {mask:?}");
        }
    }
}
