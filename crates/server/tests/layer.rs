//! QEMU's way from a running bt-server to a machine: told of, fetched through the swarm and by HTTP byte for byte, and then
//! it runs.

#![allow(missing_docs, reason = "a test")]

mod common;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use catalog::manifest::Manifest;
use common::{HTTP, Lab, offered, phase1, state};
use lab::{Stop, built, until};

/// 17 MB over a cable without limits, or a boot under emulation, on a computer that is busy with something else.
const SOON: Duration = Duration::from_secs(100);

/// Says so on the first serial line and halts. Boot sectors are loaded to 0x7c00 and run in real mode:
///
/// ```text
///     cli; ds = 0; si = text; cld; dx = 3f8h
/// l:  lodsb; if 0 goto h; out dx, al; jmp l
/// h:  hlt; jmp h
/// ```
const BOOT_SECTOR: [u8; 23] = [
    0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0xbe, 0x17, 0x7c, 0xfc, 0xba, 0xf8, 0x03, 0xac, 0x84, 0xc0, 0x74,
    0x03, 0xee, 0xeb, 0xf8, 0xf4, 0xeb, 0xfd,
];
const MARKER: &str = "the guest has started";

/// In a view of the file systems that ends with it: the image at its place, a memory for the disk, and QEMU inside.
/// What is unusual in its arguments asks for one more file of the image each: a ROM, modules, the firmware.
const GUEST: &str = "mount -t squashfs -o loop,ro \"$1\" \"$2\" && mount -t tmpfs guest \"$2/tmp\" && cp \"$3\" \"$2/tmp/disk\" && \
    exec chroot \"$2\" /usr/bin/qemu-system-x86_64 -accel tcg -m 32 -nodefaults -display none -vga virtio \
    -nic user,model=e1000 -monitor none -serial stdio -drive file=/tmp/disk,format=raw,if=ide -vnc unix:/tmp/screen";

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")
}

/// Runs until the guest has said so on its serial line; QEMU's own words if it does not.
fn start_guest(image: &Path, folder: &Path) -> Result<()> {
    let disk = folder.join("disk");
    let mut bytes = BOOT_SECTOR.to_vec();
    bytes.extend(MARKER.as_bytes());
    bytes.resize(510, 0);
    bytes.extend([0x55, 0xaa]);
    // QEMU guesses a disk's shape and wants more than a sector for that.
    bytes.resize(64 << 10, 0);
    fs::write(&disk, bytes)?;
    let root = folder.join("qemu");
    fs::create_dir_all(&root)?;
    let said = folder.join("said");
    let output = File::create(&said)?;
    let guest = Command::new("unshare")
        .args(["--mount", "sh", "-c", GUEST, "guest"])
        .args([image, &root, &disk])
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()?;
    let mut guest = Ended(guest);
    let up = until(MARKER, SOON, &Stop::never(), || {
        let text = fs::read_to_string(&said).unwrap_or_default();
        if text.contains(MARKER) {
            return Ok(Some(()));
        }
        ensure!(guest.0.try_wait()?.is_none(), "QEMU ended at once");
        Ok(None)
    });
    up.with_context(|| fs::read_to_string(&said).unwrap_or_default())
}

/// A process that does not outlive its test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn a_machine_gets_qemu_from_the_server_and_it_runs() -> Result<()> {
    let mut lab = Lab::new()?;
    let image = fs::read(target().join("phase1/image/qemu.squashfs"))?;
    let system = lab.folder("room/oss/guest")?;
    fs::write(system.join("disk.img"), "a disk")?;
    let config = "method: bin-qemu-x86_64\nargs: -hda disk.img\n";
    fs::write(system.join("config.yaml"), config)?;
    let room = lab.folder("room")?;
    let mut command = lab.command(&["--iface", lab.host.interface(), "--dhcp", "off"]);
    command.args(phase1()).current_dir(&room);
    command.arg("--state").arg(state(&lab)?);
    let mut server = lab.start(&mut command, "log")?;
    let ended = server.ready_or_ended()?;
    ensure!(ended.is_none(), "{}", server.told());
    assert!(!server.told().contains("built without it"));

    let text = |path: &str| -> Result<String> { Ok(String::from_utf8(offered(&lab, path)?)?) };
    let told = Manifest::parse(&text("Boottorrent.yaml")?, &text("configs.yaml")?)?;
    let layer = told.layer.context("the manifest names no QEMU")?;
    assert_eq!(layer.size, image.len() as u64);
    let torrent = room.join("qemu.torrent");
    fs::write(&torrent, offered(&lab, &layer.torrent)?)?;

    let path = format!("/oss/{}/{}", layer.name, layer.files[0].path);
    let range = 1_000_003..=9_000_000;
    let (status, part) = lab::get_part(lab.host.namespace(), HTTP, &path, range)?;
    assert_eq!(status, 206);
    assert!(part == image[1_000_003..=9_000_000]);

    let machine = lab.room.host(Some(([10, 77, 0, 9].into(), 24)))?;
    let to = lab.folder("machine")?;
    let fetch = machine
        .command(built::bttui(&target())?)
        .args(["fetch", "--to"])
        .args([&to, &torrent])
        .output()?;
    ensure!(
        fetch.status.success(),
        "{}",
        String::from_utf8_lossy(&fetch.stderr)
    );
    let fetched = to.join(&layer.name).join(&layer.files[0].path);
    assert!(fs::read(&fetched)? == image, "byte for byte");

    start_guest(&fetched, &lab.folder("guest")?)
}

/// The rest of a room has no use for it.
#[test]
#[ignore = "needs root, network namespaces and target/phase1; cargo xtask test runs it"]
fn where_no_system_starts_in_it_no_machine_is_told_of_qemu() -> Result<()> {
    let lab = Lab::new()?;
    let system = lab.folder("room/oss/tiny")?;
    fs::write(system.join("vmlinuz"), "a kernel")?;
    fs::write(system.join("initrd"), "an initrd")?;
    let mut command = lab.command(&["--iface", lab.host.interface(), "--dhcp", "off"]);
    command.args(phase1()).current_dir(lab.folder("room")?);
    command.arg("--state").arg(state(&lab)?);
    let mut server = lab.start(&mut command, "log")?;
    let ended = server.ready_or_ended()?;
    ensure!(ended.is_none(), "{}", server.told());
    let told = String::from_utf8(offered(&lab, "Boottorrent.yaml")?)?;
    assert!(!told.contains("layer"), "{told}");
    assert!(offered(&lab, ".qemu.torrent").is_err());
    let path = "/oss/.qemu/qemu.squashfs";
    let (status, _) = lab::get(lab.host.namespace(), HTTP, path)?;
    assert_eq!(status, 404);
    Ok(())
}
