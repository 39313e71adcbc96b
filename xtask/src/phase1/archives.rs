//! The two archives of phase 1: the root file system and our layer above it.
//!
//! Everything in them belongs to root and dates from 1970, so that the same inputs give the same bytes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use initrd::Archive;

use super::modules::Picked;
use crate::run;

/// Folders that are mounted on, or that programs expect.
const FOLDERS: [(&str, u32); 8] = [
    ("dev", 0o755),
    ("os", 0o755),
    ("proc", 0o755),
    ("root", 0o700),
    ("run", 0o755),
    ("sys", 0o755),
    ("tmp", 0o1777),
    ("var", 0o755),
];

/// busybox under all its names, the modules, and the skeleton of `phase1/rootfs`.
pub(super) fn rootfs(busybox: &Path, picked: &Picked, skeleton: &Path) -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    for (path, mode) in FOLDERS {
        archive.dir(path, mode);
    }
    // Init's own input and output, before devtmpfs is there.
    archive.device("dev/console", initrd::Device::Character, 5, 1, 0o600);
    archive.file("bin/busybox", &fs::read(busybox)?, 0o755);
    // The kernel starts /init of an initramfs and nothing else.
    archive.symlink("init", "/bin/busybox");
    for name in names(busybox)? {
        archive.symlink(&name, "/bin/busybox");
    }
    for (path, bytes) in &picked.files {
        archive.file(
            &format!("lib/modules/{}/{path}", picked.release),
            bytes,
            0o644,
        );
    }
    tree(&mut archive, skeleton, "")?;
    Ok(archive.finish()?)
}

/// `/sbin/bttui` and the files of `phase1/layer`.
pub(super) fn layer(bttui: &Path, skeleton: &Path) -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    archive.file("sbin/bttui", &fs::read(bttui)?, 0o755);
    tree(&mut archive, skeleton, "")?;
    Ok(archive.finish()?)
}

/// Packs an archive with zstd, which the kernel knows by its magic number whatever the file is called. Of the three
/// that came into question it is nearly as small as xz and unpacks faster (phase1/README.md has the figures).
pub(super) fn pack(archive: &[u8], to: &Path) -> Result<()> {
    let plain = to.with_extension("cpio");
    fs::write(&plain, archive)?;
    // One thread: several cut the input in pieces, and the result would depend on the machine.
    run::run(
        Command::new("zstd")
            .args(["-19", "--single-thread", "--quiet", "--force", "-o"])
            .arg(to)
            .arg(&plain),
    )?;
    fs::remove_file(&plain)?;
    Ok(())
}

/// The names busybox answers to, as paths: `bin/sh`, `sbin/modprobe` …
fn names(busybox: &Path) -> Result<Vec<String>> {
    let list = run::output(Command::new(busybox).arg("--list-full"))?;
    let real = |name: &&str| !matches!(*name, "bin/busybox" | "linuxrc");
    Ok(list.lines().filter(real).map(str::to_owned).collect())
}

/// A folder's files under the same names, in the order of their names, runnable where they are runnable here.
fn tree(archive: &mut Archive, folder: &Path, below: &str) -> Result<()> {
    let listed = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let mut entries: Vec<_> = listed.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = format!("{below}{}", entry.file_name().display());
        let meta = entry.metadata()?;
        if meta.is_dir() {
            tree(archive, &entry.path(), &format!("{path}/"))?;
        } else {
            let runnable = meta.permissions().mode() & 0o100 != 0;
            archive.file(
                &path,
                &fs::read(entry.path())?,
                if runnable { 0o755 } else { 0o644 },
            );
        }
    }
    Ok(())
}
