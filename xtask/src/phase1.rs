//! `cargo xtask phase1`: the small Linux that every machine starts before its own, from Debian packages and bttui.
//!
//! Reads `phase1/`, writes `target/phase1/image/`; needs no root. Skipped when nothing that goes into it has changed.

mod apt;
mod archives;
mod manifest;
mod modules;
pub(crate) mod packages;
mod qemu;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::{cargo, installed, places, stamp::Stamp};
use manifest::Manifest;
use packages::{Package, Wanted};
use qemu::Unpacked;

/// What each machine fetches, beside its loader and the site's torrents.gz.
const ON_THE_WIRE: [&str; 3] = ["bzImage", "rootfs.gz", "diff.gz"];
/// More than this makes a room of machines wait.
const LIMIT: u64 = 16_000_000;

/// A boot loader: the package, the path in it, the name that firmware and other loaders ask for.
struct Loader {
    package: &'static str,
    path: &'static str,
    name: &'static str,
}

#[rustfmt::skip]
const LOADERS: [Loader; 11] = [
    Loader { package: "pxelinux",              path: "usr/lib/PXELINUX/lpxelinux.0",                              name: "lpxelinux.0" },
    Loader { package: "pxelinux",              path: "usr/lib/PXELINUX/pxelinux.0",                               name: "pxelinux.0" },
    Loader { package: "syslinux-common",       path: "usr/lib/syslinux/modules/bios/ldlinux.c32",                 name: "ldlinux.c32" },
    Loader { package: "ipxe",                  path: "usr/lib/ipxe/undionly.kpxe",                                name: "undionly.kpxe" },
    Loader { package: "ipxe",                  path: "usr/lib/ipxe/ipxe.pxe",                                     name: "ipxe.pxe" },
    Loader { package: "ipxe",                  path: "usr/lib/ipxe/snponly.efi",                                  name: "snponly.efi" },
    Loader { package: "ipxe",                  path: "boot/ipxe.efi",                                             name: "ipxe.efi" },
    // Signed by Microsoft; it asks for grubx64.efi beside it, by that name, and checks Debian's signature on it.
    Loader { package: "shim-signed",           path: "usr/lib/shim/shimx64.efi.signed",                           name: "shimx64.efi" },
    Loader { package: "grub-efi-amd64-signed", path: "usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed",      name: "grubx64.efi" },
    Loader { package: "grub-efi-ia32-unsigned", path: "usr/lib/grub/i386-efi/monolithic/grubnetia32.efi",          name: "grubia32.efi" },
    Loader { package: "grub-efi-arm64-bin",    path: "usr/lib/grub/arm64-efi/monolithic/grubnetaa64.efi",         name: "grubaa64.efi" },
];

/// Phase 1's packages, and those of QEMU.
type Chosen = [Vec<Package>; 2];

/// Builds phase 1 where it is out of date, and says what travels to each machine.
pub(crate) fn task() -> Result<()> {
    let manifest = build()?;
    println!("Phase 1, on the wire for each machine:");
    let files = ON_THE_WIRE
        .iter()
        .filter_map(|name| manifest.files.iter().find(|file| file.name == *name));
    for file in files {
        println!("  {:<12}{:>12} bytes", file.name, file.size);
    }
    println!(
        "  {:<12}{:>12} bytes of at most {LIMIT}",
        "sum",
        on_the_wire(&manifest)
    );
    if let Some(file) = manifest.files.iter().find(|file| file.name == qemu::NAME) {
        println!("For each machine that starts a guest, through the swarm:");
        println!("  {:<14}{:>10} bytes", file.name, file.size);
    }
    println!("in {}", places::image().display());
    Ok(())
}

/// Builds phase 1 where it is out of date.
pub(crate) fn build() -> Result<Manifest> {
    installed::ensure()?;
    let _turn = places::turn()?;
    let list = fs::read_to_string(places::root().join("phase1/packages.txt"))?;
    let lists = [packages::wanted(&list)?, qemu::wanted()?];
    let chosen = choose(&lists)?;
    let bttui = cargo::build_static("bttui", "phase1", &[])?;

    let image = places::image();
    // The lab makes its target system from what was unpacked, so that counts as a result too.
    if inputs(&chosen, &bttui)?.is_current()
        && places::phase1().join("unpacked").is_dir()
        && let Ok(manifest) = manifest::read(&image)
    {
        return Ok(manifest);
    }
    let started = Instant::now();
    let (chosen, trees) = fetch_and_unpack(chosen).or_else(|error| {
        eprintln!("{error:#}");
        // Mirrors keep no version for long: old lists name files that are gone.
        packages::refresh_lists(lists.iter().flatten())?;
        fetch_and_unpack(choose(&lists)?)
    })?;
    let ingredients = [0, 1].map(|list| -> Vec<Unpacked<'_>> {
        let trees = trees[list].iter().map(PathBuf::as_path);
        chosen[list].iter().zip(trees).collect()
    });
    let manifest = make(&ingredients, &bttui, &image).context("phase 1 could not be made")?;
    inputs(&chosen, &bttui)?.write()?;
    eprintln!("Phase 1 made in {:.1} s.", started.elapsed().as_secs_f64());
    Ok(manifest)
}

