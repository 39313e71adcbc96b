//! The bench's command line: what a person asks for, as a plan that makes sense.

use anyhow::{Result, ensure};
use clap::Subcommand;

use super::bound::Speeds;
use super::engine::Engine;
use super::plan::Plan;
use super::size::{MOST, parse_size};
use super::{dhcp, leaving, matrix, report, tftp};

/// What the person may say on the command line.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) what: What,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum What {
    /// Let machines fetch the same bytes at the same time; compare engines with the lower bound
    #[command(after_help = "\
Speeds are in Mbit/s of the wire, headers included. Prints a table and writes it with all figures
and a plot to target/bench/. For more than 4 machines http is computed, not run.
Engines beside the default ones: mixed (every other machine has aria2), aria2-here (all have aria2, at
bt-server), sha1 (curl | sha1sum).")]
    Swarm(SwarmArgs),
    /// Measure what the project promises, row by row, and say which of it is met
    Matrix(matrix::Args),
    /// Measure when each machine's system starts, by the rule it leaves the swarm by
    Leaving(leaving::Args),
    /// Measure how many machines a second get an address, beside other DHCP servers
    Dhcp(dhcp::Args),
    /// Measure how fast a room fetches by TFTP, beside other TFTP servers
    Tftp(tftp::Args),
}

impl What {
    /// Whether this is the part that needs root, and everything is built.
    pub(super) fn built(&self) -> bool {
        match self {
            What::Swarm(args) => args.built,
            What::Matrix(args) => args.built,
            What::Leaving(args) => args.built,
            What::Dhcp(args) => args.built,
            What::Tftp(args) => args.built,
        }
    }

    /// Whether programs of ours are measured.
    pub(super) fn has_ours(&self) -> bool {
        match self {
            What::Swarm(args) => args.engines().iter().any(|engine| engine.has_ours()),
            What::Matrix(_) | What::Leaving(_) => true,
            What::Dhcp(args) => args.has_ours(),
            What::Tftp(args) => args.has_ours(),
        }
    }
}

#[derive(Clone, Debug, clap::Args)]
pub(super) struct SwarmArgs {
    /// Machines that start together
    #[arg(long, value_name = "N", default_value_t = 8)]
    clients: u32,
    /// What each of them fetches: bytes, or with KiB, MiB, GiB
    #[arg(long, value_name = "SIZE", default_value = "128MiB", value_parser = parse_size)]
    size: u64,
    /// A machine's cable, both directions; 0 for no limit anywhere
    #[arg(long, value_name = "MBIT", default_value_t = 40)]
    rate: u32,
    /// The server's cable, both directions [default: as --rate]
    #[arg(long, value_name = "MBIT")]
    server_rate: Option<u32>,
    /// What a machine sends [default: as --rate]
    #[arg(long, value_name = "MBIT")]
    uplink: Option<u32>,
    /// What is compared [default: ours,aria2,libtorrent,transmission,udpcast,http; see below]
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        value_enum,
        hide_possible_values = true
    )]
    engines: Vec<Engine>,
    /// So many percent of the machines vanish mid-way, and as many others come
    #[arg(long, value_name = "PERCENT", default_value_t = 0)]
    churn: u32,
    /// Measure each engine so often and take the medians
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(super) runs: u32,
    /// Everything is built already: how the part that needs root is started
    #[arg(long, hide = true)]
    built: bool,
}

impl SwarmArgs {
    /// The engines to compare.
    pub(super) fn engines(&self) -> Vec<Engine> {
        match self.engines.as_slice() {
            [] => Engine::DEFAULT.to_vec(),
            named => named.to_vec(),
        }
    }

    /// The plan, where it makes sense.
    pub(super) fn plan(&self) -> Result<Plan> {
        ensure!(
            (1..=MOST).contains(&self.clients),
            "--clients {}: 1 to {MOST} machines",
            self.clients
        );
        ensure!(self.runs > 0, "--runs 0 measures nothing");
        ensure!(self.size > 0, "--size 0 leaves nothing to fetch");
        ensure!(
            self.churn < 100,
            "--churn {}: somebody must stay",
            self.churn
        );
        let others = self.server_rate.is_some() || self.uplink.is_some();
        ensure!(
            self.rate > 0 || !(others || self.churn > 0),
            "--rate 0 limits nothing: it goes with neither --server-rate, --uplink nor --churn"
        );
        let speeds = Speeds {
            server: self.server_rate.unwrap_or(self.rate),
            down: self.rate,
            up: self.uplink.unwrap_or(self.rate),
        };
        ensure!(
            self.rate == 0 || (speeds.server > 0 && speeds.up > 0),
            "a cable of 0 Mbit/s carries nothing"
        );
        Ok(Plan {
            clients: self.clients,
            churn: (self.clients * self.churn + 50) / 100,
            bytes: self.size,
            speeds: (self.rate > 0).then_some(speeds),
            patience: None,
        })
    }

    /// The command line that asks for the same again.
    pub(super) fn command(&self) -> String {
        let mut words = format!(
            "cargo xtask bench swarm --clients {} --size {} --rate {} --runs {}",
            self.clients,
            report::size(self.size),
            self.rate,
            self.runs
        );
        let mut add = |name: &str, value: Option<u32>| {
            if let Some(value) = value {
                words += &format!(" --{name} {value}");
            }
        };
        add("server-rate", self.server_rate);
        add("uplink", self.uplink);
        add("churn", (self.churn > 0).then_some(self.churn));
        if !self.engines.is_empty() {
            let names: Vec<_> = self.engines.iter().map(|engine| engine.name()).collect();
            words += &format!(" --engines {}", names.join(","));
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{CommandFactory, Parser};

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    fn parsed(line: &str) -> Result<Plan> {
        let words = ["x", "swarm"].into_iter().chain(line.split_whitespace());
        match Cli::try_parse_from(words)?.args.what {
            What::Swarm(args) => args.plan(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn cables_that_are_not_named_are_as_the_rate_says() {
        let plan = parsed("--rate 20 --server-rate 2 --clients 5 --churn 20").unwrap();
        let speeds = Speeds {
            server: 2,
            down: 20,
            up: 20,
        };
        assert_eq!((plan.speeds, plan.churn), (Some(speeds), 1));
        assert_eq!(parsed("--rate 0").unwrap().speeds, None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for bad in [
            "--clients 0",
            "--clients 101",
            "--runs 0",
            "--size 0",
            "--churn 100",
            "--rate 0 --uplink 5",
            "--uplink 0",
            "--engines ftp",
        ] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn help_fits_a_screen() {
        let mut command = Cli::command();
        for name in ["swarm", "matrix", "leaving", "dhcp", "tftp"] {
            let bench = command.find_subcommand_mut(name).unwrap();
            let help = bench.render_help().to_string();
            assert!(help.lines().count() <= 25, "{help}");
            let wide = |line: &str| line.chars().count() > 102;
            assert!(!help.lines().any(wide), "{help}");
        }
    }
}
