//! The layer with QEMU: an image (squashfs) that is mounted read-only at `/qemu`, and the kernel modules in it that only
//! a guest needs.
//!
//! The image is a root file system of its own; `usr/lib/modules/order` in it names its modules, each after those that it
//! needs. Mounting and loading are busybox's, as everything of that kind in phase 1.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::phase1::Phase1;
use crate::qemu::LAYER;

/// Mounts the image and loads what is in it. Once is enough; again changes nothing.
///
/// # Errors
/// An image that cannot be mounted. A module that does not load is no error: one of KVM's two never does.
pub fn mount(_allowed: Phase1, image: &Path) -> anyhow::Result<()> {
    let modules = Path::new(LAYER).join("usr/lib/modules");
    if modules.exists() {
        return Ok(());
    }
    fs::create_dir_all(LAYER).with_context(|| format!("cannot make {LAYER}"))?;
    let mut mount = Command::new("/bin/mount");
    mount.args(["-t", "squashfs", "-o", "loop,ro"]);
    let said = mount
        .arg(image)
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

/// The modules in the order in which they are loaded; names alone, never paths.
fn names(order: &str) -> impl Iterator<Item = &str> {
    let lines = order.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_loaded() {
        let found: Vec<_> = names("kvm.ko\n\n ../evil.ko\nkvm-intel.ko\n").collect();
        assert_eq!(found, ["kvm.ko", "kvm-intel.ko"]);
    }
}
