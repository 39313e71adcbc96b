//! A DHCP client that we did not write, running on a machine of the room.
//!
//! Each has a folder of the room for all it reads and writes. The computer's own files stay out of
//! its way: it sees /etc read-only, and folders of the room as /run and /var/lib/dhcpcd.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{Stop, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::lesson::Pupil;
use crate::program::{Identifier, Program};

/// From what a client is told to its effect.
const SOON: Duration = Duration::from_secs(30);

/// What a client's script was called for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Event {
    /// It has a lease.
    Bound,
    /// It has the lease that it remembered.
    Rebooted,
    /// Its lease begins anew.
    Renewed,
    /// The same, after the server it had the lease from did not answer.
    Rebound,
    /// It has none any more.
    Gone,
}

/// What the script was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Lease {
    pub(crate) address: Ipv4Addr,
    pub(crate) server: Ipv4Addr,
    pub(crate) mask: Ipv4Addr,
    /// How long it lasts.
    pub(crate) seconds: u32,
    /// The way out of its network, the first that was named.
    pub(crate) router: Option<Ipv4Addr>,
}

/// A running client. Dropping it is a power failure: nobody is told.
#[derive(Debug)]
pub(crate) struct Client<'a> {
    pupil: &'a Pupil,
    home: PathBuf,
    program: Program,
    child: Child,
    /// Lines of its script that have been waited for.
    seen: usize,
}

/// $1 is the client's folder; the rest is the client.
const OWN_FOLDERS: &str = "\
    for folder in /run /var/lib/dhcpcd; do \
        mkdir -p \"$1$folder\" && mount --bind \"$1$folder\" $folder || exit; \
    done && \
    mount --bind /etc /etc && mount -o remount,bind,ro /etc && \
    shift && exec \"$@\"";

impl<'a> Client<'a> {
    /// Starts `program` on `pupil` with its files in the folder `home`, which it may know from
    /// before.
    pub(crate) fn start(
        pupil: &'a Pupil,
        home: &str,
        program: Program,
        identifier: Identifier,
    ) -> Result<Client<'a>> {
        let home = pupil.folder().join(home);
        fs::create_dir_all(&home)?;
        let script = home.join("script");
        let text = program
            .script()
            .replace("@HOME@", &home.display().to_string());
        fs::write(&script, text)?;
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
        fs::write(home.join("settings"), program.settings(identifier))?;
        if program == Program::Dhclient {
            // A copy: where AppArmor knows the installed one, it lets it into its own folders only.
            fs::copy("/sbin/dhclient", home.join("dhclient")).context("no dhclient")?;
        }
        // Its disk remembers leases, but what its script told before is of no interest.
        fs::write(home.join("events"), "")?;
        let child = command(pupil, &home, &program.arguments(&home, identifier, "")?)?.spawn()?;
        Ok(Client {
            pupil,
            home,
            program,
            child,
            seen: 0,
        })
    }

    /// Waits until its script is called for `event`; hands back what it was told.
    pub(crate) fn wait_for(&mut self, event: Event) -> Result<Lease> {
        self.wait_long_for(event, SOON)
    }

    /// The same for what takes longer: waits until `deadline` has passed.
    pub(crate) fn wait_long_for(&mut self, event: Event, deadline: Duration) -> Result<Lease> {
        let words = self.wait_for_line(event, deadline)?;
        let lease = || {
            Some(Lease {
                address: words.get(1)?.parse().ok()?,
                server: words.get(2)?.parse().ok()?,
                mask: words.get(3)?.parse().ok()?,
                seconds: words.get(4)?.parse().ok()?,
                router: match words.get(5) {
                    Some(word) => Some(word.parse().ok()?),
                    None => None,
                },
            })
        };
        lease().with_context(|| format!("{:?} told its script {words:?}", self.program))
    }

    /// Waits until it has no lease any more.
    pub(crate) fn wait_for_the_end(&mut self) -> Result<()> {
        self.wait_for_line(Event::Gone, SOON).map(drop)
    }

    /// Tells it to renew its lease. dhclient cannot be told; it does so every few seconds.
    pub(crate) fn renew(&self) -> Result<()> {
        match self.program {
            Program::Udhcpc | Program::PxeRom => self.signal(Signal::SIGUSR1),
            Program::Dhcpcd => self.wish("-N"),
            Program::Dhclient => Ok(()),
        }
    }

    /// Tells it to give its lease back.
    pub(crate) fn release(&self) -> Result<()> {
        match self.program {
            Program::Udhcpc | Program::PxeRom => self.signal(Signal::SIGUSR2),
            Program::Dhcpcd => self.wish("-k"),
            Program::Dhclient => self.wish("-r"),
        }
    }

    fn wait_for_line(&mut self, event: Event, deadline: Duration) -> Result<Vec<String>> {
        let name = format!("{event:?}");
        let (path, seen) = (self.home.join("events"), self.seen);
        let came = until(&name, deadline, &Stop::never(), || {
            let told = fs::read_to_string(&path)?;
            let lines = told.split_inclusive('\n').enumerate().skip(seen);
            let mut whole = lines.filter(|(_, line)| line.ends_with('\n'));
            Ok(whole.find_map(|(number, line)| {
                let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
                (words.first() == Some(&name)).then_some((number, words))
            }))
        });
        let (number, words) = came.with_context(|| {
            let log = fs::read_to_string(self.home.join("log")).unwrap_or_default();
            format!("{:?} said:\n{log}", self.program)
        })?;
        self.seen = number + 1;
        Ok(words)
    }

    /// Calls the program a second time, to tell the running one.
    fn wish(&self, wish: &str) -> Result<()> {
        let arguments = self.program.arguments(&self.home, Identifier::None, wish)?;
        let status = command(self.pupil, &self.home, &arguments)?.status()?;
        ensure!(status.success(), "{:?} {wish}: {status}", self.program);
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.child.id().try_into()?), signal)?)
    }
}

impl Drop for Client<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let host = self.pupil.host();
        let flush = format!("address flush dev {}", host.interface());
        let _ = host.namespace().ip(&flush);
    }
}

/// `arguments` as a command on `pupil`; what it says goes to the log in `home`.
fn command(pupil: &Pupil, home: &Path, arguments: &[OsString]) -> Result<Command> {
    let log = File::options()
        .create(true)
        .append(true)
        .open(home.join("log"))?;
    let mut command = pupil.host().command("sh");
    command
        .args(["-c", OWN_FOLDERS, "sh"])
        .arg(home)
        .args(arguments);
    command.stdout(log.try_clone()?).stderr(log);
    Ok(command)
}
