//! What is done to an interface for one run, and undone at its end, whatever that end is.
//!
//! Undoing needs CAP_NET_ADMIN, which the server gives up before it serves. So a copy of this program is started
//! first, as root: it keeps that one capability, does what it is told through a pipe, and undoes all of it when the
//! pipe closes. A pipe closes when the server ends and when it is killed alike. The copy opens no port, reads no
//! packet, and leaves alone what it did not change itself.

use std::io::{self, BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::str::FromStr;

use anyhow::{Context, bail};
use nix::net::if_::if_nametoindex;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{Gid, Uid};
use rustix::thread::{self, CapabilitySet, CapabilitySets};

use crate::interface::kernel::Kernel;
use crate::user::User;

/// The word this program is called with to become the copy; it is no command for people.
pub const WORD: &str = "hold-interface";
/// What the copy answers when it has done what it was told.
const DONE: &str = "done";

/// The server's end of the pipe. Dropping it undoes everything, and waits until that is done.
#[derive(Debug)]
pub struct Hold {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
}

/// What may be asked of the copy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Wish {
    /// Switch the interface on.
    Up,
    /// Give it this address.
    Address(Ipv4Addr, u8),
}

impl Hold {
    /// Starts the copy for `interface`, as root. It becomes `user`, too.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(interface: &str, user: Option<&User>) -> anyhow::Result<Hold> {
        let mut command = Command::new("/proc/self/exe");
        command.args([WORD, interface]);
        if let Some(user) = user {
            command.args([user.uid.to_string(), user.gid.to_string()]);
        }
        // A group of its own: Ctrl-C is for the server, which then closes the pipe.
        command.process_group(0).current_dir("/");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the copy of bt-server that cares for the interface")?;
        let to = child.stdin.take();
        let from = child.stdout.take().context("the copy has no output")?;
        let from = BufReader::new(from);
        Ok(Hold { child, to, from })
    }

    /// Switches the interface on, for this run.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn up(&mut self) -> anyhow::Result<()> {
        self.tell(Wish::Up)
            .context("cannot switch the interface on")
    }

    /// Gives the interface an address, for this run.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn address(&mut self, address: Ipv4Addr, prefix: u8) -> anyhow::Result<()> {
        self.tell(Wish::Address(address, prefix))
            .with_context(|| format!("cannot give the interface the address {address}/{prefix}"))
    }

    fn tell(&mut self, wish: Wish) -> anyhow::Result<()> {
        let to = self.to.as_mut().context("the pipe is closed")?;
        writeln!(to, "{wish}").context("the copy of bt-server has ended")?;
        let mut answer = String::new();
        self.from.read_line(&mut answer)?;
        match answer.trim_end() {
            DONE => Ok(()),
            "" => bail!("the copy of bt-server has ended"),
            why => bail!("{why}"),
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        drop(self.to.take());
        let _ = self.child.wait();
    }
}

/// The copy's whole life: `arguments` are the interface and, perhaps, the numbers of the user and group to become.
///
/// # Errors
/// The interface or the kernel is not there, or something could not be undone.
pub fn serve(arguments: &[String]) -> anyhow::Result<()> {
    stay_for_the_end()?;
    let name = arguments.first().context("no interface was named")?;
    let index = if_nametoindex(name.as_str()).with_context(|| format!("no interface {name}"))?;
    let kernel = Kernel::open().context("no word with the kernel")?;
    give_up_the_rest(arguments)?;

    let mut done: Vec<Wish> = Vec::new();
    for line in io::stdin().lines() {
        // What cannot be read any more is an end, too.
        let Ok(line) = line else { break };
        let told = line.parse().and_then(|wish| {
            act(&kernel, index, wish)?;
            done.push(wish);
            Ok(())
        });
        let answer = told.map_or_else(|error| error.to_string(), |()| DONE.to_owned());
        // Who told us may be gone by now; then the next line is the end of the pipe.
        let _ = writeln!(io::stdout(), "{answer}");
    }
    let mut outcome = Ok(());
    for wish in done.into_iter().rev() {
        let undone = undo(&kernel, index, wish);
        let undone = undone.with_context(|| format!("{name}: cannot undo `{wish}`"));
        outcome = outcome.and(undone);
    }
    outcome
}

/// Only the pipe ends the copy: who ends a whole group of processes (a service manager does) must not keep it from
/// putting things right.
fn stay_for_the_end() -> anyhow::Result<()> {
    let mut blocked = SigSet::empty();
    for signal in [
        Signal::SIGINT,
        Signal::SIGTERM,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGPIPE,
    ] {
        blocked.add(signal);
    }
    blocked.thread_block().context("cannot block signals")
}

/// Becomes the user and keeps the one capability.
fn give_up_the_rest(arguments: &[String]) -> anyhow::Result<()> {
    if let [_, uid, gid] = arguments {
        let (uid, gid) = (Uid::from_raw(uid.parse()?), Gid::from_raw(gid.parse()?));
        thread::set_keep_capabilities(true).context("cannot keep capabilities")?;
        nix::unistd::setgroups(&[]).context("cannot give up root's groups")?;
        nix::unistd::setresgid(gid, gid, gid).context("cannot take the group")?;
        nix::unistd::setresuid(uid, uid, uid).context("cannot become the user")?;
    }
    let one = CapabilitySet::NET_ADMIN;
    let sets = CapabilitySets {
        effective: one,
        permitted: one,
        inheritable: CapabilitySet::empty(),
    };
    thread::set_no_new_privs(true).context("cannot forbid new privileges")?;
    thread::set_capabilities(None, sets).context("cannot keep CAP_NET_ADMIN alone")
}

fn act(kernel: &Kernel, index: u32, wish: Wish) -> io::Result<()> {
    match wish {
        Wish::Up => kernel.switch(index, true),
        Wish::Address(address, prefix) => kernel.add_address(index, address, prefix),
    }
}

fn undo(kernel: &Kernel, index: u32, wish: Wish) -> io::Result<()> {
    match wish {
        Wish::Up => kernel.switch(index, false),
        Wish::Address(address, prefix) => {
            let undone = kernel.remove_address(index, address, prefix);
            // Somebody was faster.
            let gone = |error: &io::Error| error.kind() == io::ErrorKind::AddrNotAvailable;
            if undone.as_ref().is_err_and(gone) {
                return Ok(());
            }
            undone
        }
    }
}

impl std::fmt::Display for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wish::Up => write!(f, "up"),
            Wish::Address(address, prefix) => write!(f, "address {address} {prefix}"),
        }
    }
}

impl FromStr for Wish {
    type Err = io::Error;

    fn from_str(line: &str) -> io::Result<Wish> {
        let mut words = line.split(' ');
        let wish = match words.next() {
            Some("up") => Some(Wish::Up),
            Some("address") => words
                .next()
                .and_then(|address| address.parse().ok())
                .zip(words.next().and_then(|prefix| prefix.parse().ok()))
                .map(|(address, prefix)| Wish::Address(address, prefix)),
            _ => None,
        };
        wish.ok_or_else(|| io::Error::other(format!("{line:?} cannot be done")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_understood_at_the_other_end() {
        for wish in [Wish::Up, Wish::Address(Ipv4Addr::new(10, 77, 0, 1), 24)] {
            let read: Wish = wish.to_string().parse().expect("understood");
            assert_eq!(read, wish);
        }
        for other in ["", "down", "address", "address 10.77.0.1", "address x 24"] {
            assert!(other.parse::<Wish>().is_err(), "{other}");
        }
    }
}
