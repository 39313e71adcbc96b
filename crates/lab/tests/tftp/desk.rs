//! A server without DHCP, a host that fetches from it, and files that it has only for these tests.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lab::{BtServer, Host, Machines, Room, Stop, built};

use crate::client::Order;
use crate::firmware::Firmware;

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// The network's bits: room for more clients than 24 have.
const PREFIX: u8 = 16;
const READY: Duration = Duration::from_secs(60);
/// A refusal is one packet there and one back; a client that hears nothing asks again after 1 s
/// (tftp-hpa) to 6 s (curl) and gives up much later.
const AT_ONCE: Duration = Duration::from_secs(5);

/// What the server has to give.
#[derive(Debug)]
pub(crate) enum Shelf {
    /// The phase 1 it carries.
    Embedded,
    /// Files of these sizes, see [`odd_name`] and [`odd_bytes`].
    Odd(Vec<usize>),
}

/// A room with a serving bt-server.
#[derive(Debug)]
pub(crate) struct Desk {
    // In this order they are dropped: the server ends in order before its room does.
    server: BtServer,
    host: Host,
    client: Host,
    room: Room,
}

impl Desk {
    /// Starts the server and waits until it serves.
    pub(crate) fn open(shelf: &Shelf) -> Result<Desk> {
        let mut room = Room::new(&Stop::never())?;
        let oss = room.scratch().join("oss");
        fs::create_dir_all(oss.join("small"))?;
        fs::write(oss.join("small/vmlinuz"), "a kernel")?;
        fs::write(oss.join("small/initrd.img"), "its initrd")?;
        let phase1 = room.scratch().join("phase1").display().to_string();
        let mut options = vec!["--dhcp", "off"];
        if let Shelf::Odd(sizes) = shelf {
            lay_out(Path::new(&phase1), sizes)?;
            options.extend(["--phase1", &phase1]);
        }
        let host = room.host(Some((SERVER, PREFIX)))?;
        let client = room.host(Some((CLIENT, PREFIX)))?;
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent();
        let program = built::bt_server(target.unwrap())?;
        let log = room.scratch().join("server.log");
        let mut server = BtServer::start(&room, &host, &program, &oss, &options, &log)?;
        server.wait_until_it_serves(&host, READY)?;
        Ok(Desk {
            server,
            host,
            client,
            room,
        })
    }

    /// One more address for the fetching host.
    pub(crate) fn add_client(&self, address: Ipv4Addr) -> Result<()> {
        let interface = self.client.interface();
        let add = format!("address add {address}/{PREFIX} dev {interface}");
        self.client.namespace().ip(&add)
    }

    /// Makes the clients' cable lose `percent` of 100 packets, in either direction.
    pub(crate) fn lose(&self, percent: u8) -> Result<()> {
        self.room.lose(&self.client, percent)
    }

    /// Packets that were lost since [`Desk::lose`].
    pub(crate) fn lost(&self) -> Result<u64> {
        self.room.lost(&self.client)
    }

    /// A firmware at `address`, which is one of the clients'.
    pub(crate) fn firmware(&self, address: Ipv4Addr) -> Result<Firmware> {
        let open = || Firmware::open(address, SERVER);
        self.client.namespace().enter(open)
    }

    /// Transfers that are open at the server: each has a socket of its own at the server's address.
    pub(crate) fn transfers(&self) -> Result<usize> {
        let table = || Ok(fs::read_to_string("/proc/thread-self/net/udp")?);
        let table = self.host.namespace().enter(table)?;
        // The address as it lies in memory, which is the network's order, read as a number.
        let own = format!("{:08X}:", u32::from_ne_bytes(SERVER.octets()));
        let port = |line: &str| {
            let local = line.split_whitespace().nth(1)?;
            u16::from_str_radix(local.strip_prefix(&own)?, 16).ok()
        };
        let ports = table.lines().filter_map(port);
        Ok(ports.filter(|port| *port != 69).count())
    }

    /// The most memory that the server has had so far, in KiB (VmHWM of proc(5)).
    pub(crate) fn peak_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.server.pid()))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
        Ok(kib.context("no VmHWM in a status file")?.parse()?)
    }

    /// The bytes of `name` as the server's other door gives them.
    pub(crate) fn by_http(&self, name: &str) -> Result<Vec<u8>> {
        let server = SocketAddrV4::new(SERVER, 6969);
        let path = format!("/boot/{name}");
        let (status, bytes) = lab::get(self.client.namespace(), server, &path)?;
        ensure!(status == 200, "{path}: {status}");
        Ok(bytes)
    }

    /// What the API says of the clients.
    pub(crate) fn machines(&self) -> Result<Machines> {
        self.server.machines(&self.host)
    }

    /// Fetches, and fails unless `right` is what came; hands back what the client said.
    pub(crate) fn fetch(&self, order: &Order, right: &[u8]) -> Result<String> {
        let here = self.here(0);
        let output = order.command(&self.client, SERVER, &here).output()?;
        came(order, &output, &here, right)
    }

    /// The same with several clients at the same time.
    pub(crate) fn fetch_together(&self, orders: &[Order], right: &[u8]) -> Result<()> {
        let mut running = Vec::new();
        for (number, order) in orders.iter().enumerate() {
            let here = self.here(number);
            let child = order.command(&self.client, SERVER, &here).spawn()?;
            running.push((order, child, here));
        }
        for (order, child, here) in running {
            came(order, &child.wait_with_output()?, &here, right)?;
        }
        Ok(())
    }

    /// Fails unless the client is refused within [`AT_ONCE`] and `says` so.
    pub(crate) fn refused(&self, order: &Order, says: &str) -> Result<()> {
        let here = self.here(0);
        fs::write(&here, "something to write")?;
        let begun = Instant::now();
        let output = order.command(&self.client, SERVER, &here).output()?;
        let (took, said) = (begun.elapsed(), said(&output));
        ensure!(said.contains(says), "{order:?} was not refused: {said}");
        ensure!(took < AT_ONCE, "{order:?} took {took:?} to be refused");
        Ok(())
    }

    fn here(&self, number: usize) -> PathBuf {
        self.room.scratch().join(format!("here-{number}"))
    }
}

fn came(order: &Order, output: &Output, here: &Path, right: &[u8]) -> Result<String> {
    let said = said(output);
    let bytes = fs::read(here).unwrap_or_default();
    ensure!(
        output.status.success() && here.exists() && bytes == right,
        "{order:?}: {} of {} bytes, not the right ones, and it said {said}",
        bytes.len(),
        right.len()
    );
    fs::remove_file(here)?;
    Ok(said)
}

fn said(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|said| String::from_utf8_lossy(said))
        .concat()
}

/// A phase 1 that boots nothing, and the odd files beside it.
fn lay_out(folder: &Path, sizes: &[usize]) -> Result<()> {
    fs::create_dir(folder)?;
    for name in ["bzImage", "rootfs.gz", "diff.gz"] {
        fs::write(folder.join(name), name)?;
    }
    for &size in sizes {
        fs::write(folder.join(odd_name(size)), odd_bytes(size))?;
    }
    Ok(())
}

/// The name of the file of `size` bytes.
pub(crate) fn odd_name(size: usize) -> String {
    format!("odd-{size}")
}

/// Its bytes, which repeat themselves nowhere: a block in the wrong place is seen.
pub(crate) fn odd_bytes(size: usize) -> Vec<u8> {
    // A linear congruential generator with Knuth's factor; the upper bits are the good ones.
    let mut state = size as u64;
    let next = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 56) as u8
    });
    next.take(size).collect()
}
