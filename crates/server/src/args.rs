//! The command line, as people type it: the commands. How to serve is [`crate::options`].

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::doctor::Doctor;
use crate::explain::Explain;
use crate::look::{Look, Shell};
use crate::options::Serve;

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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::options::LogFilter;

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
