//! The layer with QEMU: an image (squashfs) that is mounted read-only at `/qemu`, and the kernel modules in it that only
//! a guest needs.
//!
//! The image is a root file system of its own; `usr/lib/modules/order` in it names its modules, each after those that it
//! needs. Mounting and loading are busybox's, as everything of that kind in phase 1.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::phase1::{LAYERS, Phase1};
use crate::qemu::LAYER;

/// Mounts the image that was fetched and loads what is in it. Once is enough; again changes nothing.
///
/// # Errors
/// An image that cannot be mounted. A module that does not load is no error: one of KVM's two never does.
pub fn mount(_allowed: Phase1) -> anyhow::Result<()> {
    let modules = Path::new(LAYER).join("usr/lib/modules");
    if modules.exists() {
        return Ok(());
    }
    let image = find(Path::new(LAYERS)).context("the layer has no image (*.squashfs)")?;
    fs::create_dir_all(LAYER).with_context(|| format!("cannot make {LAYER}"))?;
    let mut mount = Command::new("/bin/mount");
    mount.args(["-t", "squashfs", "-o", "loop,ro"]);
    let said = mount
        .arg(&image)
        .arg(LAYER)
        .stdin(Stdio::null())
        .output()
        .context("there is no mount")?;
    if !said.status.success() {
        let why = String::from_utf8_lossy(&said.stderr);
        bail!(
            "{} cannot be mounted: {}",
            image.display(),
            why.split_whitespace().collect::<Vec<_>>().join(" ")
        );
    }
    let order = fs::read_to_string(modules.join("order")).unwrap_or_default();
    for name in names(&order) {
        let mut insmod = Command::new("/sbin/insmod");
        let _ = insmod.arg(modules.join(name)).stdin(Stdio::null()).output();
    }
    Ok(())
}

/// The image, which lies there by itself or in the folder of its torrent.
fn find(layers: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(layers).ok()?.flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    let is_image = |path: &PathBuf| path.is_file() && path.extension() == Some("squashfs".as_ref());
    let itself = paths.iter().find(|path| is_image(path)).cloned();
    let folders = paths.iter().filter(|path| path.is_dir());
    itself.or_else(|| folders.filter_map(|path| find(path)).next())
}

/// The modules in the order in which they are loaded; names alone, never paths.
fn names(order: &str) -> impl Iterator<Item = &str> {
    let lines = order.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_is_found_by_itself_and_in_a_folder() {
        let layers = tempfile::tempdir().expect("a directory");
        assert_eq!(find(layers.path()), None);
        fs::create_dir(layers.path().join("qemu")).expect("a folder");
        fs::write(layers.path().join("qemu/notes"), b"").expect("a file");
        assert_eq!(find(layers.path()), None);
        for name in ["qemu/qemu.squashfs", "qemu.squashfs"] {
            let path = layers.path().join(name);
            fs::write(&path, b"").expect("a file");
            assert_eq!(find(layers.path()), Some(path));
        }
    }

    #[test]
    fn only_names_are_loaded() {
        let found: Vec<_> = names("kvm.ko\n\n ../evil.ko\nkvm-intel.ko\n").collect();
        assert_eq!(found, ["kvm.ko", "kvm-intel.ko"]);
    }
}
