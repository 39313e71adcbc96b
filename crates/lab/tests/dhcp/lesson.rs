//! A server that gives addresses, and machines that are namespaces without one.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{BtServer, Host, Room, Router, Stop, built, until};
use report::{Mac, Step};

use crate::tap::{Heard, Tap};

/// The server's address; the network has 24 bits.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// It listens to the wire for 8 s, on a computer that may be busy with something else.
pub(crate) const READY: Duration = Duration::from_secs(90);
/// From what a machine does to what the API says of it.
const SOON: Duration = Duration::from_secs(20);

/// A room with a serving bt-server.
#[derive(Debug)]
pub(crate) struct Lesson {
    // In this order they are dropped: the server ends in order before its room does.
    server: BtServer,
    host: Host,
    tap: Tap,
    room: Room,
}

/// A machine of the room.
#[derive(Debug)]
pub(crate) struct Pupil {
    host: Host,
    mac: Mac,
    folder: PathBuf,
}

impl Lesson {
    /// Starts the server with this `dhcp_range` and waits until it serves.
    pub(crate) fn open(range: &str) -> Result<Lesson> {
        Lesson::open_with(range, "")
    }

    /// The same with `more` sections in its settings.
    pub(crate) fn open_with(range: &str, more: &str) -> Result<Lesson> {
        let mut room = Room::new(&Stop::never())?;
        let oss = room.scratch().join("oss");
        fs::create_dir_all(oss.join("small"))?;
        fs::write(oss.join("small/vmlinuz"), "a kernel")?;
        fs::write(oss.join("small/initrd.img"), "its initrd")?;
        let settings =
            format!("boottorrent:\n  version: 0\ndnsmasq:\n  dhcp_range: {range}\n{more}");
        fs::write(room.scratch().join("Boottorrent.yaml"), settings)?;

        let host = room.host(Some((SERVER, 24)))?;
        let tap = Tap::open(&room.host(None)?)?;
        let log = room.scratch().join("server.log");
        let mut server =
            BtServer::start(&room, &host, &built::bt_server(target())?, &oss, &[], &log)?;
        server.wait_until_it_serves(&host, READY)?;
        Ok(Lesson {
            server,
            host,
            tap,
            room,
        })
    }

    /// Plugs in machine number `number`, which has no address.
    pub(crate) fn pupil(&mut self, number: u8) -> Result<Pupil> {
        Pupil::plug_into(&mut self.room, number)
    }

    /// Plugs in a router, which is at `address` here and leads to the first address in each of `rooms`.
    pub(crate) fn router(
        &mut self,
        address: Ipv4Addr,
        rooms: &mut [(Room, Ipv4Addr)],
    ) -> Result<Router> {
        let mut router = Router::plug_into(&mut self.room, address)?;
        for (room, there) in rooms {
            router.reach(room, *there)?;
        }
        router.show_the_way(&self.host)?;
        Ok(router)
    }

    /// What `pupil` has said to everybody on the wire since this was last asked.
    pub(crate) fn heard(&self, pupil: &Pupil) -> Vec<Heard> {
        self.tap.heard(pupil.mac)
    }

    /// The address that `pupil` has works: the server's web page is reached with it.
    pub(crate) fn is_reached_from(&self, pupil: &Pupil) -> Result<()> {
        let (status, _) = lab::get(
            pupil.host.namespace(),
            SocketAddrV4::new(SERVER, 6969),
            "/api/v1/machines",
        )?;
        ensure!(status == 200, "status {status}");
        Ok(())
    }

    /// Makes the server deaf to what `pupil` says to its address; what it says to everybody arrives.
    pub(crate) fn deafen(&self, pupil: &Pupil) -> Result<()> {
        let (interface, mac, table) = (self.host.interface(), pupil.mac, pupil.table());
        self.nft(&format!(
            "add table netdev {table}; \
             add chain netdev {table} in {{ type filter hook ingress device {interface} priority 0 ; }}; \
             add rule netdev {table} in ether saddr {mac} ip daddr {SERVER} udp dport 67 counter drop"
        ))
        .map(drop)
    }

