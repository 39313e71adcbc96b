//! What the network is to this machine: the facts that phase 1's DHCP script leaves in `/run/net`,
//! and, as long as there are none, the best guess why. Only reads files; asks nobody.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use report::Mac;

/// Where the DHCP script writes when the lease is there.
pub const FILE: &str = "/run/net";

/// This machine on its network.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// The interface that got the lease, for example `eth0`.
    pub interface: String,
    /// Our address.
    pub address: Ipv4Addr,
    /// Our hardware address, by which the server knows this machine.
    pub mac: Mac,
    /// Who gave the lease, if the script knew.
    pub server: Option<Ipv4Addr>,
}

impl Lease {
    /// Reads `KEY=VALUE` lines (INTERFACE, ADDRESS, MAC, SERVER; others are left alone).
    ///
    /// # Errors
    /// One sentence about the first thing that is missing or not understood.
    pub fn parse(text: &str) -> Result<Lease, String> {
        let value = |key: &str| {
            text.lines()
                .filter_map(|line| line.trim().split_once('='))
                .find(|(name, _)| *name == key)
                .map(|(_, value)| value.trim().trim_matches(['"', '\'']))
                .filter(|value| !value.is_empty())
        };
        let needed = |key: &str| value(key).ok_or_else(|| format!("{FILE} does not name {key}"));
        let address = needed("ADDRESS")?;
        let mac = needed("MAC")?;
        Ok(Lease {
            interface: needed("INTERFACE")?.to_owned(),
            address: address
                .parse()
                .map_err(|_| format!("{FILE}: ADDRESS is not an address: {address}"))?,
            mac: mac
                .parse()
                .map_err(|_| format!("{FILE}: MAC is not a hardware address: {mac}"))?,
            server: value("SERVER").and_then(|text| text.parse().ok()),
        })
    }
}

/// Why there is no lease yet, in one sentence with the remedy, from `/sys/class/net`.
pub fn why_none(class_net: &Path) -> String {
    let mut names: Vec<String> = fs::read_dir(class_net)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        // Only cards have a device; lo and tunnels have none.
        .filter(|name| class_net.join(name).join("device").exists())
        .collect();
    names.sort();
    if names.is_empty() {
        return "no network card was found; its driver may be missing from phase 1".to_owned();
    }
    let attribute = |name: &str, file: &str| {
        fs::read_to_string(class_net.join(name).join(file)).unwrap_or_default()
    };
    let linked: Vec<&str> = names
        .iter()
        .filter(|name| attribute(name, "carrier").trim() == "1")
        .map(String::as_str)
        .collect();
    if linked.is_empty() {
        return format!(
            "no link on {}; is the network cable plugged in?",
            names.join(", ")
        );
    }
    format!(
        "asking for an address on {}; no DHCP server has answered yet",
        linked.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "INTERFACE=eth0\nADDRESS=10.77.0.21\nMASK=255.255.255.0\nMAC=52:54:00:12:34:56\nROUTER=\nSERVER=10.77.0.1\n";

    #[test]
    fn the_script_s_lines_are_understood() {
        let lease = Lease::parse(GOOD).expect("a lease");
        assert_eq!(lease.interface, "eth0");
        assert_eq!(lease.address, Ipv4Addr::new(10, 77, 0, 21));
        assert_eq!(lease.mac.to_string(), "52:54:00:12:34:56");
        assert_eq!(lease.server, Some(Ipv4Addr::new(10, 77, 0, 1)));
        assert_eq!(
            Lease::parse(&GOOD.replace("SERVER=10.77.0.1", "SERVER="))
                .expect("a lease")
                .server,
            None
        );
        assert_eq!(
            Lease::parse(&GOOD.replace("eth0", "'eth0'"))
                .expect("a lease")
                .interface,
            "eth0"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let table = [
            ("", "ADDRESS"),
            ("INTERFACE=eth0\nMAC=52:54:00:12:34:56", "ADDRESS"),
            (
                "INTERFACE=eth0\nADDRESS=300.1.1.1\nMAC=52:54:00:12:34:56",
                "300.1.1.1",
            ),
            ("INTERFACE=eth0\nADDRESS=10.0.0.1\nMAC=52:54", "52:54"),
            ("ADDRESS=10.0.0.1\nMAC=52:54:00:12:34:56", "INTERFACE"),
        ];
        for (text, named) in table {
            let error = Lease::parse(text).expect_err(text);
            assert!(error.contains(named), "{text:?} gave {error:?}");
        }
    }

    #[test]
    fn the_reason_for_waiting_follows_the_cards() {
        let root = tempfile::tempdir().expect("a directory");
        let net = root.path();
        fs::create_dir(net.join("lo")).expect("lo");
        assert!(why_none(net).contains("no network card"));
        fs::create_dir_all(net.join("eth0/device")).expect("eth0");
        assert!(why_none(net).contains("no link on eth0"));
        fs::write(net.join("eth0/carrier"), "1\n").expect("carrier");
        assert!(why_none(net).contains("address on eth0"));
    }
}
