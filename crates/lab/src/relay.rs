//! DHCP relay agents that we did not write (RFC 1542): on a router, they carry what machines of one
//! room say to everybody to a server in another, and its answers back.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command};

use anyhow::{Context, Result};

use crate::Router;

/// A running relay agent. Dropping it ends it.
#[derive(Debug)]
pub struct RelayAgent(Child);

impl RelayAgent {
    /// ISC's `program` (see [`crate::built::dhcrelay`]) for all rooms beyond the first one of `router`. It tells the
    /// `server` at which of its interfaces a machine asked (option 82, RFC 3046), takes that out of the answers
    /// again, and drops answers without it. What it says goes to the file `log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn isc(
        program: &Path,
        router: &Router,
        server: Ipv4Addr,
        log: &Path,
    ) -> Result<RelayAgent> {
        let mut agent = router.host().command(program);
        agent.args(["-4", "-d", "--no-pid", "-a", "-iu"]);
        agent.arg(router.host().interface());
        for (interface, _) in router.beyond() {
            agent.args(["-id", interface]);
        }
        agent.arg(server.to_string());
        RelayAgent::start(agent, log)
    }

    /// dnsmasq, which adds nothing but its address. Otherwise as [`RelayAgent::isc`].
    ///
    /// # Errors
    /// It cannot be started.
    pub fn dnsmasq(router: &Router, server: Ipv4Addr, log: &Path) -> Result<RelayAgent> {
        let mut agent = router.host().command("dnsmasq");
        agent.args(["--keep-in-foreground", "--conf-file=/dev/null", "--port=0"]);
        agent.args(["--user=root", "--log-facility=-", "--log-dhcp"]);
        agent.args(["--pid-file=", "--leasefile-ro"]);
        for (_, address) in router.beyond() {
            agent.arg(format!("--dhcp-relay={address},{server}"));
        }
        RelayAgent::start(agent, log)
    }

    fn start(mut agent: Command, log: &Path) -> Result<RelayAgent> {
        let said = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        agent.stdout(said.try_clone()?).stderr(said);
        let child = agent
            .spawn()
            .context("cannot start nsenter and the relay agent")?;
        Ok(RelayAgent(child))
    }
}

impl Drop for RelayAgent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
