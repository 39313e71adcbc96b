//! A room: one switch, and what is plugged into it.
//!
//! The switch is a namespace with a bridge that has no address and no spanning tree; nothing
//! connects it to the computer's own networks.

use std::ffi::OsStr;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::machine::Wire;
use crate::watcher::Watcher;
use crate::{Machine, Namespace, Spec, Stop, need_root};

/// The interface every host has in the room.
const HOST_INTERFACE: &str = "eth0";

/// One private switch with everything on it. Dropping it ends every process in it, however it was
/// started; drop the machines and servers first to let them end in order.
#[derive(Debug)]
pub struct Room {
    switch: Namespace,
    ports: u32,
    scratch: PathBuf,
    logs: PathBuf,
    watcher: Watcher,
    stop: Stop,
}

impl Room {
    /// An empty room. Waits of everything in it end early when `stop` is requested.
    pub fn new(stop: &Stop) -> Result<Room> {
        Room::new_in(&std::env::temp_dir(), stop)
    }

    /// As [`Room::new`], with [`Room::scratch`] below `folder`: for rooms with much in their files.
    pub fn new_in(folder: &Path, stop: &Stop) -> Result<Room> {
        need_root()?;
        let scratch = tempfile::Builder::new()
            .prefix("bt-lab-")
            .tempdir_in(folder)
            .context("cannot make a directory for the room")?;
        // A server that drops root must still reach its files in here.
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755))?;
        let mut watcher = Watcher::start(scratch.path())?;
        let scratch = scratch.keep();
        let switch = Namespace::new()?;
        watcher.hold(&switch)?;
        switch.ip("link add br0 type bridge stp_state 0 forward_delay 0 mcast_snooping 0")?;
        // Not even a link-local address: a switch says nothing of its own.
        switch.ip("link set br0 addrgenmode none")?;
        switch.ip("link set br0 up")?;
        switch.enter(without_firewall)?;
        Ok(Room {
            switch,
            ports: 0,
            logs: scratch.clone(),
            scratch,
            watcher,
            stop: stop.clone(),
        })
    }

    /// The switch itself: the place to listen to everything, for example with tcpdump on `br0`.
    pub fn switch(&self) -> &Namespace {
        &self.switch
    }

    /// A directory for the files of this room, readable by everybody, removed with the room.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// Puts the serial logs of machines that are plugged in from now on into `folder`, which
    /// outlives the room; without this they are in [`Room::scratch`].
    pub fn keep_logs_in(&mut self, folder: &Path) {
        folder.clone_into(&mut self.logs);
    }

    /// The wish that ends this room's waits.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Plugs in a computer that is only a namespace: one interface, `eth0`, with `address` (and
    /// none when it is `None`) in a network of `prefix` bits.
    pub fn host(&mut self, address: Option<(Ipv4Addr, u8)>) -> Result<Host> {
        let namespace = Namespace::new()?;
        self.watcher.hold(&namespace)?;
        let port = self.cable(&namespace, HOST_INTERFACE, address)?;
        Ok(Host {
            namespace,
            address: address.map(|(address, _)| address),
            port,
        })
    }

    /// Plugs in a computer that is in another room already, with one more interface of this name.
    ///
    /// # Errors
    /// It has an interface of that name.
    pub fn plug_in(
        &mut self,
        host: &Host,
        interface: &str,
        address: Ipv4Addr,
        prefix: u8,
    ) -> Result<()> {
        let address = Some((address, prefix));
        self.cable(&host.namespace, interface, address).map(drop)
    }

    /// Plugs in a virtual machine and switches it on.
    pub fn machine(&mut self, spec: &Spec) -> Result<Machine> {
        let tap = self.next_port("tap");
        self.switch.ip(&format!("tuntap add dev {tap} mode tap"))?;
        self.plug(&tap)?;
        let wire = Wire {
            switch: &self.switch,
            tap: &tap,
        };
        Machine::power_on(spec, &wire, &self.scratch, &self.logs, &self.stop)
            .with_context(|| format!("machine {}", spec.name))
    }

    /// A cable from the switch to a new interface of `namespace`; hands back the name of the switch's port.
    fn cable(
        &mut self,
        namespace: &Namespace,
        interface: &str,
        address: Option<(Ipv4Addr, u8)>,
    ) -> Result<String> {
        let port = self.next_port("p");
        self.switch.ip(&format!(
            "link add {port} type veth peer name {interface} netns {}",
            namespace.path()
        ))?;
        self.plug(&port)?;
        if let Some((address, prefix)) = address {
            namespace.ip(&format!(
                "addr add {address}/{prefix} brd + dev {interface}"
            ))?;
        }
        namespace.ip(&format!("link set {interface} up"))?;
        if let Some((address, prefix)) = address {
            send_as_debian_does(namespace, interface, address, prefix)?;
        }
        Ok(port)
    }

    fn next_port(&mut self, kind: &str) -> String {
        self.ports += 1;
        format!("{kind}{}", self.ports)
    }

    fn plug(&self, port: &str) -> Result<()> {
        self.switch
            .ip(&format!("link set {port} addrgenmode none"))?;
        self.switch.ip(&format!("link set {port} master br0 up"))
    }
}

/// Makes TCP to the room send as a Debian machine's does, with CUBIC.
///
/// A computer may have another default, which its namespaces inherit, and may keep CUBIC from them as a default; a route
/// may name it all the same. BBR, which some virtual machines come with, takes the losses of a full switch port for
/// granted: sixteen machines that sent to each other at 20 Mbit/s sent one segment of twelve twice.
fn send_as_debian_does(
    namespace: &Namespace,
    interface: &str,
    address: Ipv4Addr,
    prefix: u8,
) -> Result<()> {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
    let network = Ipv4Addr::from(u32::from(address) & mask);
    namespace.ip(&format!(
        "route change {network}/{prefix} dev {interface} proto kernel scope link src {address} congctl cubic"
    ))
}

/// A computer of the room that is a namespace with one interface.
#[derive(Debug)]
pub struct Host {
    namespace: Namespace,
    address: Option<Ipv4Addr>,
    /// The switch's end of its cable.
    port: String,
}

impl Host {
    /// The name of its interface.
    pub fn interface(&self) -> &'static str {
        HOST_INTERFACE
    }

    /// Its address, when it was given one.
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.address
    }

    /// Says at which address it is found, where somebody else gives it that.
    pub fn answers_at(&mut self, address: Ipv4Addr) {
        self.address = Some(address);
    }

    /// Its namespace, for sockets of our own in it.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// A command that will run on it; see [`Namespace::command`].
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        self.namespace.command(program)
    }

    /// The name of the switch's port it is plugged into.
    pub(crate) fn port(&self) -> &str {
        &self.port
    }
}

/// Where the module br_netfilter is loaded, each packet would pass the firewall's hooks on its way through the
/// bridge. A switch has none, and a room of machines would spend a tenth of its processor time there.
fn without_firewall() -> Result<()> {
    for family in ["arptables", "iptables", "ip6tables"] {
        let path = format!("/proc/sys/net/bridge/bridge-nf-call-{family}");
        match fs::write(&path, "0") {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot write {path}"));
            }
            _ => {}
        }
    }
    Ok(())
}
