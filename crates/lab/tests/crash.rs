//! bt-server killed in the middle of everything: what a room remembers, and what goes on.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use lab::{BtServer, Call, Host, Room, Stop, built, get, until};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// From a start to its effect, on a busy computer.
const SOON: Duration = Duration::from_secs(60);
/// How often it is killed.
const KILLS: u32 = 10;
/// A run ends at any time up to this after its start: within the eight seconds in which it looks at the wire
/// and hashes, or while it serves.
const LONGEST_RUN: Duration = Duration::from_secs(13);
/// What the server sends at most meanwhile, in Mbit/s, so that a download lasts longer than all the runs.
const SLOW: u32 = 20;
const FAST: u32 = 2000;
const PAYLOAD: usize = 160 << 20;
const SETTINGS: &str =
    "boottorrent:\n  version: 0\ndnsmasq:\n  dhcp_range: 10.77.0.50,10.77.0.58,1h\n";
const MACHINES: usize = 3;
/// The run whose state is not the others'.
const FORGETFUL: u32 = 99;

#[test]
#[ignore = "needs root and target/dist/bt-server; cargo xtask test runs it"]
fn ten_crashes_change_nothing() {
    let world = World::new().unwrap();
    // What a server gives that remembers nothing …
    let mut forgetful = world.start(FORGETFUL).unwrap();
    forgetful.wait_until_it_serves(&world.host, SOON).unwrap();
    let forgotten = world.leases(&[]).unwrap();
    drop(forgetful);
    let mut server = world.start(0).unwrap();
    server.wait_until_it_serves(&world.host, SOON).unwrap();
    // … is not what these machines ask for: each wants what another one would have got.
    let mut wanted = forgotten.clone();
    wanted.rotate_left(1);
    let leases = world.leases(&wanted).unwrap();
    assert_eq!(leases, wanted);
    let torrents = world.torrents_gz().unwrap();
    let mut download = world.download().unwrap();
    until("the first bytes", SOON, &Stop::never(), || {
        Ok((download.have()? > 0).then_some(()))
    })
    .unwrap();

    let seed = u64::from(std::process::id());
    let mut random = StdRng::seed_from_u64(seed);
    let mut began = Instant::now();
    for run in 1..=KILLS {
        let moment = random.random_range(Duration::ZERO..LONGEST_RUN);
        // A moment is what this test is about, not a condition.
        std::thread::sleep(moment.saturating_sub(began.elapsed()));
        server.kill().unwrap();
        assert!(
            download.is_running().unwrap(),
            "seed {seed}, run {run}: the download ended"
        );
        began = Instant::now();
        server = world.start(run).unwrap();
    }
    world.host.limit_sending(FAST).unwrap();
    server.wait_until_it_serves(&world.host, SOON).unwrap();

    download.finish().unwrap();
    assert_eq!(world.leases(&[]).unwrap(), leases, "seed {seed}");
    assert!(
        world.torrents_gz().unwrap() == torrents,
        "seed {seed}: other torrents"
    );
    for run in 1..=KILLS {
        let said = fs::read_to_string(world.log(run)).unwrap();
        let hashed = said.lines().find(|line| line.contains(" hashed "));
        assert!(
            hashed.is_none_or(|line| line.contains(" hashed 0 B")),
            "seed {seed}, run {run}: {hashed:?}"
        );
    }
    assert!(
        server.said().contains("3 leases remembered"),
        "{}",
        server.said()
    );
    let got = world.to.join("noise");
    for name in ["vmlinuz", "initrd.img"] {
        let file = |folder: &Path| fs::read(folder.join(name)).unwrap();
        assert!(
            file(&got) == file(&world.environment.join("oss/noise")),
            "seed {seed}: {name}"
        );
    }
}

/// Cargo's target folder.
fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}

/// A server's host, a machine that downloads, and some that only want an address.
struct World {
    // In this order they are dropped.
    host: Host,
    client: Host,
    machines: Vec<Host>,
    environment: PathBuf,
    home: PathBuf,
    to: PathBuf,
    room: Room,
}

