//! `qemu.squashfs`: QEMU with its libraries and firmware, and the kernel modules that only a guest needs, as one
//! compressed image. Machines fetch it when a chosen system wants it, and mount it at `/qemu`.
//!
//! What is in it is laid out as a root file system of its own, so that it can also be entered with chroot. Everything
//! belongs to root and dates from 1970, so that the same inputs give the same bytes.

mod libraries;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::packages::Package;
use super::{modules, packages};
use crate::stamp::Stamp;
use crate::{places, run};

/// The image's name among the files of phase 1.
pub(super) const NAME: &str = "qemu.squashfs";
/// Where Debian keeps libraries of this architecture, and the loader among them.
const LIBRARIES: &str = "usr/lib/x86_64-linux-gnu";
/// Where the kernel modules lie, with the files `order` and `screens`.
const MODULES: &str = "usr/lib/modules";
/// Folders that somebody may mount on who enters the image.
const FOLDERS: [&str; 6] = ["dev", "os", "proc", "run", "sys", "tmp"];
/// How it is packed, as mksquashfs wants it: phase1/README.md has the figures of others.
const PACKED: [&str; 6] = ["-comp", "zstd", "-Xcompression-level", "22", "-b", "1M"];

/// A package and where it is unpacked.
pub(super) type Unpacked<'a> = (&'a Package, &'a Path);

/// The packages of `phase1/qemu/packages.txt`.
pub(super) fn wanted() -> Result<Vec<packages::Wanted>> {
    packages::wanted(&fs::read_to_string(recipe().join("packages.txt"))?)
}

/// The image of these packages and of modules of this kernel; made anew only where one of them has changed.
pub(super) fn image(packages: &[Unpacked<'_>], kernel: Unpacked<'_>) -> Result<PathBuf> {
    let image = places::phase1().join(NAME);
    let mut inputs = Stamp::new(image.with_extension("stamp"));
    inputs.folder(&recipe())?;
    inputs.folder(&places::root().join("xtask/src/phase1/qemu"))?;
    for file in ["qemu.rs", "modules.rs"] {
        inputs.file(&places::root().join("xtask/src/phase1").join(file))?;
    }
    for (package, _) in packages.iter().chain([&kernel]) {
        inputs.text(&format!("{} {}", package.name, package.sha256));
    }
    if image.is_file() && inputs.is_current() {
        return Ok(image);
    }
    eprintln!("  packing {NAME}");
    let stage = places::phase1().join("qemu");
    if stage.exists() {
        fs::remove_dir_all(&stage)?;
    }
    lay_out(packages, kernel.1, &stage).with_context(|| format!("{NAME} could not be made"))?;
    pack(&stage, &image)?;
    inputs.write()?;
    Ok(image)
}

fn recipe() -> PathBuf {
    places::root().join("phase1/qemu")
}

/// The image's tree below `stage`.
fn lay_out(packages: &[Unpacked<'_>], kernel: &Path, stage: &Path) -> Result<()> {
    let list = fs::read_to_string(recipe().join("files.txt"))?;
    for folder in FOLDERS.iter().chain([&"usr/lib64"]) {
        fs::create_dir_all(stage.join(folder))?;
    }
    for name in ["bin", "lib", "lib64"] {
        symlink(format!("usr/{name}"), stage.join(name))?;
    }
    let loader = format!("../lib/x86_64-linux-gnu/{}", libraries::LOADER);
    symlink(loader, stage.join("usr/lib64").join(libraries::LOADER))?;

    let mut used = vec![false; packages.len()];
    let all: Vec<(usize, String, PathBuf)> = listing(packages)?;
    let mut programs = Vec::new();
    for pattern in lines(&list) {
        let fitting = all
            .iter()
            .filter(|(_, path, _)| modules::matches(pattern, path));
        let mut found = false;
        for (package, path, source) in fitting {
            put(source, &stage.join(path))?;
            if path.starts_with("usr/bin/") || path.ends_with(".so") {
                programs.push(source.clone());
            }
            used[*package] = true;
            found = true;
        }
        ensure!(
            found,
            "phase1/qemu/files.txt: no package has {pattern}; mend or delete the line"
        );
    }
    cards(&stage.join("usr/lib/ipxe/qemu"))?;
    let trees: Vec<&Path> = packages.iter().map(|(_, tree)| *tree).collect();
    for (name, source) in libraries::of(&programs, &trees, &stage.join(LIBRARIES))? {
        let of = trees.iter().position(|tree| source.starts_with(tree));
        used[of.with_context(|| format!("phase1/qemu/packages.txt: no package has {name}"))?] =
            true;
        put(
            &fs::canonicalize(&source)?,
            &stage.join(LIBRARIES).join(name),
        )?;
    }
    let idle = packages.iter().zip(&used).find(|(_, used)| !**used);
    if let Some(((package, _), _)) = idle {
        anyhow::bail!(
            "phase1/qemu/packages.txt: nothing of {} is needed; delete the line",
            package.name
        );
    }
    drivers(kernel, &stage.join(MODULES))
}

/// All files and links of the packages, as (index of the package, path in a root whose `/lib` is `/usr/lib`, place).
fn listing(packages: &[Unpacked<'_>]) -> Result<Vec<(usize, String, PathBuf)>> {
    let mut all = Vec::new();
    for (index, (_, tree)) in packages.iter().enumerate() {
        let mut folders = vec![tree.to_path_buf()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    folders.push(entry.path());
                    continue;
                }
                let path = entry.path();
                let below = path.strip_prefix(tree)?.display().to_string();
                let merged = match below.starts_with("lib") {
                    true => format!("usr/{below}"),
                    false => below,
                };
                all.push((index, merged, path));
            }
        }
    }
    all.sort();
    Ok(all)
}

/// Copies a file, or makes the same link.
fn put(source: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to.parent().expect("it lies in a folder"))?;
    if source.is_symlink() {
        let target = fs::read_link(source)?;
        ensure!(target.is_relative(), "{} leaves the tree", source.display());
        return symlink(target, to).with_context(|| format!("{}", to.display()));
    }
    fs::copy(source, to).with_context(|| format!("{}", source.display()))?;
    Ok(())
}

