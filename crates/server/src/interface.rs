//! The network interface of the room: its name, hardware address and IPv4 address. Reads the
//! kernel's view; changes nothing, except for the one process of [`crate::hold`].

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use report::Mac;

use self::kernel::Kernel;
use self::manager::Manager;

mod choose;
pub(crate) mod kernel;
pub mod manager;
pub mod private;
pub mod routes;

pub use choose::{Asked, choose};

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
    /// It has that address already. Otherwise the server gives it to it for the run.
    pub has_address: bool,
    /// It is switched on already. Otherwise the server does that for the run.
    pub up: bool,
    /// Who else cares for it.
    pub manager: Option<Manager>,
}

/// One interface as the kernel lists it, before we know whether it will do.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The kernel's name.
    pub name: String,
    /// Its hardware address, if it has one.
    pub mac: Option<[u8; 6]>,
    /// Its IPv4 addresses, each with its prefix length.
    pub addresses: Vec<(Ipv4Addr, u8)>,
    /// Those of them that it has for a time only, from a DHCP server.
    pub leased: Vec<Ipv4Addr>,
    /// Whether it was switched on.
    pub up: bool,
    /// Who cares for it, if somebody does.
    pub manager: Option<Manager>,
    /// What it is made of.
    pub kind: Kind,
}

/// What an interface is made of: which of them may be taken unasked.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Kind {
    /// A network card with a socket for a cable.
    Wired,
    /// This machine talking to itself.
    Loopback,
    /// A radio.
    Wireless,
    /// A bridge, a tap or a tunnel: somebody's private network on this machine.
    Inner,
    /// Nothing says what; in a container it is the other end of a cable.
    #[default]
    Unknown,
}

/// An interface as it is at this moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Now {
    /// It is switched on.
    pub up: bool,
    /// There is a cable with something at its other end. An interface can be up without.
    pub link: bool,
    /// Its IPv4 addresses.
    pub own: Vec<Ipv4Addr>,
    /// The IPv4 addresses of this whole computer.
    pub all: Vec<Ipv4Addr>,
}

/// How `name` is now.
///
/// Asked of the socket layer and not of /sys, which shows the network namespace it was mounted in.
///
/// # Errors
/// There is no such interface any more.
pub fn now(name: &str) -> io::Result<Now> {
    let (mut now, mut exists) = (Now::default(), false);
    for entry in getifaddrs()? {
        let address = entry
            .address
            .and_then(|address| Some(address.as_sockaddr_in()?.ip()));
        now.all.extend(address);
        if device(&entry.interface_name) == name {
            exists = true;
            now.up |= entry.flags.contains(InterfaceFlags::IFF_UP);
            now.link |= entry.flags.contains(InterfaceFlags::IFF_RUNNING);
            now.own.extend(address);
        }
    }
    exists.then_some(now).ok_or_else(|| {
        let gone = format!("there is no interface {name} any more");
        io::Error::new(io::ErrorKind::NotFound, gone)
    })
}

/// All interfaces of this machine.
///
/// # Errors
/// The kernel does not say.
pub fn list() -> io::Result<Vec<Seen>> {
    let mut seen: Vec<Seen> = Vec::new();
    for entry in getifaddrs()? {
        let name = device(&entry.interface_name);
        let at = match seen.iter().position(|i| i.name == name) {
            Some(at) => at,
            None => {
                seen.push(Seen {
                    name: name.to_owned(),
                    kind: kind(name, entry.flags),
                    manager: managed_by(name),
                    ..Seen::default()
                });
                seen.len() - 1
            }
        };
        let interface = &mut seen[at];
        interface.up |= entry.flags.contains(InterfaceFlags::IFF_UP);
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
    // Where the kernel does not tell this, nothing counts as leased; the wire tells the rest.
    let listed = Kernel::open().and_then(|kernel| kernel.addresses());
    let leased = listed
        .unwrap_or_default()
        .into_iter()
        .filter(|one| !one.permanent);
    let leased: Vec<Ipv4Addr> = leased.map(|one| one.address).collect();
    for interface in &mut seen {
        let own = interface.addresses.iter().map(|(address, _)| *address);
        interface.leased = own.filter(|own| leased.contains(own)).collect();
    }
    Ok(seen)
}

/// The interface that an address belongs to, of the name it is listed under: an address may have a label of its
/// own, `eth0:0`, which libc gives in place of the interface's name (netdevice(7), aliases).
fn device(label: &str) -> &str {
    label.split_once(':').map_or(label, |(device, _)| device)
}

fn managed_by(name: &str) -> Option<Manager> {
    let index = if_nametoindex(name).ok()?;
    manager::manager(Path::new(manager::RUN), index)
}

/// /sys may show another namespace's interfaces; it is asked only for what an interface is made of, and whoever
/// is not found there stays unknown.
fn kind(name: &str, flags: InterfaceFlags) -> Kind {
    if flags.contains(InterfaceFlags::IFF_LOOPBACK) {
        return Kind::Loopback;
    }
    let folder = Path::new("/sys/class/net").join(name);
    let has = |entries: &[&str]| entries.iter().any(|entry| folder.join(entry).exists());
    if has(&["wireless", "phy80211"]) {
        Kind::Wireless
    } else if has(&["bridge", "tun_flags"]) || flags.contains(InterfaceFlags::IFF_POINTOPOINT) {
        Kind::Inner
    } else if has(&["device"]) {
        Kind::Wired
    } else {
        Kind::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_lists_loopback() {
        let seen = list().expect("the kernel answers");
        let lo = seen.iter().find(|interface| interface.name == "lo");
        assert_eq!(lo.map(|lo| lo.kind), Some(Kind::Loopback));
    }

    #[test]
    fn a_label_is_of_its_interface() {
        for (label, name) in [
            ("eth0:0", "eth0"),
            ("br-lan:room:2", "br-lan"),
            ("eth0.5", "eth0.5"),
            ("eth0", "eth0"),
        ] {
            assert_eq!(device(label), name);
        }
    }
}
