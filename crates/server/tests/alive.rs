//! oss while the real server runs: what is added, changed and removed reaches machines that boot from then on, and those
//! in the middle of a download lose nothing.

#![allow(missing_docs, reason = "a test")]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use catalog::manifest::{Entry, Manifest};
use common::{HTTP, Lab, Server, offered, phase1, state};
use lab::{Host, Stop, built, until};

/// A change settles in ten seconds, is found within two more, and the computer is busy with something else.
const SOON: Duration = Duration::from_secs(100);
/// How long a folder has to be quiet.
const SETTLED: Duration = Duration::from_secs(10);
/// Longer than that, in several parts with pauses in which the server looks twice.
const PARTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(4_500);

const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Megabits per second of a machine's cable, while oss changes; nobody is done by then.
const SLOW: u32 = 4;
const LARGE: usize = 80_000_000;

fn noise(length: usize, seed: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at * 31 + at / 251 + at / 65_537 + seed) as u8)
        .collect()
}

/// What machines are told now.
fn manifest(lab: &Lab) -> Result<Manifest> {
    let text = |path: &str| -> Result<String> { Ok(String::from_utf8(offered(lab, path)?)?) };
    Ok(Manifest::parse(
        &text("Boottorrent.yaml")?,
        &text("configs.yaml")?,
    )?)
}

fn named<'a>(told: &'a Manifest, name: &str) -> Option<&'a Entry> {
    told.systems.iter().find(|one| one.name == name)
}

/// Waits until machines are told so.
fn until_told(lab: &Lab, what: &str, is_so: impl Fn(&Manifest) -> bool) -> Result<Manifest> {
    until(what, SOON, &Stop::never(), || {
        Ok(Some(manifest(lab)?).filter(&is_so))
    })
}

/// Machines that fetch something, each into a folder of its own.
struct Fetching {
    host: Host,
    process: Child,
    to: PathBuf,
}

impl Fetching {
    /// Plugs in number `last` and begins.
    fn start(lab: &mut Lab, last: u8, system: &str) -> Result<Fetching> {
        let torrent = lab.room.scratch().join(format!("{last}.torrent"));
        fs::write(&torrent, offered(lab, &format!("{system}.torrent"))?)?;
        let host = lab.room.host(Some(([10, 77, 0, last].into(), 24)))?;
        lab.room.limit_receiving(&host, SLOW)?;
        let to = lab.folder(&format!("machine{last}"))?;
        let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
        let mut command = host.command(built::bttui(&target)?);
        command.args(["fetch", "--to"]).args([&to, &torrent]);
        let log = File::create(lab.room.scratch().join(format!("fetch{last}")))?;
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        let process = command.stderr(log).spawn()?;
        Ok(Fetching { host, process, to })
    }

    fn is_at_it(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_none())
    }

    fn end(&mut self) -> Result<()> {
        let ended = until("a whole download", SOON, &Stop::never(), || {
            Ok(self.process.try_wait()?)
        })?;
        ensure!(ended.success(), "{ended}");
        Ok(())
    }
}