/// QEMU's cards ask for `efi-NAME.rom`, which does a BIOS too and is three times as large as `pxe-NAME.rom`.
fn cards(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().display().to_string();
        if let Some(card) = name.strip_prefix("pxe-") {
            symlink(&name, folder.join(format!("efi-{card}")))?;
        }
    }
    Ok(())
}

/// The kernel modules, and `order`: their names, each after those it needs.
fn drivers(kernel: &Path, folder: &Path) -> Result<()> {
    let list = fs::read_to_string(recipe().join("modules.txt"))?;
    fs::create_dir_all(folder)?;
    let mut order = String::new();
    for (name, source) in modules::in_order(kernel, &list, "phase1/qemu/modules.txt")? {
        put(&source, &folder.join(&name))?;
        order.push_str(&name);
        order.push('\n');
    }
    fs::write(folder.join("order"), order)?;
    screens(kernel, folder)
}

/// Drivers of graphics cards, which are not loaded without need, and `screens`: for each kind of card a line with the
/// pattern of its name and the modules for it.
fn screens(kernel: &Path, folder: &Path) -> Result<()> {
    let list = fs::read_to_string(recipe().join("screens.txt"))?;
    let mut table = String::new();
    for (device, files) in modules::by_device(kernel, &list, "phase1/qemu/screens.txt")? {
        table.push_str(&device);
        for (name, source) in files {
            put(&source, &folder.join(&name))?;
            table.push(' ');
            table.push_str(&name);
        }
        table.push('\n');
    }
    Ok(fs::write(folder.join("screens"), table)?)
}

fn pack(stage: &Path, image: &Path) -> Result<()> {
    let part = image.with_extension("part");
    let mut command = Command::new("mksquashfs");
    command.arg(stage).arg(&part).args(PACKED);
    // The state of this machine that would be in it: owners, times, attributes; and what it has been told elsewhere.
    command.args(["-all-root", "-all-time", "0", "-mkfs-time", "0"]);
    command.args([
        "-no-xattrs",
        "-no-exports",
        "-noappend",
        "-quiet",
        "-no-progress",
    ]);
    run::run(command.env_remove("SOURCE_DATE_EPOCH"))?;
    Ok(fs::rename(part, image)?)
}

fn lines(list: &str) -> impl Iterator<Item = &str> {
    let lines = list.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}
