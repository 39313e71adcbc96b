//! Where this computer sends what to: the kernel's table of IPv4 routes. Read once at the start.

use std::io;
use std::net::Ipv4Addr;

/// The main table of the network namespace this thread is in; /proc/net would be the main thread's.
const TABLE: &str = "/proc/thread-self/net/route";

/// One route.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Route {
    /// The interface it leads out of.
    pub interface: String,
    /// Where it leads to; everywhere when `prefix` is 0.
    pub network: Ipv4Addr,
    /// Bits of the network part.
    pub prefix: u8,
    /// Who passes it on, if it is not on the wire itself.
    pub gateway: Option<Ipv4Addr>,
}

/// All routes.
///
/// # Errors
/// The kernel shows no table, as where /proc is not mounted.
pub fn list() -> io::Result<Vec<Route>> {
    Ok(read(&std::fs::read_to_string(TABLE)?))
}

/// Where `interface` leads to the rest of the world, through whom.
#[must_use]
pub fn way_out(routes: &[Route], interface: &str) -> Option<Ipv4Addr> {
    let mut routes = routes.iter();
    let default = routes.find(|route| route.prefix == 0 && route.interface == interface)?;
    Some(default.gateway.unwrap_or(Ipv4Addr::UNSPECIFIED))
}

/// A line is interface, destination, gateway, flags, three counters, mask, and more; addresses are the numbers that
/// this processor makes of the bytes on the wire.
fn read(table: &str) -> Vec<Route> {
    let line = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let address = |at: usize| {
            let number = u32::from_str_radix(columns.get(at)?, 16).ok()?;
            Some(Ipv4Addr::from(number.to_ne_bytes()))
        };
        Some(Route {
            interface: (*columns.first()?).to_owned(),
            network: address(1)?,
            prefix: u32::from(address(7)?).leading_ones() as u8,
            gateway: address(2).filter(|gateway| !gateway.is_unspecified()),
        })
    };
    table.lines().skip(1).filter_map(line).collect()
}

#[cfg(all(test, target_endian = "little"))]
mod tests {
    use super::*;

    const SAMPLE: &str = "\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	0101A8C0	0003	0	0	600	00000000	0	0	0
wlan0	0001A8C0	00000000	0001	0	0	600	00FFFFFF	0	0	0
tun0	0000000A	00000000	0001	0	0	0	000000FF	0	0	0
cut off
";

    #[test]
    fn reads_the_kernels_table() {
        let routes = read(SAMPLE);
        let networks: Vec<String> = routes
            .iter()
            .map(|route| format!("{} {}/{}", route.interface, route.network, route.prefix))
            .collect();
        let expected = ["wlan0 0.0.0.0/0", "wlan0 192.168.1.0/24", "tun0 10.0.0.0/8"];
        assert_eq!(networks, expected);
        let gateway = Some(Ipv4Addr::new(192, 168, 1, 1));
        assert_eq!(way_out(&routes, "wlan0"), gateway);
        assert_eq!(way_out(&routes, "tun0"), None);
        assert_eq!(way_out(&routes, "eth0"), None);
    }
}
