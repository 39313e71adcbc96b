//! How to serve, as people type it. Holds no defaults that need to look at the machine.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use pxe::Loader;
use tracing_subscriber::EnvFilter;

use crate::once::Again;

/// How to serve. What is not given comes from Boottorrent.yaml, and what is not there from the
/// interface.
#[derive(Args, Clone, Debug, Default)]
pub struct Serve {
    /// Network interface, may be repeated [default: the only wired one]
    #[arg(long, value_name = "NAME")]
    pub iface: Vec<String>,
    /// Folder with one sub-folder per operating system [default: ./oss]
    #[arg(long, value_name = "DIR")]
    pub oss: Option<PathBuf>,
    /// Configuration [default: Boottorrent.yaml beside or in oss]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// auto, full, proxy (another server gives addresses) or off [default: auto]
    #[arg(long, value_enum, value_name = "MODE", hide_possible_values = true)]
    pub dhcp: Option<Dhcp>,
    /// Address for an interface without one [default: a free private one]
    #[arg(long, value_name = "IP/BITS")]
    pub address: Option<Address>,
    /// auto, ipxe; BIOS: lpxelinux, pxelinux (TFTP); UEFI: shim
    #[arg(long, value_name = "LOADER", default_value = "auto")]
    pub loader: Loader,
    /// Port of tracker, boot files and API [default: 6969]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub http_port: Option<u16>,
    /// Port of the BitTorrent seed, from 1024 up [default: 6881]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1024..))]
    pub peer_port: Option<u16>,
    /// User to become [default: the sudo user, else nobody]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// State folder [default: /var/lib/bt-server or the user's own]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Let a machine that boots once boot again: its MAC, or all
    #[arg(long, value_name = "MAC")]
    pub boot_again: Vec<Again>,
    /// Hash every system anew, also those that did not change
    #[arg(long)]
    pub rehash: bool,
    /// Use the phase 1 in this folder, not the embedded one
    #[arg(long, value_name = "DIR")]
    pub phase1: Option<PathBuf>,
    /// error, warn, info, debug, or a filter like librqbit=debug
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: LogFilter,
}

/// What is logged, of this program and of what it is made of: a filter that was read once without an error.
#[derive(Clone, Debug)]
pub struct LogFilter(String);

impl LogFilter {
    /// The filter to log through.
    #[must_use]
    pub fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<LogFilter, String> {
        // librqbit and its like tell things at info that mean nothing to who runs a room.
        let filter = match text.contains(['=', ',']) {
            true => text.to_owned(),
            false => format!("warn,bt_server={text}"),
        };
        match EnvFilter::try_new(&filter) {
            Ok(_) => Ok(LogFilter(filter)),
            Err(error) => Err(format!("{error}; use error, warn, info, debug or trace")),
        }
    }
}

impl Default for LogFilter {
    fn default() -> LogFilter {
        LogFilter("warn,bt_server=info".to_owned())
    }
}

/// What to be on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Dhcp {
    /// Look first; be the DHCP server only where that is safe, and a proxy elsewhere
    Auto,
    /// Be the DHCP server, unless another one answers
    Full,
    /// Say what to boot and give no addresses
    Proxy,
    /// Say nothing by DHCP; another server names loader and addresses
    Off,
}

/// An address with the length of its network part, `10.77.0.1/24`: one that a computer can have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Address {
    /// The address.
    pub address: Ipv4Addr,
    /// Bits of the network part, 1–30.
    pub prefix: u8,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Address, String> {
        let shape = || format!("{text:?} is no address with its network; write it as 10.77.0.1/24");
        let (address, prefix) = text.split_once('/').ok_or_else(shape)?;
        let address: Ipv4Addr = address.parse().map_err(|_| shape())?;
        let prefix: u8 = prefix.parse().map_err(|_| shape())?;
        if !(1..=30).contains(&prefix) {
            return Err(format!(
                "/{prefix} has no room for machines; use /24, for example"
            ));
        }
        let hosts = u32::MAX >> prefix;
        let host = u32::from(address) & hosts;
        let special = address.is_loopback() || address.is_multicast() || address.is_link_local();
        if host == 0 || host == hosts || special {
            return Err(format!(
                "{text} is no address of a computer; use 10.77.0.1/24, for example"
            ));
        }
        Ok(Address { address, prefix })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_that_a_computer_can_have() {
        let read = |text: &str| text.parse::<Address>();
        let expected = Address {
            address: Ipv4Addr::new(10, 5, 0, 1),
            prefix: 16,
        };
        assert_eq!(read("10.5.0.1/16"), Ok(expected));
        for text in [
            "",
            "10.5.0.1",
            "10.5.0/24",
            "10.5.0.1/x",
            "10.5.0.1/31",
            "10.5.0.1/0",
            "10.5.0.0/24",
            "10.5.0.255/24",
            "127.0.0.1/8",
            "224.0.0.1/4",
            "169.254.0.1/16",
        ] {
            let refused = read(text).expect_err(text);
            assert!(refused.contains("/24"), "{refused}");
        }
    }
}
