//! `cargo xtask dist`: one file, `target/dist/bt-server`, phase 1 inside, that runs on any x86-64 Linux.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

use crate::{cargo, phase1, places, run};

/// Builds it where it is out of date, and says how large it is.
pub(crate) fn task() -> Result<()> {
    let server = build()?;
    println!(
        "{} {} bytes, static",
        server.display(),
        fs::metadata(&server)?.len()
    );
    Ok(())
}

/// Builds it where it is out of date; gives its path.
pub(crate) fn build() -> Result<PathBuf> {
    phase1::build()?;
    let _turn = places::turn()?;
    let image = places::image();
    let built = cargo::build_static(
        "bt-server",
        "release",
        &[("BT_PHASE1_DIR", image.as_os_str())],
    )?;
    let bytes = fs::read(&built).with_context(|| format!("{}", built.display()))?;
    ensure!(
        is_static(&bytes),
        "{} needs a dynamic loader; it must be one file that runs anywhere",
        built.display()
    );
    let server = places::server();
    fs::create_dir_all(server.parent().expect("it lies in a folder"))?;
    if fs::read(&server).ok().as_ref() != Some(&bytes) {
        // A new file in place of the old one: a server that runs from the old one goes on.
        let fresh = server.with_extension("part");
        fs::write(&fresh, &bytes)?;
        run::make_executable(&fresh)?;
        fs::rename(&fresh, &server)?;
    }
    Ok(server)
}

/// Whether a program of 64-bit ELF names no interpreter (elf(5): a program header of type PT_INTERP).
fn is_static(elf: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let number = |at: usize, size: usize| -> Option<usize> {
        let bytes = elf.get(at..at.checked_add(size)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |sum, &byte| sum << 8 | usize::from(byte)),
        )
    };
    let headers = || -> Option<bool> {
        let (offset, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        (0..count).try_fold(true, |fine, i| {
            Some(fine && number(offset.saturating_add(i * size), 4)? != PT_INTERP as usize)
        })
    };
    elf.starts_with(b"\x7fELF\x02") && headers().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::is_static;

    /// An ELF header with one program header of the given type behind it.
    fn elf(kind: u8) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..5].copy_from_slice(b"\x7fELF\x02");
        (bytes[32], bytes[54], bytes[56], bytes[64]) = (64, 56, 1, kind);
        bytes
    }

    #[test]
    fn an_interpreter_is_seen() {
        assert!(is_static(&elf(1)));
        assert!(!is_static(&elf(3)));
        assert!(
            !is_static(&elf(1)[..66]),
            "a header that is cut off proves nothing"
        );
        assert!(!is_static(b"#!/bin/sh"));
    }

    #[test]
    fn this_test_itself_is_not_static() {
        assert!(!is_static(&std::fs::read("/proc/self/exe").unwrap()));
    }
}
