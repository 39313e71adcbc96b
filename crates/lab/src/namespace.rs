//! A network namespace without a name: held by a descriptor, gone with its last process.
//!
//! Never mounts anything under /run/netns, so `ip netns` of the computer shows nothing of it.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{self, Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};
use nix::sched::{CloneFlags, setns, unshare};

/// Programs started inside see their own /sys too, as they would on a computer of their own;
/// a new network namespace alone would leave them the interfaces of ours in /sys/class/net.
const OWN_SYSFS: &str = "mount -t sysfs sysfs /sys && exec \"$@\"";

/// One network namespace.
#[derive(Debug)]
pub struct Namespace {
    descriptor: OwnedFd,
}

impl Namespace {
    /// A fresh namespace with nothing in it but a loopback interface, which is up.
    pub fn new() -> Result<Namespace> {
        need_root()?;
        // Only the thread moves into the new namespace, and it ends right after: this process
        // as a whole never leaves the network it was started in.
        let descriptor = on_own_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).context("cannot make a network namespace")?;
            let file = File::open("/proc/thread-self/ns/net")?;
            Ok(OwnedFd::from(file))
        })?;
        let namespace = Namespace { descriptor };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Where other processes find this namespace for as long as this value lives; `ip` takes such
    /// a path wherever it wants the name of a namespace.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", process::id(), self.descriptor.as_raw_fd())
    }

    /// A command that will run inside, in a process group of its own so that Ctrl-C reaches it in
    /// the order we choose. Everything on the way there replaces itself: the child's process id is
    /// the program's.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.path()))
            .args([
                "--", "unshare", "--mount", "--", "sh", "-c", OWN_SYSFS, "sh",
            ])
            .arg(program)
            .stdin(Stdio::null())
            .process_group(0);
        command
    }

    /// Runs a closure inside, on a thread of its own: the sockets it opens belong to the
    /// namespace for good, also after they are handed out.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        on_own_thread(|| {
            setns(&self.descriptor, CloneFlags::CLONE_NEWNET)
                .context("cannot enter the network namespace")?;
            work()
        })
    }

    /// Runs `ip` inside with the words of `arguments`; fails with what it said.
    pub fn ip(&self, arguments: &str) -> Result<()> {
        self.network_tool("ip", arguments).map(drop)
    }

    /// Runs one of iproute2's tools (`ip`, `tc`, `bridge`) inside; hands back what it printed.
    pub(crate) fn network_tool(&self, tool: &str, arguments: &str) -> Result<String> {
        let output = Command::new("nsenter")
            .arg(format!("--net={}", self.path()))
            .args(["--", tool])
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run nsenter and {tool}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{tool} {arguments}: {}", said.trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// One sentence when the lab cannot work here.
pub fn need_root() -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        bail!("the lab makes network namespaces and taps, which needs root: run it with sudo");
    }
    Ok(())
}

/// Runs `work` on a thread that ends with it, because a thread's namespace cannot be trusted afterwards.
fn on_own_thread<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    thread::scope(|scope| match scope.spawn(work).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    #[ignore = "needs root"]
    fn what_is_opened_inside_stays_inside() {
        let namespace = Namespace::new().unwrap();
        let listener = namespace
            .enter(|| Ok(TcpListener::bind("127.0.0.1:0")?))
            .unwrap();
        let address = listener.local_addr().unwrap();
        assert!(
            std::net::TcpStream::connect(address).is_err(),
            "a listener of the namespace was reachable from outside"
        );
        namespace
            .enter(|| Ok(std::net::TcpStream::connect(address)?))
            .expect("and is reachable from inside");
    }

    #[test]
    #[ignore = "needs root"]
    fn a_child_is_the_program_itself_and_sees_its_own_interfaces() {
        let namespace = Namespace::new().unwrap();
        namespace.ip("link add eth0 type veth peer eth1").unwrap();
        let output = namespace
            .command("sh")
            .args(["-c", "echo $$; ls /sys/class/net"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = output.id();
        let output = output.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text, format!("{pid}\neth0\neth1\nlo\n"));
    }
}
