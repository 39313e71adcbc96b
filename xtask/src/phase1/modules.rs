//! Which kernel modules phase 1 carries: the patterns of `phase1/modules.txt` and all they depend on.
//!
//! Modules are copied as Debian signed them: stripping one would save little and make Secure Boot refuse it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::run;

/// The folder names below `/lib/modules` that modprobe of busybox reads; kmod's other tables are left out.
const TABLES: [&str; 2] = ["modules.alias", "modules.dep"];

/// What goes into the root file system.
pub(super) struct Picked {
    /// The kernel's release, such as `6.1.0-56-amd64`.
    pub(super) release: String,
    /// Files below `lib/modules/RELEASE/`: the modules in the order of their paths, then the tables.
    pub(super) files: Vec<(String, Vec<u8>)>,
}

/// Picks the modules of the kernel package unpacked at `tree`; `scratch` is a folder to work in, emptied first.
pub(super) fn pick(tree: &Path, list: &str, scratch: &Path) -> Result<Picked> {
    let release = release(&tree.join("lib/modules"))?;
    let all = tree.join("lib/modules").join(&release);
    depmod(tree, &release)?;
    let dependencies = Dependencies::parse(&fs::read_to_string(all.join("modules.dep"))?);
    let names = dependencies.closure(&dependencies.matching(list, "phase1/modules.txt")?);

    if scratch.exists() {
        fs::remove_dir_all(scratch)?;
    }
    let few = scratch.join("lib/modules").join(&release);
    let mut files = Vec::new();
    for name in &names {
        let bytes = fs::read(all.join(name)).with_context(|| name.clone())?;
        let copy = few.join(name);
        fs::create_dir_all(copy.parent().expect("a module lies in a folder"))?;
        fs::write(&copy, &bytes)?;
        files.push((name.clone(), bytes));
    }
    // depmod wants these to put aliases in the kernel's own order and to know what is built in.
    for table in [
        "modules.order",
        "modules.builtin",
        "modules.builtin.modinfo",
    ] {
        fs::copy(all.join(table), few.join(table)).with_context(|| table.to_owned())?;
    }
    depmod(scratch, &release)?;
    for table in TABLES {
        files.push((table.to_owned(), fs::read(few.join(table))?));
    }
    Ok(Picked { release, files })
}

/// The modules that a list names and all they need, each after those it needs itself: file names and files of the
/// kernel package unpacked at `tree`. `shown` is what the list is called.
pub(super) fn in_order(tree: &Path, list: &str, shown: &str) -> Result<Vec<(String, PathBuf)>> {
    let release = release(&tree.join("lib/modules"))?;
    let all = tree.join("lib/modules").join(&release);
    depmod(tree, &release)?;
    let dependencies = Dependencies::parse(&fs::read_to_string(all.join("modules.dep"))?);
    let paths = dependencies.in_order(&dependencies.matching(list, shown)?);
    let named = |path: String| (base_name(&path).to_owned(), all.join(&path));
    Ok(paths.into_iter().map(named).collect())
}

/// A pattern for the names by which the kernel tells devices (`modules.alias`), and what is loaded for such a device: file
/// names and files, each after those it needs.
pub(super) type Driver = (String, Vec<(String, PathBuf)>);

/// The modules that a list names, by the devices they are for; see [`in_order`].
pub(super) fn by_device(tree: &Path, list: &str, shown: &str) -> Result<Vec<Driver>> {
    let release = release(&tree.join("lib/modules"))?;
    let all = tree.join("lib/modules").join(&release);
    depmod(tree, &release)?;
    let dependencies = Dependencies::parse(&fs::read_to_string(all.join("modules.dep"))?);
    let table = fs::read_to_string(all.join("modules.alias"))?;
    let mut drivers = Vec::new();
    for root in dependencies.matching(list, shown)? {
        let needed = dependencies.in_order(&[root]);
        let files: Vec<_> = needed
            .iter()
            .map(|path| (base_name(path).to_owned(), all.join(path)))
            .collect();
        let before = drivers.len();
        for device in devices(&table, base_name(root)) {
            drivers.push((device.to_owned(), files.clone()));
        }
        ensure!(
            drivers.len() > before,
            "{shown}: {root} is for no device that is found by itself"
        );
    }
    Ok(drivers)
}

/// The patterns of `modules.alias` that name a module, which that table writes without hyphens.
fn devices<'a>(table: &'a str, file: &str) -> impl Iterator<Item = &'a str> {
    let name = file.trim_end_matches(".ko").replace('-', "_");
    table.lines().filter_map(move |line| {
        let mut words = line.strip_prefix("alias ")?.split(' ');
        let device = words.next()?;
        (words.next()? == name && device.contains(':')).then_some(device)
    })
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn release(folder: &Path) -> Result<String> {
    let mut names = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
    let first = names
        .next()
        .context("the kernel package holds no modules")??;
    ensure!(
        names.next().is_none(),
        "{} holds modules of several kernels",
        folder.display()
    );
    first
        .file_name()
        .into_string()
        .map_err(|name| anyhow::anyhow!("a kernel named {name:?}"))
}

fn depmod(base: &Path, release: &str) -> Result<()> {
    // A normal user's PATH lacks /sbin on Debian.
    let program = ["/usr/sbin/depmod", "/sbin/depmod"]
        .into_iter()
        .find(|path| Path::new(path).exists());
    run::run(
        Command::new(program.unwrap_or("depmod"))
            .arg("-b")
            .arg(base)
            .arg(release),
    )
}

/// What `modules.dep` says: each module's path and the paths it needs, its own needs' needs among them.
struct Dependencies(Vec<(String, Vec<String>)>);