    /// How many of `pupil`'s words the deaf server has missed.
    pub(crate) fn missed(&self, pupil: &Pupil) -> Result<u32> {
        let shown = self.nft(&format!("list table netdev {}", pupil.table()))?;
        let count = shown.split_once(" counter packets ").map(|(_, rest)| rest);
        let count = count.and_then(|rest| rest.split(' ').next());
        Ok(count.context("nft counts nothing")?.parse()?)
    }

    /// Makes the server hear `pupil` again.
    pub(crate) fn hear(&self, pupil: &Pupil) -> Result<()> {
        self.nft(&format!("delete table netdev {}", pupil.table()))
            .map(drop)
    }

    fn nft(&self, commands: &str) -> Result<String> {
        let output = self.host.command("nft").arg(commands).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "nft {commands}: {said}");
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Waits until the API says that `pupil` was given its lease `times` times or more, renewals
    /// included.
    pub(crate) fn wait_for_leases(&self, pupil: &Pupil, times: u32) -> Result<()> {
        self.wait_long_for_leases(pupil, times, SOON)
    }

    /// The same for what takes longer: waits until `deadline` has passed.
    pub(crate) fn wait_long_for_leases(
        &self,
        pupil: &Pupil,
        times: u32,
        deadline: Duration,
    ) -> Result<()> {
        self.wait_for("its leases in the API", deadline, || {
            let machines = self.server.machines(&self.host)?;
            let Some(machine) = machines.machine(&pupil.mac.to_string()) else {
                return Ok(None);
            };
            let leases = machine
                .steps
                .iter()
                .filter(|one| matches!(one.step, Step::Lease { .. }));
            let given: u32 = leases.map(|one| one.times).sum();
            Ok((given >= times).then_some(()))
        })
    }

    /// Waits until the API says why `pupil` gets no address; hands back the sentence.
    pub(crate) fn wait_for_refusal(&self, pupil: &Pupil) -> Result<String> {
        self.wait_for("a refusal in the API", SOON, || {
            let machines = self.server.machines(&self.host)?;
            let machine = machines.machine(&pupil.mac.to_string());
            let steps = machine.map(|one| &one.steps[..]).unwrap_or_default();
            Ok(steps.iter().find_map(|one| match &one.step {
                Step::Refused { why } => Some(why.clone()),
                _ => None,
            }))
        })
    }

    fn wait_for<T>(
        &self,
        what: &str,
        deadline: Duration,
        condition: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let came = until(what, deadline, self.room.stop(), condition);
        came.with_context(|| format!("the server said:\n{}", self.server.said()))
    }
}

impl Pupil {
    /// Plugs machine number `number`, which has no address, into `room`.
    pub(crate) fn plug_into(room: &mut Room, number: u8) -> Result<Pupil> {
        let host = room.host(None)?;
        let mac = Mac([0x52, 0x54, 0, 0, 0, number]);
        let interface = host.interface();
        host.namespace()
            .ip(&format!("link set {interface} address {mac}"))?;
        let folder = room.scratch().join(format!("machine-{number}"));
        fs::create_dir(&folder)?;
        Ok(Pupil { host, mac, folder })
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    pub(crate) fn mac(&self) -> Mac {
        self.mac
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The table of nft that keeps its words from the server.
    fn table(&self) -> String {
        format!("deaf-to-{}", self.mac.0[5])
    }

    /// The IPv4 addresses that its interface really has, with their prefix lengths.
    pub(crate) fn addresses(&self) -> Result<Vec<String>> {
        let show = [
            "-4",
            "-oneline",
            "address",
            "show",
            "dev",
            self.host.interface(),
        ];
        let output = self.host.command("ip").args(show).output()?;
        let text = String::from_utf8(output.stdout)?;
        let inet = |line: &str| {
            let mut words = line.split_whitespace().skip_while(|word| *word != "inet");
            words.nth(1).map(str::to_owned)
        };
        Ok(text.lines().filter_map(inet).collect())
    }
}

/// Cargo's target folder: the one that holds its folder for tests.
pub(crate) fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}
