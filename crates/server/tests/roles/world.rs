//! A room with a host that the server is to run on, and an ear for what machines are given.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bt_server::doors::ear;
use lab::{Host, Room, Stop};

use crate::common::dnsmasq::OTHER;
use crate::common::{Server, phase1};

pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// From something on the wire to what the server says of it: it asks every 15 s.
pub(crate) const NOTICED: Duration = Duration::from_secs(60);
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// A room, one host of it that the server is to run on, and something to boot.
pub(crate) struct World {
    pub(crate) host: Host,
    oss: PathBuf,
    program: PathBuf,
    pub(crate) room: Room,
}

impl World {
    pub(crate) fn new(address: Option<(Ipv4Addr, u8)>) -> Result<World> {
        let mut room = Room::new(&Stop::never())?;
        let host = room.host(address)?;
        // A copy that an ordinary user can reach.
        let program = room.scratch().join("bt-server");
        fs::copy(env!("CARGO_BIN_EXE_bt-server"), &program)?;
        let oss = room.scratch().join("oss");
        fs::create_dir_all(oss.join("tiny"))?;
        fs::write(oss.join("tiny/vmlinuz"), "a kernel")?;
        fs::write(oss.join("tiny/initrd.img"), "its initrd")?;
        Ok(World {
            host,
            oss,
            program,
            room,
        })
    }

    /// Plugs in the host of somebody else's server.
    pub(crate) fn other(&mut self) -> Result<Host> {
        self.room.host(Some((OTHER, 24)))
    }

    pub(crate) fn start(&self, options: &[&str]) -> Result<Server> {
        self.start_on(&self.host, "server", options)
    }

    pub(crate) fn start_on(&self, host: &Host, name: &str, options: &[&str]) -> Result<Server> {
        let scratch = self.room.scratch();
        let state = scratch.join(format!("{name}.state"));
        let mut command = host.command(&self.program);
        command.args(["--iface", host.interface(), "--oss"]);
        command.arg(&self.oss).arg("--state").arg(state);
        command.args(phase1()).args(options);
        Server::start(&mut command, &scratch.join(format!("{name}.log")))
    }

    /// A cable from the server's computer, where its end is called `name` and has this address, to `other`, where it is
    /// called the same.
    pub(crate) fn cable(&self, name: &str, address: &str, other: &Host) -> Result<()> {
        let namespace = self.host.namespace();
        let there = other.namespace().path();
        namespace.ip(&format!(
            "link add {name} type veth peer name {name} netns {there}"
        ))?;
        // The kernel's own words of IPv6 are not ours.
        namespace.ip(&format!("link set {name} addrgenmode none"))?;
        namespace.ip(&format!("address add {address} dev {name}"))?;
        namespace.ip(&format!("link set {name} up"))?;
        other.namespace().ip(&format!("link set {name} up"))
    }

    /// How many packets an interface of the server's computer received and sent.
    pub(crate) fn packets(&self, interface: &str) -> Result<(u64, u64)> {
        self.host.namespace().enter(|| {
            let table = fs::read_to_string("/proc/thread-self/net/dev")?;
            let of = format!("{interface}:");
            let line = table.lines().find_map(|line| line.trim().strip_prefix(&of));
            let columns: Vec<u64> = line
                .with_context(|| format!("no {interface}"))?
                .split_whitespace()
                .map(str::parse)
                .collect::<Result<_, _>>()?;
            Ok((columns[1], columns[9]))
        })
    }

    /// Writes a configuration; hands back its path.
    pub(crate) fn settings(&self, text: &str) -> Result<String> {
        let name = format!("settings-{}.yaml", text.len());
        let file = self.room.scratch().join(name);
        fs::write(&file, text)?;
        Ok(file.display().to_string())
    }

    /// Adds a file of so many zeros to what is booted, which take their time to hash and no place.
    pub(crate) fn put_a_large_system(&self, bytes: u64) -> Result<()> {
        let file = fs::File::create(self.oss.join("tiny/large.img"))?;
        Ok(file.set_len(bytes)?)
    }

    /// The addresses, routes and state of the server's interface.
    pub(crate) fn interface(&self) -> Result<String> {
        let mut text = String::new();
        for words in [
            "-4 -oneline address show dev eth0",
            "route show",
            "-brief link show dev eth0",
        ] {
            let mut ip = self.host.command("ip");
            text += &told(ip.args(words.split(' ')))?;
        }
        Ok(text)
    }
}

fn told(command: &mut Command) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// What machines are given on a wire.
pub(crate) struct Given(UdpSocket);

impl Given {
    /// Listens on `host`, to what is said to everybody.
    pub(crate) fn listen(host: &Host) -> Result<Given> {
        let hears = host
            .namespace()
            .enter(|| Ok(ear::open(host.interface())?))?;
        Ok(Given(hears))
    }

    /// The machines and addresses that `server` offered or gave by broadcast, since somebody last asked.
    pub(crate) fn by(&self, server: Ipv4Addr) -> Vec<(Vec<u8>, Ipv4Addr)> {
        let mut packet = [0; 2048];
        let mut given = Vec::new();
        while let Ok(length) = self.0.recv(&mut packet) {
            let datagram = ear::datagram(&packet[..length]);
            let said = datagram.filter(|said| (said.from, said.to) == (server, 68));
            let Some(bytes) = said.map(|said| said.payload) else {
                continue;
            };
            // RFC 2131 section 2: yiaddr and chaddr.
            let yours = <[u8; 4]>::try_from(&bytes[16..20]).map(Ipv4Addr::from);
            let yours = yours.unwrap_or(Ipv4Addr::UNSPECIFIED);
            if !yours.is_unspecified() {
                given.push((bytes[28..34].to_vec(), yours));
            }
        }
        given
    }
}
