//! apt, asked about this machine's architecture or about another one.
//!
//! Of another architecture it has lists of its own below `target/`: this machine's apt is left as it is, and nothing of
//! that architecture can be installed by mistake.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use crate::{places, run, setup};

/// apt for one architecture; `None` is this machine's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Apt<'a>(pub(super) Option<&'a str>);

impl Apt<'_> {
    /// apt's records of packages, one after the other.
    pub(super) fn show(self, names: &[&str]) -> Result<String> {
        let mut command = self.command("apt-cache")?;
        run::output(command.args(["show", "--no-all-versions"]).args(names))
    }

    /// A command that will fetch one package file into the folder it runs in.
    pub(super) fn download(self, name: &str, version: &str) -> Result<Command> {
        let mut command = self.command("apt-get")?;
        command.args(["-qq", "download", &format!("{name}={version}")]);
        Ok(command)
    }

    /// Fetches the package lists anew.
    pub(super) fn refresh_lists(self) -> Result<()> {
        let Some(architecture) = self.0 else {
            return setup::refresh_lists();
        };
        eprintln!(
            "Fetching the package lists of this machine's package sources for {architecture}."
        );
        run::run_aloud(self.command("apt-get")?.args(["-q", "update"]))
    }

    fn command(self, program: &str) -> Result<Command> {
        let mut command = Command::new(program);
        if run::is_root() {
            // apt would fetch as the user _apt, who cannot write here, and warn about it.
            command.args(["-o", "APT::Sandbox::User=root"]);
        }
        if let Some(architecture) = self.0 {
            for setting in own_state(architecture)? {
                command.args(["-o", &setting]);
            }
        }
        Ok(command)
    }
}

/// Settings of apt that keep everything of an architecture in a folder of its own (apt.conf(5)).
fn own_state(architecture: &str) -> Result<[String; 7]> {
    let folder = places::phase1().join("apt").join(architecture);
    for needed in ["lists/partial", "cache"] {
        let needed = folder.join(needed);
        fs::create_dir_all(&needed).with_context(|| format!("{}", needed.display()))?;
    }
    let status = folder.join("status");
    if !status.exists() {
        fs::write(&status, "")?;
    }
    let folder = folder.display();
    Ok([
        format!("Dir::State={folder}"),
        format!("Dir::State::status={folder}/status"),
        format!("Dir::Cache={folder}/cache"),
        format!("APT::Architecture={architecture}"),
        format!("APT::Architectures={architecture}"),
        // Translations, and what graphical package managers show.
        "Acquire::Languages=none".to_owned(),
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
    ])
}
