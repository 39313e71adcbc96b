//! The files that loaders ask for, by name, in memory: phase 1, the loaders, their scripts and
//! `torrents.gz`. Both file doors serve from here. What is put on a shelf never changes; when the offer does, a copy of the
//! shelf with another `torrents.gz` takes its place (`serve/offering.rs`).

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail};
use bytes::Bytes;

/// What phase 1 cannot do without.
const NEEDED: [&str; 3] = ["bzImage", "rootfs.gz", "diff.gz"];

/// QEMU with all it needs, which phase 1 has beside the loaders' files.
pub const QEMU: &str = "qemu.squashfs";

/// Names and bytes of what loaders may fetch.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    files: HashMap<String, Bytes>,
}

impl Shelf {
    /// The phase 1 that was embedded at build time.
    ///
    /// # Errors
    /// The program was built without phase 1.
    pub fn embedded() -> anyhow::Result<Self> {
        let files = phase1_image::files();
        let shelf = Self {
            files: files
                .iter()
                .map(|f| (f.name.to_owned(), Bytes::from_static(f.bytes)))
                .collect(),
        };
        shelf.complete("this bt-server was built without phase 1: build it with `cargo xtask dist`, or name one with --phase1 DIR")?;
        Ok(shelf)
    }

    /// The phase 1 in folder `dir`, as `cargo xtask phase1` leaves it.
    ///
    /// # Errors
    /// The folder cannot be read or lacks a file that booting needs.
    pub fn from_dir(dir: &Path) -> anyhow::Result<Self> {
        let mut shelf = Self::default();
        for entry in
            std::fs::read_dir(dir).with_context(|| format!("--phase1 {}", dir.display()))?
        {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if entry.file_type()?.is_file() {
                let bytes = std::fs::read(entry.path())
                    .with_context(|| format!("{}", entry.path().display()))?;
                shelf.files.insert(name, bytes.into());
            }
        }
        shelf.complete(&format!(
            "--phase1 {}: make it with `cargo xtask phase1`",
            dir.display()
        ))?;
        Ok(shelf)
    }

    /// Puts a file of the server's own making on the shelf.
    pub fn put(&mut self, name: &str, bytes: impl Into<Bytes>) {
        self.files.insert(name.to_owned(), bytes.into());
    }

    /// Finds a file by the name a loader asks for. Loaders put the folder of their configuration
    /// or a slash before it.
    #[must_use]
    pub fn get(&self, asked: &str) -> Option<(&str, Bytes)> {
        let asked = asked.trim_start_matches('/');
        let name = asked.strip_prefix("boot/").unwrap_or(asked);
        self.files
            .get_key_value(name)
            .map(|(name, bytes)| (name.as_str(), bytes.clone()))
    }

    /// QEMU's image, where this phase 1 has one.
    #[must_use]
    pub fn qemu(&self) -> Option<Bytes> {
        self.files.get(QEMU).cloned()
    }

    fn complete(&self, remedy: &str) -> anyhow::Result<()> {
        let missing: Vec<&str> = NEEDED
            .into_iter()
            .filter(|name| !self.files.contains_key(*name))
            .collect();
        if !missing.is_empty() {
            bail!(
                "phase 1 is incomplete, {} missing; {remedy}",
                missing.join(", ")
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_spell_a_name_in_several_ways() {
        let mut shelf = Shelf::default();
        shelf.put("pxelinux.cfg/default", "x");
        for asked in [
            "pxelinux.cfg/default",
            "/pxelinux.cfg/default",
            "boot/pxelinux.cfg/default",
            "//boot/pxelinux.cfg/default",
        ] {
            assert_eq!(
                shelf.get(asked).map(|(name, _)| name),
                Some("pxelinux.cfg/default"),
                "{asked}"
            );
        }
        assert!(shelf.get("../pxelinux.cfg/default").is_none());
        assert!(shelf.get("").is_none());
    }

    #[test]
    fn incomplete_phase1_is_refused_by_name() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("bzImage"), "k").expect("written");
        let text = format!(
            "{:#}",
            Shelf::from_dir(dir.path()).expect_err("two files are missing")
        );
        assert!(text.contains("rootfs.gz, diff.gz"), "{text}");
    }
}
