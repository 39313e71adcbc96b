//! Where the finished programs lie, for tests that run them. Builds nothing: `cargo xtask` does.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// The finished bt-server in cargo's `target` folder.
///
/// # Errors
/// It was not built.
pub fn bt_server(target: &Path) -> Result<PathBuf> {
    present(target.join("dist/bt-server"))
}

/// The bttui that phase 1 carries: static, so that it runs anywhere.
///
/// # Errors
/// It was not built.
pub fn bttui(target: &Path) -> Result<PathBuf> {
    present(target.join("x86_64-unknown-linux-gnu/phase1/bttui"))
}

/// The busybox that phase 1 is made of.
///
/// # Errors
/// Phase 1 was not built.
pub fn busybox(target: &Path) -> Result<PathBuf> {
    let unpacked = target.join("phase1/unpacked");
    let packages = fs::read_dir(&unpacked)
        .with_context(|| format!("{}: build it with `cargo xtask dist`", unpacked.display()))?;
    packages
        .flatten()
        .map(|package| package.path().join("bin/busybox"))
        .find(|path| path.exists())
        .context("phase 1 has no busybox: build it with `cargo xtask dist`")
}

/// Where the modules of phase 1's kernel are, all that its package has.
///
/// # Errors
/// Phase 1 was not built.
pub fn kernel_modules(target: &Path) -> Result<PathBuf> {
    let unpacked = target.join("phase1/unpacked");
    let missing = || format!("{}: build it with `cargo xtask dist`", unpacked.display());
    let packages = fs::read_dir(&unpacked).with_context(missing)?.flatten();
    let versions = packages
        .filter_map(|package| fs::read_dir(package.path().join("lib/modules")).ok())
        .flat_map(Iterator::flatten);
    versions
        .map(|version| version.path().join("kernel"))
        .find(|path| path.exists())
        .with_context(missing)
}

/// ISC's DHCP relay agent, which is unpacked and not installed.
///
/// # Errors
/// It was not unpacked.
pub fn dhcrelay(target: &Path) -> Result<PathBuf> {
    let tree = unpacked(target, "isc-dhcp-relay")?;
    Ok(tree.join("usr/sbin/dhcrelay"))
}

/// Kea's DHCP server, which is unpacked and not installed. Its libraries are.
///
/// # Errors
/// It was not unpacked.
pub fn kea(target: &Path) -> Result<PathBuf> {
    let tree = unpacked(target, "kea-dhcp4-server")?;
    Ok(tree.join("usr/sbin/kea-dhcp4"))
}

/// The ISO image of Debian's memtest86+.
///
/// # Errors
/// It was not unpacked.
pub fn memtest(target: &Path) -> Result<PathBuf> {
    let tree = unpacked(target, "memtest86+")?;
    Ok(tree.join("usr/lib/memtest86+/memtest86+x64.iso"))
}

/// The tree of a Debian package that is unpacked and not installed.
///
/// # Errors
/// It was not unpacked.
pub fn unpacked(target: &Path, package: &str) -> Result<PathBuf> {
    let tools = target.join("tools");
    let missing = || format!("{}: `cargo xtask setup` unpacks {package}", tools.display());
    let prefix = format!("{package}_");
    let trees = fs::read_dir(&tools).with_context(missing)?.flatten();
    trees
        .filter(|tree| tree.file_name().to_string_lossy().starts_with(&prefix))
        .map(|tree| tree.path())
        .find(|path| path.is_dir())
        .with_context(missing)
}

fn present(path: PathBuf) -> Result<PathBuf> {
    ensure!(
        path.exists(),
        "{}: build it with `cargo xtask dist`",
        path.display()
    );
    Ok(path)
}
