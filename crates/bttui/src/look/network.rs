//! What the machine's network is, as text: interfaces with their counters, addresses, routes, name servers, neighbours.
//! Reads `/proc/net` and `/sys/class/net`, which tell all of IPv4 without a question to the kernel by netlink.

use std::fmt::Write;
use std::net::Ipv4Addr;

use super::tree::Tree;

/// Counters of `statistics` that say what is wrong with a cable; shown where they are not zero.
const TROUBLE: [&str; 9] = [
    "rx_errors",
    "rx_dropped",
    "rx_crc_errors",
    "rx_missed_errors",
    "rx_length_errors",
    "tx_errors",
    "tx_dropped",
    "tx_carrier_errors",
    "collisions",
];

/// One line of `/proc/net/route`.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Route {
    interface: String,
    to: Ipv4Addr,
    bits: u32,
    gateway: Ipv4Addr,
    metric: u32,
}

/// Everything, below `root` (`/` on a machine).
pub(super) fn network(root: &Tree) -> String {
    let mut text = String::new();
    let routes = routes(&root.text("proc/net/route"));
    let own = own_addresses(&root.text("proc/net/fib_trie"));
    let known = root.text("proc/net/if_inet6");
    for name in root.names("sys/class/net") {
        interface(root, &name, &mut text);
        for (address, bits) in addresses_of(&name, &own, &routes) {
            let _ = writeln!(text, "  address   {address}/{bits}");
        }
        for address in ipv6_addresses(&known, &name) {
            let _ = writeln!(text, "  address   {address}");
        }
    }
    text.push_str("\nroutes:\n");
    for route in &routes {
        let Route {
            to,
            bits,
            gateway,
            interface,
            metric,
        } = route;
        let by = match gateway.is_unspecified() {
            true => String::new(),
            false => format!(" by {gateway}"),
        };
        let _ = writeln!(text, "  {to}/{bits}{by} on {interface}, metric {metric}");
    }
    text.push_str("\nname servers (phase 1 asks none):\n");
    let resolver = root.text("etc/resolv.conf");
    for line in resolver
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
    {
        let _ = writeln!(text, "  {line}");
    }
    text.push_str("\nneighbours:\n");
    for neighbour in neighbours(&root.text("proc/net/arp")) {
        let _ = writeln!(text, "  {neighbour}");
    }
    text
}

fn interface(root: &Tree, name: &str, text: &mut String) {
    let attribute = |file: &str| root.text(format!("sys/class/net/{name}/{file}"));
    let link = match attribute("carrier").as_str() {
        "1" => "link",
        "0" => "no link",
        _ => "switched off",
    };
    let speed = match attribute("speed").parse::<i64>() {
        Ok(mbit) if (1..i64::from(u32::MAX)).contains(&mbit) => {
            format!(", {mbit} Mbit/s, {} duplex", attribute("duplex"))
        }
        _ => String::new(),
    };
    let driver = root.link(format!("sys/class/net/{name}/device/driver"));
    let driver = driver
        .map(|driver| format!(", driver {driver}"))
        .unwrap_or_default();
    let _ = writeln!(text, "{name}: {link}{speed}{driver}");
    let (mac, mtu) = (attribute("address"), attribute("mtu"));
    let changes = attribute("carrier_changes");
    let _ = writeln!(
        text,
        "  hardware  {mac}, MTU {mtu}, link changed {changes} times"
    );
    let counter = |name_of: &str| {
        let path = format!("sys/class/net/{name}/statistics/{name_of}");
        root.number(path).unwrap_or(0)
    };
    for (word, way) in [("received", "rx"), ("sent", "tx")] {
        let bytes = report::bytes(counter(&format!("{way}_bytes")));
        let packets = counter(&format!("{way}_packets"));
        let _ = writeln!(text, "  {word:9} {bytes} in {packets} packets");
    }
    let trouble = TROUBLE.iter().map(|name_of| (*name_of, counter(name_of)));
    let trouble: Vec<String> = trouble
        .filter(|(_, count)| *count > 0)
        .map(|(name_of, count)| format!("{name_of} {count}"))
        .collect();
    let errors = match trouble.is_empty() {
        true => "none".to_owned(),
        false => trouble.join(", "),
    };
    let _ = writeln!(text, "  errors    {errors}");
}

/// The table in which addresses are the kernel's words in hexadecimal.
fn routes(table: &str) -> Vec<Route> {
    let word = |text: &str| {
        Some(Ipv4Addr::from(
            u32::from_str_radix(text, 16).ok()?.to_ne_bytes(),
        ))
    };
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [interface, to, gateway, _, _, _, metric, mask, ..] = fields[..] else {
            return None;
        };
        Some(Route {
            interface: interface.to_owned(),
            to: word(to)?,
            bits: u32::from(word(mask)?).count_ones(),
            gateway: word(gateway)?,
            metric: metric.parse().ok()?,
        })
    };
    table.lines().skip(1).filter_map(route).collect()
}

/// The machine's own addresses: in `/proc/net/fib_trie` those with `/32 host LOCAL` below them.
fn own_addresses(trie: &str) -> Vec<Ipv4Addr> {
    let mut own = Vec::new();
    let mut last = None;
    for line in trie.lines() {
        let line = line.trim();
        if let Some(leaf) = line.strip_prefix("|-- ") {
            last = leaf.parse::<Ipv4Addr>().ok();
        } else if line == "/32 host LOCAL" {
            own.extend(last.take().filter(|address| !own.contains(address)));
        }
    }
    own
}

