//! What the machine starts with: a kernel of phase 1's package, and an initrd with busybox, bttui, this
//! computer's QEMU and all they need.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use initrd::Archive;
use lab::built;

const QEMU: &str = "/usr/bin/qemu-system-x86_64";
/// QEMU loads it when it is told to emulate.
const EMULATOR: &str = "/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so";
/// The firmware of a PC with a usual screen; and a table of keys, without which there is no VNC server.
const FIRMWARE: [&str; 4] = [
    "/usr/share/seabios/bios-256k.bin",
    "/usr/share/seabios/vgabios-stdvga.bin",
    "/usr/share/qemu/kvmvapic.bin",
    "/usr/share/qemu/keymaps/en-us",
];
/// Input devices, and a mouse of the machine's own kind; each after what it needs.
const MODULES: [&str; 2] = ["drivers/input/evdev.ko", "drivers/input/mouse/psmouse.ko"];
/// PID 1 of the machine.
const INIT: &str = include_str!("init.sh");

/// Makes a white-on-blue text screen, starts the mouse, and writes every byte that the keyboard (`k`) or
/// the mouse (`m`) sends on the screen and on the first serial line, in hexadecimal. Boot sectors are
/// loaded to 0x7c00 and run in real mode:
///
/// ```text
///     cli; cld; ds = ss = 0; sp = 0x7c00; int 10h mode 3
///     es = 0xb800; fill 2000 cells with 0x1f20; print "the guest is up "
///     0x64 <- 0xa8; 0x64 <- 0xd4; 0x60 <- 0xf4
/// l:  wait for bit 0 of 0x64; bit 5: 'm', else 'k'; print it, 0x60 in hex, ' '; jmp l
/// ```
#[rustfmt::skip]
const BOOT_SECTOR: [u8; 164] = [
    0xfa, 0xfc, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0xb8, 0x03, 0x00, 0xcd, 0x10,
    0xb8, 0x00, 0xb8, 0x8e, 0xc0, 0x31, 0xff, 0xb8, 0x20, 0x1f, 0xb9, 0xd0, 0x07, 0xf3, 0xab, 0xbf,
    0xa0, 0x00, 0xbe, 0x93, 0x7c, 0xac, 0x84, 0xc0, 0x74, 0x05, 0xe8, 0x4c, 0x00, 0xeb, 0xf6, 0xe8,
    0x5a, 0x00, 0xb0, 0xa8, 0xe6, 0x64, 0xe8, 0x53, 0x00, 0xb0, 0xd4, 0xe6, 0x64, 0xe8, 0x4c, 0x00,
    0xb0, 0xf4, 0xe6, 0x60, 0xe4, 0x64, 0xa8, 0x01, 0x74, 0xfa, 0xb3, 0x6b, 0xa8, 0x20, 0x74, 0x02,
    0xb3, 0x6d, 0xe4, 0x60, 0x88, 0xc7, 0x88, 0xd8, 0xe8, 0x1e, 0x00, 0x88, 0xf8, 0xc0, 0xe8, 0x04,
    0xe8, 0x0e, 0x00, 0x88, 0xf8, 0x24, 0x0f, 0xe8, 0x07, 0x00, 0xb0, 0x20, 0xe8, 0x0a, 0x00, 0xeb,
    0xd3, 0x04, 0x30, 0x3c, 0x39, 0x76, 0x02, 0x04, 0x27, 0x88, 0xc4, 0xba, 0xf8, 0x03, 0xee, 0xb4,
    0x1f, 0xab, 0x81, 0xff, 0x9c, 0x0f, 0x72, 0x03, 0xbf, 0x40, 0x01, 0xc3, 0xe4, 0x64, 0xa8, 0x02,
    0x75, 0xfa, 0xc3, 0x74, 0x68, 0x65, 0x20, 0x67, 0x75, 0x65, 0x73, 0x74, 0x20, 0x69, 0x73, 0x20,
    0x75, 0x70, 0x20, 0x00,
];

/// Writes kernel and initrd into a folder.
pub(crate) fn pack(target: &Path, to: &Path) -> Result<(PathBuf, PathBuf)> {
    let kernel = target.join("phase1/image/bzImage");
    ensure!(
        kernel.exists(),
        "{}: build it with `cargo xtask dist`",
        kernel.display()
    );
    let mut archive = Archive::new();
    for folder in ["dev", "proc", "sys", "run", "tmp", "modules", "torrents"] {
        archive.dir(folder, 0o755);
    }
    // By this and /torrents bttui knows phase 1, outside of which it takes no console.
    archive.file("etc/bt-phase1", b"", 0o644);
    archive.device("dev/console", initrd::Device::Character, 5, 1, 0o600);
    archive.file("bin/busybox", &fs::read(built::busybox(target)?)?, 0o755);
    archive.symlink("bin/sh", "busybox");
    archive.file("bin/bttui", &fs::read(built::bttui(target)?)?, 0o755);
    archive.file("init", INIT.as_bytes(), 0o755);
    let mut disk = BOOT_SECTOR.to_vec();
    disk.resize(510, 0);
    disk.extend([0x55, 0xaa]);
    // QEMU guesses a disk's shape and wants more than a sector for that.
    disk.resize(64 << 10, 0);
    archive.file("disk", &disk, 0o644);
    for (at, module) in MODULES.iter().enumerate() {
        let bytes = fs::read(modules(target)?.join(module))?;
        archive.file(&format!("modules/{at}.ko"), &bytes, 0o644);
    }
    for path in [QEMU, EMULATOR].into_iter().chain(FIRMWARE) {
        add(&mut archive, Path::new(path))?;
    }
    for library in libraries()? {
        add(&mut archive, &library)?;
    }
    let initrd = to.join("initrd");
    fs::write(&initrd, archive.finish()?)?;
    Ok((kernel, initrd))
}

/// Adds a file of this computer under its own name.
fn add(archive: &mut Archive, path: &Path) -> Result<()> {
    let bytes = fs::read(path).with_context(|| format!("{}", path.display()))?;
    let name = path.to_str().context("a name in UTF-8")?;
    archive.file(name.trim_start_matches('/'), &bytes, 0o755);
    Ok(())
}

/// The modules of the kernel that was unpacked for phase 1: more than phase 1 takes.
fn modules(target: &Path) -> Result<PathBuf> {
    let unpacked = fs::read_dir(target.join("phase1/unpacked"))?;
    let kernel = unpacked
        .flatten()
        .map(|package| package.path().join("lib/modules"))
        .find(|path| path.is_dir())
        .context("phase 1 has no kernel: build it with `cargo xtask dist`")?;
    let release = fs::read_dir(&kernel)?.next().context("no modules")??;
    Ok(release.path().join("kernel"))
}

/// The shared libraries of QEMU, with the loader, under the names by which it asks for them.
fn libraries() -> Result<Vec<PathBuf>> {
    let listed = Command::new("ldd").args([QEMU, EMULATOR]).output()?;
    let listed = String::from_utf8(listed.stdout)?;
    let mut libraries: Vec<PathBuf> = listed
        .split_whitespace()
        .filter(|word| word.starts_with('/') && !word.ends_with(':'))
        .map(PathBuf::from)
        .collect();
    libraries.sort();
    libraries.dedup();
    ensure!(libraries.len() > 5, "ldd {QEMU} says: {listed}");
    Ok(libraries)
}
