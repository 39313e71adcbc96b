//! The network interface of the room: its name, hardware address and IPv4 address. Reads the
//! kernel's view once at the start; changes nothing.

use std::io;
use std::net::Ipv4Addr;

use catalog::Problem;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use report::Mac;

/// An interface the server can serve a room on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Interface {
    /// The kernel's name, such as `eth0`.
    pub name: String,
    /// Its hardware address.
    pub mac: Mac,
    /// The address the server is reached at.
    pub address: Ipv4Addr,
    /// Bits of the network part, 0–32.
    pub prefix: u8,
}

/// One interface as the kernel lists it, before we know whether it will do.
#[derive(Clone, Debug, Default)]
struct Seen {
    name: String,
    mac: Option<[u8; 6]>,
    addresses: Vec<(Ipv4Addr, u8)>,
    up: bool,
    loopback: bool,
}

/// Finds the interface to serve on: the one that `wanted` names. `host_ip`, where the
/// configuration has it, picks one of several addresses.
///
/// # Errors
/// A problem that says what is missing and lists what there is.
pub fn find(wanted: Option<&str>, host_ip: Option<Ipv4Addr>) -> Result<Interface, Problem> {
    let seen = list()
        .map_err(|e| problem("the kernel's interface list", &e.to_string(), "run as root"))?;
    choose(&seen, wanted, host_ip)
}

/// Is there a cable with something at its other end? An interface can be up without.
///
/// Asked of the socket layer and not of /sys, which shows the network namespace it was mounted in.
///
/// # Errors
/// There is no such interface any more.
pub fn has_link(name: &str) -> io::Result<bool> {
    let mut entries = getifaddrs()?.filter(|entry| entry.interface_name == name);
    let entry = entries.next().ok_or_else(|| {
        let gone = format!("there is no interface {name} any more");
        io::Error::new(io::ErrorKind::NotFound, gone)
    })?;
    Ok(entry.flags.contains(InterfaceFlags::IFF_RUNNING))
}

fn choose(
    seen: &[Seen],
    wanted: Option<&str>,
    host_ip: Option<Ipv4Addr>,
) -> Result<Interface, Problem> {
    let Some(wanted) = wanted else {
        return Err(problem(
            "--iface",
            "no interface was named, and the server never guesses which network it may serve",
            &format!("name one: {}", candidates(seen)),
        ));
    };
    let Some(found) = seen.iter().find(|i| i.name == wanted) else {
        let remedy = format!("name one that exists: {}", candidates(seen));
        return Err(problem(
            &format!("--iface {wanted}"),
            "there is no such interface",
            &remedy,
        ));
    };
    let what = format!("interface {wanted}");
    if found.loopback {
        let remedy = format!("name the interface of the room: {}", candidates(seen));
        return Err(problem(
            &what,
            "is the loopback interface; no machine can be reached there",
            &remedy,
        ));
    }
    if !found.up {
        return Err(problem(
            &what,
            "is down",
            &format!("bring it up: ip link set {wanted} up"),
        ));
    }
    let Some(mac) = found.mac else {
        return Err(problem(
            &what,
            "has no Ethernet address",
            "name a wired Ethernet interface",
        ));
    };
    let address = match host_ip {
        Some(ip) => found
            .addresses
            .iter()
            .find(|(a, _)| *a == ip)
            .copied()
            .ok_or_else(|| {
                let has: Vec<String> = found
                    .addresses
                    .iter()
                    .map(|(a, p)| format!("{a}/{p}"))
                    .collect();
                let has = if has.is_empty() {
                    "no IPv4 address".to_owned()
                } else {
                    has.join(", ")
                };
                problem(
                    &format!("host_ip {ip}"),
                    &format!("is not an address of interface {wanted}, which has {has}"),
                    "set host_ip to an address of the interface, or leave it out",
                )
            })?,
        None => *found.addresses.first().ok_or_else(|| {
            problem(
                &what,
                "has no IPv4 address",
                &format!("give it one, for example: ip address add 10.77.0.1/24 dev {wanted}"),
            )
        })?,
    };
    if address.1 > 30 {
        return Err(problem(
            &what,
            &format!(
                "has {}/{}: that network has no room for other machines",
                address.0, address.1
            ),
            "give it an address in a network of /30 or wider, such as 10.77.0.1/24",
        ));
    }
    Ok(Interface {
        name: found.name.clone(),
        mac: Mac(mac),
        address: address.0,
        prefix: address.1,
    })
}

fn problem(value: &str, what: &str, remedy: &str) -> Problem {
    Problem::error("interface", what, remedy).found(value)
}