impl Dependencies {
    fn parse(table: &str) -> Self {
        let lines = table.lines().filter_map(|line| line.split_once(':'));
        Self(
            lines
                .map(|(module, needs)| {
                    (
                        module.to_owned(),
                        needs.split_whitespace().map(str::to_owned).collect(),
                    )
                })
                .collect(),
        )
    }

    /// The modules that the list names; a line that names none is an error.
    fn matching(&self, list: &str, shown: &str) -> Result<Vec<&str>> {
        let mut found = Vec::new();
        let lines = list
            .lines()
            .enumerate()
            .map(|(number, line)| (number + 1, line.trim()));
        for (number, pattern) in
            lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        {
            let before = found.len();
            let pattern = format!("kernel/{pattern}");
            found.extend(
                self.0
                    .iter()
                    .map(|(module, _)| module.as_str())
                    .filter(|module| matches(&pattern, module)),
            );
            if found.len() == before {
                bail!(
                    "{shown}:{number}: this kernel has no module {pattern}; mend or delete the line"
                );
            }
        }
        Ok(found)
    }

    fn closure(&self, roots: &[&str]) -> BTreeSet<String> {
        let needed = roots.iter().flat_map(|root| self.needs(root));
        let own = roots.iter().map(|&root| root.to_owned());
        own.chain(needed.cloned()).collect()
    }

    /// The same modules in the order in which they can be loaded: `modules.dep` names the nearest need first.
    fn in_order(&self, roots: &[&str]) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for root in roots {
            let needed = self.needs(root).iter().rev().cloned();
            for module in needed.chain([(*root).to_owned()]) {
                if !all.contains(&module) {
                    all.push(module);
                }
            }
        }
        all
    }

    fn needs(&self, root: &str) -> &[String] {
        let mut lines = self.0.iter();
        let line = lines.find(|(module, _)| module == root);
        line.map_or(&[], |(_, needs)| needs)
    }
}

/// Whether a path fits a pattern in which `*` stands for any characters but a slash.
pub(super) fn matches(pattern: &str, path: &str) -> bool {
    let (patterns, parts): (Vec<_>, Vec<_>) =
        (pattern.split('/').collect(), path.split('/').collect());
    patterns.len() == parts.len()
        && patterns
            .iter()
            .zip(parts)
            .all(|(pattern, part)| part_matches(pattern, part))
}

fn part_matches(pattern: &str, part: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == part,
        Some((start, rest)) => part.strip_prefix(start).is_some_and(|tail| {
            (0..=tail.len()).any(|cut| tail.get(cut..).is_some_and(|end| part_matches(rest, end)))
        }),
    }
}

/// The kernel of the package unpacked at `tree`.
pub(super) fn kernel(tree: &Path, release: &str) -> PathBuf {
    tree.join("boot").join(format!("vmlinuz-{release}"))
}

#[cfg(test)]
mod tests {
    use super::{Dependencies, devices, matches};

    const TABLE: &str = "kernel/drivers/net/a/one.ko: kernel/lib/bus.ko kernel/lib/core.ko\n\
        kernel/drivers/net/a/two.ko:\nkernel/drivers/net/b/three.ko: kernel/lib/core.ko\n\
        kernel/lib/bus.ko: kernel/lib/core.ko\nkernel/lib/core.ko:\n";

    #[test]
    fn patterns_stay_within_one_folder() {
        for (pattern, path, fits) in [
            ("net/a/*.ko", "net/a/one.ko", true),
            ("net/a/*.ko", "net/a/deep/one.ko", false),
            ("net/*/*.ko", "net/a/one.ko", true),
            ("net/a/sk*.ko", "net/a/sky2.ko", true),
            ("net/a/sk*.ko", "net/a/tg3.ko", false),
            ("net/a/e*0.ko", "net/a/e1000.ko", true),
            ("net/a/e1000.ko", "net/a/e1000e.ko", false),
        ] {
            assert_eq!(matches(pattern, path), fits, "{pattern} {path}");
        }
    }

    #[test]
    fn what_a_module_needs_comes_along_once() {
        let table = Dependencies::parse(TABLE);
        let picked = table.closure(
            &table
                .matching("# cards\ndrivers/net/a/one.ko\ndrivers/net/b/*\n", "list")
                .unwrap(),
        );
        let names: Vec<_> = picked
            .iter()
            .map(|path| path.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(names, ["one.ko", "three.ko", "bus.ko", "core.ko"]);
    }

    #[test]
    fn each_module_comes_after_those_it_needs() {
        let table = Dependencies::parse(TABLE);
        let roots = table
            .matching("drivers/net/a/one.ko\ndrivers/net/b/three.ko\n", "list")
            .unwrap();
        let order = table.in_order(&roots);
        let names: Vec<_> = order
            .iter()
            .map(|path| path.rsplit('/').next().unwrap())
            .collect();
        assert_eq!(names, ["core.ko", "bus.ko", "one.ko", "three.ko"]);
    }

    #[test]
    fn a_module_s_devices_are_those_that_the_kernel_finds_by_itself() {
        let table = "# Aliases\nalias pci:v00001AF4d* virtio_gpu\nalias fs-virtio virtio_gpu\n\
            alias pci:v1* virtio_gpu2\nalias virtio:d00000010v* virtio_gpu\n";
        let found: Vec<_> = devices(table, "virtio-gpu.ko").collect();
        assert_eq!(found, ["pci:v00001AF4d*", "virtio:d00000010v*"]);
    }

    #[test]
    fn a_line_that_names_nothing_is_an_error_with_its_number() {
        let error = Dependencies::parse(TABLE)
            .matching("\ndrivers/net/a/gone.ko\n", "phase1/modules.txt")
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("phase1/modules.txt:2:"), "{error}");
    }
}
