//! apt, asked about this machine's own packages, those of another architecture, or those of another Debian release.
//!
//! Of the latter two it has lists of its own below `target/`: this machine's apt is left as it is, and nothing of theirs
//! can be installed by mistake.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{installed, places, run};

/// The keys of all Debian releases that are supported, from the package debian-archive-keyring.
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Which packages apt is asked about.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum Apt {
    /// This machine's.
    #[default]
    Own,
    /// Those of another architecture.
    Architecture(String),
    /// Those of the Debian release with this code name, on the mirrors that this machine uses.
    Release(String),
}

impl Apt {
    /// Takes `NAME`, `NAME:ARCHITECTURE` or `NAME/RELEASE` apart, as apt writes them.
    pub(super) fn of(name: &str) -> (&str, Self) {
        if let Some((name, architecture)) = name.split_once(':') {
            return (name, Self::Architecture(architecture.to_owned()));
        }
        match name.split_once('/') {
            Some((name, release)) => (name, Self::Release(release.to_owned())),
            None => (name, Self::Own),
        }
    }

    /// apt's records of packages, one after the other.
    pub(super) fn show(&self, names: &[&str]) -> Result<String> {
        let mut command = self.command("apt-cache")?;
        run::output(command.args(["show", "--no-all-versions"]).args(names))
    }

    /// A command that will fetch one package file into the folder it runs in.
    pub(super) fn download(&self, name: &str, version: &str) -> Result<Command> {
        let mut command = self.command("apt-get")?;
        command.args(["-qq", "download", &format!("{name}={version}")]);
        Ok(command)
    }

    /// Fetches the package lists anew.
    pub(super) fn refresh_lists(&self) -> Result<()> {
        let (Self::Architecture(name) | Self::Release(name)) = self else {
            return installed::refresh_lists();
        };
        eprintln!("Fetching the package lists of this machine's package sources for {name}.");
        run::run_aloud(self.command("apt-get")?.args(["-q", "update"]))
    }

    fn command(&self, program: &str) -> Result<Command> {
        let mut command = Command::new(program);
        if run::is_root() {
            // apt would fetch as the user _apt, who cannot write here, and warn about it.
            command.args(["-o", "APT::Sandbox::User=root"]);
        }
        let settings = match self {
            Self::Own => Vec::new(),
            Self::Architecture(name) => {
                let folder = places::phase1().join("apt").join(name);
                let mut settings = own_state(&folder)?;
                settings.push(format!("APT::Architecture={name}"));
                settings.push(format!("APT::Architectures={name}"));
                settings
            }
            Self::Release(name) => {
                let folder = places::phase1().join("apt").join(name);
                let mut settings = own_state(&folder)?;
                let list = folder.join("sources.list");
                fs::write(&list, sources(&indexes()?, name)?)?;
                settings.push(format!("Dir::Etc::SourceList={}", list.display()));
                settings.push("Dir::Etc::SourceParts=/dev/null".to_owned());
                settings
            }
        };
        for setting in settings {
            command.args(["-o", &setting]);
        }
        Ok(command)
    }
}

/// What this machine's apt knows of its package lists: origin, code name, component and address of each.
fn indexes() -> Result<String> {
    let format = "$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)";
    let mut command = Command::new("apt-get");
    run::output(command.args(["indextargets", "--format", format, "Created-By: Packages"]))
}

/// Package sources (sources.list(5)) for `release` where this machine has some for the release it runs itself, with
/// the same updates: `bookworm-security` becomes `trixie-security`.
fn sources(indexes: &str, release: &str) -> Result<String> {
    let mut lines = Vec::new();
    for index in indexes.lines() {
        let words: Vec<&str> = index.split_whitespace().collect();
        let ["Debian", suite, "main", address] = words[..] else {
            continue;
        };
        let updates = suite.find('-').map_or("", |at| &suite[at..]);
        let line = format!("deb [signed-by={KEYS}] {address} {release}{updates} main\n");
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    ensure!(
        !lines.is_empty(),
        "this machine has no package sources of Debian, and phase 1 takes a package of {release}"
    );
    Ok(lines.concat())
}

/// Settings of apt that keep its state in a folder of its own (apt.conf(5)).
fn own_state(folder: &Path) -> Result<Vec<String>> {
    for needed in ["lists/partial", "cache"] {
        let needed = folder.join(needed);
        fs::create_dir_all(&needed).with_context(|| format!("{}", needed.display()))?;
    }
    let status = folder.join("status");
    if !status.exists() {
        fs::write(&status, "")?;
    }
    let folder = folder.display();
    Ok(vec![
        format!("Dir::State={folder}"),
        format!("Dir::State::status={folder}/status"),
        format!("Dir::Cache={folder}/cache"),
        // Translations, and what graphical package managers show.
        "Acquire::Languages=none".to_owned(),
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_owned(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whose_package_it_is() {
        assert_eq!(Apt::of("ipxe"), ("ipxe", Apt::Own));
        let arm = Apt::Architecture("arm64".to_owned());
        assert_eq!(Apt::of("grub:arm64"), ("grub", arm));
        assert_eq!(
            Apt::of("grub/trixie"),
            ("grub", Apt::Release("trixie".to_owned()))
        );
    }

    #[test]
    fn another_release_comes_from_the_same_mirrors() {
        let indexes = "Debian bookworm main http://one/debian/\nDebian bookworm main http://one/debian/\n\
            Debian bookworm contrib http://one/debian/\nDebian bookworm-security main http://two/sec/\n\
            Somebody nodistro main http://three/\n";
        let expected = format!(
            "deb [signed-by={KEYS}] http://one/debian/ trixie main\n\
             deb [signed-by={KEYS}] http://two/sec/ trixie-security main\n"
        );
        assert_eq!(sources(indexes, "trixie").unwrap(), expected);
        assert!(sources("Ubuntu noble main http://one/\n", "trixie").is_err());
    }
}
