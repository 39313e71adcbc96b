//! Who else cares for an interface: NetworkManager or systemd-networkd, which take back an address that they did not
//! give. Found by the files they keep in /run; no program is asked. It names the commands to type and runs none.

use std::fs;
use std::path::Path;

use crate::shell;

/// Where they keep what they know until the next boot.
pub const RUN: &str = "/run";

/// A program that manages an interface.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Manager {
    /// NetworkManager, as desktops have it.
    NetworkManager,
    /// systemd-networkd, as servers have it.
    Networkd,
}

/// Who manages interface number `index`, by the files below `run`.
#[must_use]
pub fn manager(run: &Path, index: u32) -> Option<Manager> {
    let line = |file: String, line: &str| {
        let text = fs::read_to_string(run.join(file)).ok()?;
        Some(text.lines().any(|one| one.trim() == line))
    };
    // NetworkManager writes `managed=false` for what it was told to leave alone. Of an interface without a file it has
    // not decided yet.
    let left_alone = line(format!("NetworkManager/devices/{index}"), "managed=false");
    if run.join("NetworkManager/devices").is_dir() && left_alone != Some(true) {
        return Some(Manager::NetworkManager);
    }
    let unmanaged = line(
        format!("systemd/netif/links/{index}"),
        "ADMIN_STATE=unmanaged",
    );
    (unmanaged == Some(false)).then_some(Manager::Networkd)
}

impl Manager {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Manager::NetworkManager => "NetworkManager",
            Manager::Networkd => "systemd-networkd",
        }
    }

    /// The command that makes it leave `interface` alone until the next boot.
    #[must_use]
    pub fn leave_alone(self, interface: &str) -> String {
        let name = shell::word(Path::new(interface));
        match self {
            Manager::NetworkManager => format!("nmcli device set {name} managed no"),
            Manager::Networkd => format!(
                "printf '[Match]\\nName=%s\\n[Link]\\nUnmanaged=yes\\n' {name} \
                 >/run/systemd/network/00-bt-server.network && networkctl reload"
            ),
        }
    }
}

/// The command that gets `interface` its address from the DHCP server of the wire.
#[must_use]
pub fn ask_for_an_address(manager: Option<Manager>, interface: &str) -> String {
    let name = shell::word(Path::new(interface));
    match manager {
        Some(Manager::NetworkManager) => format!("nmcli device connect {name}"),
        Some(Manager::Networkd) => format!("networkctl renew {name}"),
        None => format!("ip link set {name} up; dhclient {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_manages_is_found_by_its_files() -> std::io::Result<()> {
        use Manager::{NetworkManager, Networkd};
        type Files<'a> = &'a [(&'a str, &'a str)];
        let table: [(Files<'_>, Option<Manager>); 7] = [
            (&[], None),
            (
                &[("NetworkManager/devices/3", "[device]\nmanaged=true\n")],
                Some(NetworkManager),
            ),
            (
                &[("NetworkManager/devices/3", "[device]\nmanaged=false\n")],
                None,
            ),
            (
                &[("NetworkManager/devices/2", "[device]\nmanaged=false\n")],
                Some(NetworkManager),
            ),
            (
                &[("systemd/netif/links/3", "ADMIN_STATE=configuring\n")],
                Some(Networkd),
            ),
            (
                &[("systemd/netif/links/3", "ADMIN_STATE=unmanaged\n")],
                None,
            ),
            (
                &[
                    ("NetworkManager/devices/3", "[device]\nmanaged=false\n"),
                    ("systemd/netif/links/3", "ADMIN_STATE=configured\n"),
                ],
                Some(Networkd),
            ),
        ];
        for (files, expected) in table {
            let run = tempfile::tempdir()?;
            for (file, text) in files {
                let path = run.path().join(file);
                fs::create_dir_all(path.parent().expect("in a folder"))?;
                fs::write(path, text)?;
            }
            assert_eq!(manager(run.path(), 3), expected, "{files:?}");
        }
        Ok(())
    }

    #[test]
    fn commands_name_the_interface_as_a_shell_reads_it() {
        let free = Manager::NetworkManager.leave_alone("eth0");
        assert_eq!(free, "nmcli device set eth0 managed no");
        let odd = Manager::Networkd.leave_alone("a$b");
        assert!(odd.contains("'a$b'"), "{odd}");
        assert!(ask_for_an_address(None, "eth0").ends_with("dhclient eth0"));
    }
}