/// The interfaces that could serve a room, for a remedy: `eth0 (10.0.0.1/24), eth1 (no address)`.
fn candidates(seen: &[Seen]) -> String {
    let list: Vec<String> = seen
        .iter()
        .filter(|i| !i.loopback && i.mac.is_some())
        .map(|i| match i.addresses.first() {
            Some((address, prefix)) => format!("{} ({address}/{prefix})", i.name),
            None => format!("{} (no address)", i.name),
        })
        .collect();
    if list.is_empty() {
        "this machine has none".to_owned()
    } else {
        list.join(", ")
    }
}

fn list() -> nix::Result<Vec<Seen>> {
    let mut seen: Vec<Seen> = Vec::new();
    for entry in getifaddrs()? {
        let at = match seen.iter().position(|i| i.name == entry.interface_name) {
            Some(at) => at,
            None => {
                seen.push(Seen {
                    name: entry.interface_name.clone(),
                    ..Seen::default()
                });
                seen.len() - 1
            }
        };
        let interface = &mut seen[at];
        interface.up |= entry.flags.contains(InterfaceFlags::IFF_UP);
        interface.loopback |= entry.flags.contains(InterfaceFlags::IFF_LOOPBACK);
        let Some(address) = entry.address else {
            continue;
        };
        if let Some(link) = address.as_link_addr() {
            interface.mac = link.addr().filter(|mac| *mac != [0; 6]);
        }
        if let Some(v4) = address.as_sockaddr_in() {
            let mask = entry
                .netmask
                .and_then(|m| m.as_sockaddr_in().map(|m| u32::from(m.ip())));
            let prefix = mask.map_or(32, |m| m.leading_ones() as u8);
            interface.addresses.push((v4.ip(), prefix));
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room() -> Seen {
        Seen {
            name: "eth0".into(),
            mac: Some([2, 0, 0, 0, 0, 1]),
            addresses: vec![
                (Ipv4Addr::new(10, 77, 0, 1), 24),
                (Ipv4Addr::new(10, 78, 0, 1), 16),
            ],
            up: true,
            loopback: false,
        }
    }

    fn refusal(seen: &[Seen], wanted: Option<&str>, host_ip: Option<[u8; 4]>) -> String {
        choose(seen, wanted, host_ip.map(Ipv4Addr::from))
            .expect_err("must be refused")
            .to_string()
    }

    #[test]
    fn first_address_unless_host_ip_picks() {
        let first = choose(&[room()], Some("eth0"), None).expect("will do");
        assert_eq!(
            (first.address, first.prefix),
            (Ipv4Addr::new(10, 77, 0, 1), 24)
        );
        let picked =
            choose(&[room()], Some("eth0"), Some(Ipv4Addr::new(10, 78, 0, 1))).expect("will do");
        assert_eq!(
            (picked.address, picked.prefix),
            (Ipv4Addr::new(10, 78, 0, 1), 16)
        );
    }

    #[test]
    fn refusals_name_the_value_and_the_remedy() {
        let down = Seen {
            up: false,
            ..room()
        };
        let bare = Seen {
            addresses: vec![],
            ..room()
        };
        let lo = Seen {
            name: "lo".into(),
            loopback: true,
            mac: None,
            ..room()
        };
        let narrow = Seen {
            addresses: vec![(Ipv4Addr::new(10, 0, 0, 1), 32)],
            ..room()
        };
        let table: [(&[Seen], _, _, &str); 7] = [
            (&[room()], None, None, "eth0 (10.77.0.1/24)"),
            (&[room()], Some("eth9"), None, "eth0 (10.77.0.1/24)"),
            (&[down], Some("eth0"), None, "ip link set eth0 up"),
            (
                &[bare],
                Some("eth0"),
                None,
                "ip address add 10.77.0.1/24 dev eth0",
            ),
            (&[lo, room()], Some("lo"), None, "eth0 (10.77.0.1/24)"),
            (
                &[room()],
                Some("eth0"),
                Some([10, 9, 9, 9]),
                "10.77.0.1/24, 10.78.0.1/16",
            ),
            (&[narrow], Some("eth0"), None, "10.0.0.1/32"),
        ];
        for (seen, wanted, host_ip, says) in table {
            let text = refusal(seen, wanted, host_ip);
            assert!(text.contains(says), "{text:?} does not say {says:?}");
        }
    }

    #[test]
    fn the_kernel_lists_loopback() {
        let seen = list().expect("the kernel answers");
        assert!(seen.iter().any(|i| i.loopback && i.name == "lo"));
    }
}