/// The newest versions of phase 1's packages, and of those of QEMU.
fn choose([phase1, guests]: &[Vec<Wanted>; 2]) -> Result<Chosen> {
    Ok([packages::resolve(phase1)?, packages::resolve(guests)?])
}

/// Lower-case hex of the SHA-256.
fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// All that decides what the image is: recipe, ingredients and the tool that follows the recipe.
fn inputs(chosen: &Chosen, bttui: &Path) -> Result<Stamp> {
    let mut stamp = Stamp::new(places::phase1().join("stamp"));
    for folder in ["phase1", "xtask/src/phase1", "crates/initrd/src"] {
        stamp.folder(&places::root().join(folder))?;
    }
    stamp.file(&places::root().join("xtask/src/phase1.rs"))?;
    stamp.file(bttui)?;
    for package in chosen.iter().flatten() {
        stamp.text(&format!(
            "{} {} {}",
            package.name, package.version, package.sha256
        ));
    }
    Ok(stamp)
}

/// The packages and, in the same order, where each is unpacked.
fn fetch_and_unpack(chosen: Chosen) -> Result<(Chosen, [Vec<PathBuf>; 2])> {
    let (files, unpacked) = (
        places::phase1().join("packages"),
        places::phase1().join("unpacked"),
    );
    let (mut kept, mut trees) = (Vec::new(), [Vec::new(), Vec::new()]);
    for (packages, trees) in chosen.iter().zip(&mut trees) {
        for package in packages {
            eprintln!("  {} {}", package.name, package.version);
            let file = packages::fetch(package, &files)?;
            trees.push(packages::unpack(package, &file, &unpacked)?);
            kept.push(file);
        }
    }
    // Older versions are never used again, and a kernel's tree is 400 MB.
    remove_others(&files, &kept)?;
    remove_others(&unpacked, &trees.concat())?;
    Ok((chosen, trees))
}

fn remove_others(folder: &Path, kept: &[PathBuf]) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if kept.contains(&path) {
            continue;
        }
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

fn make(
    [packages, guests]: &[Vec<Unpacked<'_>>; 2],
    bttui: &Path,
    image: &Path,
) -> Result<Manifest> {
    let work = places::phase1();
    let named = |start: &str| -> Result<Unpacked<'_>> {
        let mut all = packages.iter();
        let found = all.find(|(package, _)| package.name.starts_with(start));
        let found = found.with_context(|| format!("phase1/packages.txt names no {start}"))?;
        Ok(*found)
    };
    let tree = |start: &str| named(start).map(|(_, tree)| tree);

    let fresh = image.with_extension("part");
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    fs::create_dir_all(&fresh)?;
    let kernel = tree("linux-image-")?;
    let list = fs::read_to_string(places::root().join("phase1/modules.txt"))?;
    let picked = modules::pick(kernel, &list, &work.join("modules"))?;
    fs::copy(
        modules::kernel(kernel, &picked.release),
        fresh.join("bzImage"),
    )?;
    let skeleton = places::root().join("phase1");
    let rootfs = archives::rootfs(
        &tree("busybox-static")?.join("bin/busybox"),
        &picked,
        &skeleton.join("rootfs"),
    )?;
    archives::pack(&rootfs, &fresh.join("rootfs.gz"))?;
    archives::pack(
        &archives::layer(bttui, &skeleton.join("layer"))?,
        &fresh.join("diff.gz"),
    )?;
    for Loader {
        package,
        path,
        name,
    } in LOADERS
    {
        // One of another architecture may be missing; `packages::resolve` has said so.
        let Ok(tree) = tree(package) else { continue };
        fs::copy(tree.join(path), fresh.join(name))
            .with_context(|| format!("{package} no longer holds {path}"))?;
    }

    let layer = qemu::image(guests, named("linux-image-")?)?;
    fs::copy(layer, fresh.join(qemu::NAME))?;

    let mut parts: Vec<_> = packages
        .iter()
        .chain(guests)
        .map(|(package, tree)| manifest::part(package, tree))
        .collect::<Result<_>>()?;
    parts.push(manifest::bttui()?);
    let manifest = Manifest {
        packages: parts,
        crates: manifest::crates()?,
        files: manifest::files(&fresh)?,
    };
    let sum = on_the_wire(&manifest);
    ensure!(
        sum <= LIMIT,
        "{sum} bytes for each machine, more than {LIMIT}: what grew? See phase1/README.md"
    );
    fs::write(
        fresh.join("manifest.json"),
        serde_json::to_vec_pretty(&manifest)?,
    )?;

    if image.exists() {
        fs::remove_dir_all(image)?;
    }
    fs::rename(&fresh, image)?;
    Ok(manifest)
}

fn on_the_wire(manifest: &Manifest) -> u64 {
    manifest
        .files
        .iter()
        .filter(|file| ON_THE_WIRE.contains(&file.name.as_str()))
        .map(|file| file.size)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::{LOADERS, packages};

    #[test]
    fn every_loader_s_package_is_in_the_list() {
        let list = packages::wanted(include_str!("../../phase1/packages.txt")).unwrap();
        for loader in LOADERS {
            let is_it = |name: &str| name.split([':', '/']).next() == Some(loader.package);
            assert!(
                list.iter().any(|wanted| is_it(&wanted.name)),
                "{}",
                loader.package
            );
        }
    }
}
