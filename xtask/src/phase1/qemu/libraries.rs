//! The shared libraries that programs are linked against, found by the loader that will load them.
//!
//! Only the packages' own files count: what this machine has installed must not be found by mistake, nor decide what
//! is in the image.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;

/// The loader's file name (System V ABI for AMD64; every program names it as its interpreter).
pub(super) const LOADER: &str = "ld-linux-x86-64.so.2";

/// All libraries that `programs` need, with what those need: their names, and the files in the packages' `trees`.
/// The loader itself is in `folder`.
pub(super) fn of(
    programs: &[PathBuf],
    trees: &[&Path],
    folder: &Path,
) -> Result<BTreeMap<String, PathBuf>> {
    let folders = trees.iter().flat_map(|tree| {
        ["lib", "usr/lib"].map(|lib| {
            tree.join(lib)
                .join("x86_64-linux-gnu")
                .display()
                .to_string()
        })
    });
    let path = folders.collect::<Vec<_>>().join(":");
    let mut all = BTreeMap::new();
    for program in programs {
        let mut command = Command::new(folder.join(LOADER));
        command.args(["--inhibit-cache", "--library-path", &path, "--list"]);
        let listed = run::output(command.arg(program).env_remove("LD_PRELOAD"))?;
        let found = parse(&listed).with_context(|| format!("{}", program.display()))?;
        all.extend(found);
    }
    Ok(all)
}

/// What the loader lists: `NAME => PATH (ADDRESS)`, and lines without a path for what is not a file.
fn parse(listed: &str) -> Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    for line in listed.lines() {
        let Some((name, rest)) = line.trim().split_once(" => ") else {
            continue;
        };
        let Some((path, _)) = rest.rsplit_once(" (") else {
            bail!("phase1/qemu/packages.txt: no package has {name}");
        };
        // The interpreter is named by its path.
        if !name.contains('/') {
            found.push((name.to_owned(), PathBuf::from(path)));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_the_loader_lists_is_read() {
        let listed = "\tlinux-vdso.so.1 (0x00007ffe1)\n\tlibz.so.1 => /t/zlib/lib/libz.so.1 (0x0000f1)\n\
            \t/lib64/ld-linux-x86-64.so.2 => /t/libc/ld-linux-x86-64.so.2 (0x0000f2)\n\tstatically linked\n";
        let found = parse(listed).unwrap();
        assert_eq!(
            found,
            [("libz.so.1".into(), "/t/zlib/lib/libz.so.1".into())]
        );
        let error = parse("\tlibgone.so.3 => not found\n").unwrap_err();
        assert!(error.to_string().contains("libgone.so.3"), "{error}");
    }
}