/// Those of an interface, with the bits of their network: the ones that its routes without a gateway lead to.
fn addresses_of(name: &str, own: &[Ipv4Addr], routes: &[Route]) -> Vec<(Ipv4Addr, u32)> {
    let on_wire = |address: Ipv4Addr| {
        let fits = |route: &&Route| {
            let mask = u32::MAX.checked_shl(32 - route.bits).unwrap_or(0);
            let is_near = route.gateway.is_unspecified() && route.bits > 0;
            is_near && u32::from(address) & mask == u32::from(route.to)
        };
        routes.iter().filter(fits).max_by_key(|route| route.bits)
    };
    let of = |address: &Ipv4Addr| match on_wire(*address) {
        Some(route) => (route.interface == name).then_some((*address, route.bits)),
        None => (name == "lo" && address.is_loopback()).then_some((*address, 8)),
    };
    own.iter().filter_map(of).collect()
}

/// `fe800000000000005054000000000001 02 40 20 80 eth0`: address, number, bits, scope, flags, name.
fn ipv6_addresses(table: &str, name: &str) -> Vec<String> {
    let address = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [address, _, bits, _, _, of] = fields[..] else {
            return None;
        };
        let address = u128::from_str_radix(address, 16)
            .ok()
            .filter(|_| of == name)?;
        let bits = u8::from_str_radix(bits, 16).ok()?;
        Some(format!("{}/{bits}", std::net::Ipv6Addr::from(address)))
    };
    table.lines().filter_map(address).collect()
}

/// `10.77.0.1 0x1 0x2 52:54:… * eth0`: those that were not found have no hardware address.
fn neighbours(table: &str) -> Vec<String> {
    let neighbour = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [address, _, _, mac, _, interface] = fields[..] else {
            return None;
        };
        let mac = match mac {
            "00:00:00:00:00:00" => "does not answer",
            mac => mac,
        };
        Some(format!("{address}  {mac}  on {interface}"))
    };
    table.lines().skip(1).filter_map(neighbour).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tree::made_of;
    use super::*;

    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t01004D0A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        eth0\t00004D0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
    const TRIE: &str = "Main:\n  +-- 0.0.0.0/0 3 0 5\n     |-- 0.0.0.0\n        /0 universe UNICAST\n     +-- 10.77.0.0/24 2 0 2\n        \
        |-- 10.77.0.0\n           /24 link UNICAST\n        |-- 10.77.0.21\n           /32 host LOCAL\n        |-- 10.77.0.255\n           \
        /32 link BROADCAST\nLocal:\n  |-- 10.77.0.21\n     /32 host LOCAL\n  |-- 127.0.0.1\n     /32 host LOCAL\n";

    #[test]
    fn a_network_is_described() {
        let (_kept, root) = made_of(&[
            ("proc/net/route", ROUTES),
            ("proc/net/fib_trie", TRIE),
            (
                "proc/net/if_inet6",
                "fe800000000000005054000000000001 02 40 20 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\n",
            ),
            (
                "proc/net/arp",
                "IP address       HW type     Flags       HW address            Mask     Device\n\
                 10.77.0.1        0x1         0x2         52:54:00:00:00:99     *        eth0\n\
                 10.77.0.9        0x1         0x0         00:00:00:00:00:00     *        eth0\n",
            ),
            ("etc/resolv.conf", "# made\nnameserver 10.77.0.1\n"),
            ("sys/class/net/lo/carrier", "1\n"),
            ("sys/class/net/eth0/carrier", "1\n"),
            ("sys/class/net/eth0/speed", "1000\n"),
            ("sys/class/net/eth0/duplex", "full\n"),
            ("sys/class/net/eth0/address", "52:54:00:00:00:01\n"),
            ("sys/class/net/eth0/mtu", "1500\n"),
            ("sys/class/net/eth0/carrier_changes", "2\n"),
            (
                "sys/class/net/eth0/device/driver",
                "->../bus/pci/drivers/e1000",
            ),
            ("sys/class/net/eth0/statistics/rx_bytes", "2000000\n"),
            ("sys/class/net/eth0/statistics/rx_packets", "1500\n"),
            ("sys/class/net/eth0/statistics/rx_crc_errors", "7\n"),
            ("sys/class/net/eth1/carrier", "0\n"),
            ("sys/class/net/eth1/speed", "-1\n"),
        ]);
        let text = network(&root);
        for line in [
            "eth0: link, 1000 Mbit/s, full duplex, driver e1000",
            "  hardware  52:54:00:00:00:01, MTU 1500, link changed 2 times",
            "  received  2.0 MB in 1500 packets",
            "  errors    rx_crc_errors 7",
            "  address   10.77.0.21/24",
            "  address   fe80::5054:0:0:1/64",
            "  address   127.0.0.1/8",
            "eth1: no link",
            "  errors    none",
            "  0.0.0.0/0 by 10.77.0.1 on eth0, metric 0",
            "  10.77.0.0/24 on eth0, metric 0",
            "  nameserver 10.77.0.1",
            "  10.77.0.1  52:54:00:00:00:99  on eth0",
            "  10.77.0.9  does not answer  on eth0",
        ] {
            assert!(
                text.contains(&format!("{line}\n")),
                "no {line:?} in\n{text}"
            );
        }
        assert_eq!(text.matches("10.77.0.21/24").count(), 1, "{text}");
    }

    #[test]
    fn tables_that_are_damaged_are_left_out() {
        assert_eq!(routes("head\neth0 zz\n\neth0 1 2 3\n"), []);
        assert!(own_addresses("/32 host LOCAL\n|-- x\n/32 host LOCAL\n").is_empty());
        assert!(ipv6_addresses("xyz 1 2 3 4 eth0\n", "eth0").is_empty());
        assert!(neighbours("head\nnonsense\n").is_empty());
        let (_kept, root) = made_of(&[]);
        assert!(network(&root).contains("routes:\n"));
    }
}
