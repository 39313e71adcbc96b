//! The command line.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use swarm::net::WebSeed;

/// What was asked for.
#[derive(Debug, Parser)]
#[command(
    name = "bttui",
    version,
    disable_help_subcommand = true,
    about = "The machine's side of bt-server: shows the menu, fetches a system, starts it.",
    after_help = "Without a command it is the program that phase 1 runs on a machine booted over the\n\
                  network; anywhere else it does nothing."
)]
pub struct Cli {
    /// What to do instead of what phase 1 needs.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What can be done outside phase 1.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Downloads what a torrent describes, verified, and shares it meanwhile
    Fetch(Fetch),
    /// Shows the screen of the guest whose VNC server has this Unix socket; Ctrl+Alt+G goes back
    #[command(hide = true)]
    View {
        /// As `-vnc unix:SOCKET` names it
        socket: PathBuf,
    },
    /// The second screen of phase 1: a shell for whom Boottorrent.yaml lets have one; only init calls it
    #[command(hide = true)]
    Shell,
}

/// The headless download.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
The files land in DIR/NAME/... Progress is written to standard error.
Exit code: 0 every byte is here and verified; 1 it failed; 130 Ctrl-C; 143 SIGTERM.")]
pub struct Fetch {
    /// The torrent
    #[arg(value_name = "FILE.torrent")]
    pub torrent: PathBuf,
    /// Where the files go
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Fetches this file of NAME alone (repeatable)
    #[arg(long, value_name = "PATH")]
    pub only: Vec<String>,
    /// Writes one JSON object a line to standard output
    #[arg(long)]
    pub json: bool,
    /// Shares for so long after the download
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub seed_for: u64,
    /// Shares while this server says that others fetch it
    #[arg(long, value_name = "URL", value_parser = server, conflicts_with = "seed_for")]
    pub seed_room: Option<String>,
    /// Ends --seed-room at the latest
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = catalog::manifest::SEED_MAX,
        requires = "seed_room"
    )]
    pub seed_max: u64,
    /// Where others reach this machine [default: any port]
    #[arg(
        long,
        value_name = "ADDR:PORT",
        default_value = "0.0.0.0:0",
        hide_default_value = true
    )]
    pub listen: SocketAddrV4,
    /// Somebody who shares it (repeatable)
    #[arg(long = "peer", value_name = "ADDR:PORT")]
    pub peers: Vec<SocketAddrV4>,
    /// Looks for others by multicast, from this address of ours
    #[arg(long, value_name = "ADDR")]
    pub lsd: Option<Ipv4Addr>,
    /// Where NAME is by HTTP, for when no peer gives a byte
    #[arg(long, value_name = "URL", value_parser = WebSeed::parse)]
    pub web_seed: Option<WebSeed>,
}

/// A server as the manifest names one: `http://ADDRESS:PORT`.
fn server(text: &str) -> Result<String, String> {
    let address = text.strip_prefix("http://").unwrap_or_default();
    match address.trim_end_matches('/').parse::<SocketAddrV4>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("a server is http://ADDRESS:PORT".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn help_fits_a_screen() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        for name in ["bttui", "fetch"] {
            let help = match command.find_subcommand_mut(name) {
                Some(sub) => sub.render_help().to_string(),
                None => command.render_help().to_string(),
            };
            assert!(help.lines().count() <= 24, "{name}:\n{help}");
            let widest = help.lines().map(str::len).max().unwrap_or(0);
            assert!(widest <= 84, "{name} is {widest} wide:\n{help}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let table: &[&[&str]] = &[
            &["bttui", "fetch"],
            &["bttui", "fetch", "a.torrent"],
            &[
                "bttui",
                "fetch",
                "a.torrent",
                "--to",
                "d",
                "--seed-for",
                "-1",
            ],
            &[
                "bttui",
                "fetch",
                "a.torrent",
                "--to",
                "d",
                "--listen",
                "everywhere",
            ],
            &[
                "bttui",
                "fetch",
                "a.torrent",
                "--to",
                "d",
                "--web-seed",
                "http://server/oss/",
            ],
            &[
                "bttui",
                "fetch",
                "a.torrent",
                "--to",
                "d",
                "--seed-room",
                "server:6969",
            ],
            &[
                "bttui",
                "fetch",
                "a.torrent",
                "--to",
                "d",
                "--seed-max",
                "5",
            ],
            &[
                "bttui",
                "fetch",
                "a.torrent",
                "--to",
                "d",
                "--seed-room",
                "http://10.77.0.1:6969",
                "--seed-for",
                "5",
            ],
            &["bttui", "start"],
            &["bttui", "view"],
        ];
        for arguments in table {
            assert!(Cli::try_parse_from(*arguments).is_err(), "{arguments:?}");
        }
    }
}