impl World {
    fn new() -> Result<World> {
        let mut room = Room::new(&Stop::never())?;
        let environment = room.scratch().join("environment");
        let folder = environment.join("oss/noise");
        fs::create_dir_all(&folder)?;
        fs::write(environment.join("Boottorrent.yaml"), SETTINGS)?;
        fs::write(folder.join("vmlinuz"), vec![1; 1 << 20])?;
        let mut noise = vec![0; PAYLOAD];
        StdRng::seed_from_u64(1).fill(&mut noise[..]);
        fs::write(folder.join("initrd.img"), noise)?;
        let to = room.scratch().join("downloads");
        fs::create_dir(&to)?;
        let host = room.host(Some((SERVER, 24)))?;
        host.limit_sending(SLOW)?;
        Ok(World {
            home: BtServer::alone(&room, &built::bt_server(target())?)?,
            client: room.host(Some((CLIENT, 24)))?,
            machines: (0..MACHINES)
                .map(|_| room.host(None))
                .collect::<Result<_>>()?,
            host,
            environment,
            to,
            room,
        })
    }

    /// Starts the server, as run number `run`, with the state that the run before has left.
    fn start(&self, run: u32) -> Result<BtServer> {
        let flags = ["--iface", self.host.interface(), "--state"];
        let mut arguments: Vec<_> = flags.map(Into::into).into();
        let state = if run == FORGETFUL { "other" } else { "state" };
        arguments.push(self.home.join(state).into());
        let call = Call {
            program: &self.home.join("bt-server"),
            folder: &self.environment,
            arguments,
            port: 6969,
            log: &self.log(run),
        };
        BtServer::call(&self.room, &self.host, &call)
    }

    fn log(&self, run: u32) -> PathBuf {
        self.room.scratch().join(format!("server-{run}.log"))
    }

    fn torrents_gz(&self) -> Result<Vec<u8>> {
        let server = SocketAddrV4::new(SERVER, 6969);
        let (status, body) = get(self.host.namespace(), server, "/boot/torrents.gz")?;
        anyhow::ensure!(status == 200, "torrents.gz: status {status}");
        Ok(body)
    }

    /// Every machine asks for an address as if it had never had one, for those `wanted` if there are any.
    fn leases(&self, wanted: &[String]) -> Result<Vec<String>> {
        let script = self.room.scratch().join("lease.sh");
        fs::write(&script, "#!/bin/sh\n[ \"$1\" != bound ] || echo \"$ip\"\n")?;
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&script, executable)?;
        let machines = self.machines.iter().enumerate();
        let lease = |(number, machine): (usize, &Host)| {
            let wanted = wanted.get(number).map(|address| ["-r", address]);
            let output = machine
                .command(built::busybox(target())?)
                .args([
                    "udhcpc",
                    "-n",
                    "-q",
                    "-t",
                    "10",
                    "-T",
                    "1",
                    "-i",
                    machine.interface(),
                ])
                .arg("-s")
                .arg(&script)
                .args(wanted.iter().flatten())
                .output()?;
            anyhow::ensure!(output.status.success(), "{output:?}");
            Ok(String::from_utf8(output.stdout)?.trim().to_owned())
        };
        machines.map(lease).collect()
    }

    /// A machine in the middle of its download.
    fn download(&self) -> Result<Download> {
        let gz = self.room.scratch().join("torrents.gz");
        fs::write(&gz, self.torrents_gz()?)?;
        let unpacked = Command::new("sh")
            .args(["-c", "gzip -dc torrents.gz | cpio -id --quiet"])
            .current_dir(self.room.scratch())
            .status()?;
        anyhow::ensure!(unpacked.success(), "cpio: {unpacked}");
        let said = self.room.scratch().join("bttui.json");
        let process = self
            .client
            .command(built::bttui(target())?)
            .args(["fetch", "torrents/noise.torrent", "--json", "--to"])
            .arg(&self.to)
            .current_dir(self.room.scratch())
            .stdout(File::create(&said)?)
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start bttui")?;
        Ok(Download { process, said })
    }
}

struct Download {
    process: Child,
    said: PathBuf,
}

impl Download {
    /// Bytes it has.
    fn have(&self) -> Result<u64> {
        let said = fs::read_to_string(&self.said)?;
        let last = said.lines().rev().find_map(|line| {
            serde_json::from_str::<serde_json::Value>(line).ok()?["have"].as_u64()
        });
        Ok(last.unwrap_or(0))
    }

    fn is_running(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    fn finish(&mut self) -> Result<()> {
        let status = until("the end of the download", SOON * 2, &Stop::never(), || {
            Ok(self.process.try_wait()?)
        })?;
        anyhow::ensure!(
            status.success(),
            "{status}: {}",
            fs::read_to_string(&self.said)?
        );
        Ok(())
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
