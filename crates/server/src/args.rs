//! The command line, as people type it. Holds no defaults that need to look at the machine.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use pxe::Loader;
use tracing_subscriber::EnvFilter;

use crate::doctor::Doctor;
use crate::explain::Explain;
use crate::look::{Look, Shell};
use crate::once::Again;

/// Boots a room of computers over the network: DHCP, TFTP, HTTP and BitTorrent in one process.
#[derive(Debug, Parser)]
#[command(
    name = "bt-server",
    version,
    args_conflicts_with_subcommands = true,
    // Each command's --help says the same, and a line of the screen is worth more.
    disable_help_subcommand = true,
    override_usage = "bt-server [COMMAND] [OPTIONS]"
)]
pub struct Cli {
    /// What to do; nothing means `start`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `start`, which may stand without the word.
    #[command(flatten)]
    pub serve: Serve,
}

/// The commands beside serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a folder to start from, with a configuration that explains itself
    Init {
        /// The folder; what is in it already stays as it is
        #[arg(value_name = "DIR")]
        dir: PathBuf,
    },
    /// Serve the room (the same as no command at all)
    Start(Serve),
    /// Print every problem of a configuration at once and change nothing
    Check(Serve),
    /// Look at this computer and the wire, say what is in the way, and change nothing
    Doctor(Doctor),
    /// Say what a recording of the wire holds, and what this server would answer
    Explain(Explain),
    /// Look at a machine in phase 1: its state, log, kernel messages, hardware, network
    Look(Look),
    /// Open a shell on a machine in phase 1, where the configuration says remote_shell: yes
    Shell(Shell),
    /// Make of a PIN the setting that asks for it before a machine's shell
    Pin,
    /// Care for an interface; only this program calls it
    #[command(name = crate::hold::WORD, hide = true)]
    Hold {
        /// The interface, and the numbers of a user and a group
        #[arg(required = true, num_args = 1..=3)]
        words: Vec<String>,
    },
    /// Print the version; with --phase1 also what the embedded small Linux is made of
    Version {
        /// Print the packages, versions, licences and sources of phase 1
        #[arg(long)]
        phase1: bool,
    },
}

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
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Of 100 columns; a longer help is not read.
    #[test]
    fn help_fits_a_screen() {
        for command in Cli::command()
            .get_subcommands()
            .cloned()
            .chain([Cli::command()])
        {
            let help = command.clone().term_width(100).render_help().to_string();
            let lines = help.lines().count();
            assert!(
                lines <= 32,
                "{} has {lines} lines:\n{help}",
                command.get_name()
            );
        }
    }

    /// By every command that has the option, so that `check` accepts nothing that `start` does not.
    #[test]
    fn a_filter_that_is_none_is_refused_with_what_to_write() {
        for command in [Some("check"), Some("start"), None] {
            let parse = |filter: &str| {
                let words = ["bt-server"].into_iter().chain(command);
                Cli::try_parse_from(words.chain(["--log", filter]))
            };
            for filter in ["!!=,", "loud", "librqbit=loud"] {
                let refused = parse(filter).expect_err(filter);
                assert_eq!(refused.exit_code(), 2);
                let said = refused.to_string();
                assert!(said.contains("use error, warn, info"), "{said}");
            }
            for filter in ["warn", "librqbit=debug", "off"] {
                let accepted = parse(filter).map(|_| ()).map_err(|e| e.to_string());
                assert_eq!(accepted, Ok(()), "{filter}");
            }
        }
        let default = Cli::parse_from(["bt-server"]).serve.log;
        let is_default = default.filter().to_string() == LogFilter::default().filter().to_string();
        assert!(is_default, "{default:?}");
    }

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

    #[test]
    fn start_is_the_default_command() {
        let bare = Cli::parse_from(["bt-server", "--iface", "eth0"]);
        assert!(bare.command.is_none());
        assert_eq!(bare.serve.iface, ["eth0"]);
        let word = Cli::parse_from(["bt-server", "start", "--iface", "eth0", "--iface", "eth1"]);
        let Some(Command::Start(serve)) = word.command else {
            panic!("start not understood")
        };
        assert_eq!(serve.iface, ["eth0", "eth1"]);
    }
}
