//! The command line, as people type it. Holds no defaults that need to look at the machine.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Boots a room of computers over the network: DHCP, TFTP, HTTP and BitTorrent in one process.
#[derive(Debug, Parser)]
#[command(name = "bt-server", version, args_conflicts_with_subcommands = true)]
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
    /// Serve the room (the same as no command at all)
    Start(Serve),
    /// Print every problem of a configuration at once and change nothing
    Check(Serve),
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
    /// The network interface of the room
    #[arg(long, value_name = "NAME")]
    pub iface: Option<String>,
    /// Folder with one sub-folder per operating system [default: ./oss]
    #[arg(long, value_name = "DIR")]
    pub oss: Option<PathBuf>,
    /// Configuration file [default: Boottorrent.yaml beside or in the oss folder, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// DHCP: full server where the wire is silent, or off
    #[arg(long, value_enum, value_name = "MODE")]
    pub dhcp: Option<Dhcp>,
    /// Which boot loader BIOS machines get
    #[arg(long, value_enum, value_name = "LOADER", default_value_t = Loader::Auto)]
    pub loader: Loader,
    /// Port of tracker, boot files and API [default: 6969]
    #[arg(long, value_name = "PORT")]
    pub http_port: Option<u16>,
    /// Port of the BitTorrent seed
    #[arg(long, value_name = "PORT", default_value_t = 6881)]
    pub peer_port: u16,
    /// User to become after the ports are open [default: the sudo user, else nobody]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Folder for state [default: /var/lib/bt-server, else the user's own state folder]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Use the phase 1 in this folder in place of the embedded one
    #[arg(long, value_name = "DIR")]
    pub phase1: Option<PathBuf>,
    /// How much to tell: error, warn, info, debug, or a filter such as librqbit=debug
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub log: String,
}

/// What to be on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Dhcp {
    /// Listen first; be the DHCP server only where nobody else answers
    Auto,
    /// Be the DHCP server; the wire is looked at first all the same
    Full,
    /// Say nothing by DHCP; another server names loader and addresses
    Off,
}

/// The boot loader of BIOS machines.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum Loader {
    /// The fastest measured one
    #[default]
    Auto,
    /// iPXE: everything after the loader by HTTP
    Ipxe,
    /// lpxelinux.0: everything after the loader by HTTP
    Lpxelinux,
    /// pxelinux.0: everything by TFTP, as the original did
    Pxelinux,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// A screen is 25 lines of 80 columns; a longer help is not read.
    #[test]
    fn help_fits_a_screen() {
        let help = Cli::command().term_width(100).render_help().to_string();
        assert!(
            help.lines().count() <= 40,
            "{} lines:\n{help}",
            help.lines().count()
        );
    }

    #[test]
    fn start_is_the_default_command() {
        let bare = Cli::parse_from(["bt-server", "--iface", "eth0"]);
        assert!(bare.command.is_none());
        assert_eq!(bare.serve.iface.as_deref(), Some("eth0"));
        let word = Cli::parse_from(["bt-server", "start", "--iface", "eth0"]);
        let Some(Command::Start(serve)) = word.command else {
            panic!("start not understood")
        };
        assert_eq!(serve.iface.as_deref(), Some("eth0"));
    }
}
