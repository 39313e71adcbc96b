//! Where things are: the repository, and what the tasks leave below `target/`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The folder of the workspace's Cargo.toml.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask/ lies in the workspace")
}

/// Cargo's target folder, also where the person has moved it.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// What phase 1 is made from and made of; the finished files are in [`image`].
pub(crate) fn phase1() -> PathBuf {
    target().join("phase1")
}

/// The finished files of phase 1.
pub(crate) fn image() -> PathBuf {
    phase1().join("image")
}

/// The finished program, phase 1 inside.
pub(crate) fn server() -> PathBuf {
    target().join("dist/bt-server")
}

/// Waits until no other xtask is writing below `target/`, and keeps the others waiting until the answer is dropped.
pub(crate) fn turn() -> Result<File> {
    fs::create_dir_all(target())?;
    let path = target().join("xtask.lock");
    let lock = File::create(&path).with_context(|| format!("{}", path.display()))?;
    lock.lock()?;
    Ok(lock)
}