impl Drop for Fetching {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn start(lab: &Lab) -> Result<Server> {
    let mut command = lab.command(&["--iface", lab.host.interface(), "--dhcp", "off"]);
    command.args(phase1()).current_dir(lab.folder("room")?);
    command.arg("--state").arg(state(lab)?);
    let mut server = lab.start(&mut command, "log")?;
    let ended = server.ready_or_ended()?;
    ensure!(ended.is_none(), "{}", server.told());
    Ok(server)
}

/// Copies a system into oss slowly, with no pause that is long enough to settle, and makes sure that nobody is told of the
/// half. Hands back the initrd.
fn add_slowly(lab: &Lab) -> Result<Vec<u8>> {
    let folder = lab.folder("room/oss/new")?;
    fs::write(folder.join("vmlinuz"), "another kernel")?;
    let mut initrd = File::create(folder.join("initrd"))?;
    let mut written = Vec::new();
    for _ in 0..PARTS {
        let part = noise(50_000, written.len());
        initrd.write_all(&part)?;
        written.extend(part);
        let last = Instant::now();
        while last.elapsed() < PAUSE {
            let is_told = named(&manifest(lab)?, "new").is_some();
            // A computer that stood still for so long proves nothing.
            let early = last.elapsed() < SETTLED;
            ensure!(!(is_told && early), "half a system is offered");
            thread::sleep(LOOK_EVERY);
        }
    }
    Ok(written)
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn oss_changes_while_two_machines_download() -> Result<()> {
    let mut lab = Lab::new()?;
    let large = lab.folder("room/oss/large")?;
    let bytes = noise(LARGE, 0);
    fs::write(large.join("vmlinuz"), "a kernel")?;
    fs::write(large.join("initrd"), &bytes)?;
    let old = lab.folder("room/oss/old")?;
    fs::write(old.join("vmlinuz"), "an old kernel")?;
    fs::write(old.join("initrd"), "its initrd")?;
    let server = start(&lab)?;
    let at_first = manifest(&lab)?;
    let hash = &named(&at_first, "large").context("no large")?.info_hash;
    let mut machines = Vec::new();
    for last in [8, 9] {
        machines.push(Fetching::start(&mut lab, last, "large")?);
    }

    let mut initrd = add_slowly(&lab)?;
    let told = until_told(&lab, "the new system", |told| named(told, "new").is_some())?;
    let new = named(&told, "new").context("no new")?;
    assert_eq!(new.size, ("another kernel".len() + initrd.len()) as u64);
    server.wait_until_it_says("offers new (kexec, ", SOON)?;
    let (status, served) = lab::get(lab.host.namespace(), HTTP, "/oss/new/initrd")?;
    assert!(status == 200 && served == initrd);

    // Somebody edits a description, first wrongly. The bytes are the same.
    let config = large.join("config.yaml");
    fs::write(&config, "kernel: vmlinux\n")?;
    server.wait_until_it_says("until then machines are told of it as it was", SOON)?;
    let still = manifest(&lab)?;
    assert_eq!(named(&still, "large"), named(&at_first, "large"));
    fs::write(&config, "kernel: vmlinuz\ndispname: A large one\n")?;
    fs::remove_dir_all(&old)?;
    // Other bytes: another torrent.
    let first_hash = &new.info_hash;
    initrd[0] ^= 1;
    fs::write(lab.folder("room/oss/new")?.join("initrd"), &initrd)?;
    let told = until_told(&lab, "another name", |told| {
        let large = named(told, "large");
        let is_renamed = large.is_some_and(|one| one.dispname == "A large one");
        let is_new = named(told, "new").is_some_and(|new| new.info_hash != *first_hash);
        is_renamed && is_new && named(told, "old").is_none()
    })?;
    assert_eq!(&named(&told, "large").context("no large")?.info_hash, hash);
    server.wait_until_it_says("offers A large one (kexec, ", SOON)?;
    server.wait_until_it_says("no longer offers old: old is gone from oss", SOON)?;
    assert!(offered(&lab, "old.torrent").is_err());
    let (status, _) = lab::get(lab.host.namespace(), HTTP, "/oss/old/initrd")?;
    assert_eq!(status, 404);

    for machine in &mut machines {
        ensure!(machine.is_at_it()?, "it ended before oss had changed");
    }
    // Who boots now gets the new one.
    let mut late = Fetching::start(&mut lab, 10, "new")?;
    for machine in machines.iter().chain([&late]) {
        lab.room.limit_receiving(&machine.host, 1000)?;
    }
    late.end()?;
    assert!(fs::read(late.to.join("new/initrd"))? == initrd);
    for machine in &mut machines {
        machine.end()?;
        let fetched = fs::read(machine.to.join("large/initrd"))?;
        assert!(fetched == bytes, "byte for byte");
    }
    let told = server.told();
    for (line, times) in [
        ("offers new (kexec, ", 2),
        ("as it is now", 2),
        ("until then machines", 1),
        ("no longer offers", 1),
    ] {
        assert_eq!(told.matches(line).count(), times, "{line}: {told}");
    }
    Ok(())
}
