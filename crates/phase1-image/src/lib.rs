//! The built phase 1, embedded: kernel, root file system, our layer, boot loaders and the manifest of their sources.
//!
//! Holds bytes and their names, nothing else: it never unpacks, serves or changes them. `build.rs` embeds the folder
//! that the environment variable `BT_PHASE1_DIR` names while this crate is compiled (`cargo xtask dist` sets it);
//! without it there are no files, and everything else still builds and is tested.

#![forbid(unsafe_code)]

/// One file of phase 1, under the name that firmware and loaders ask for.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// The bare file name, such as `bzImage`.
    pub name: &'static str,
    /// The whole content.
    pub bytes: &'static [u8],
}

/// All files of phase 1 in the order of their names; empty when phase 1 was not built. The manifest is not among them.
pub fn files() -> &'static [File] {
    FILES
}

/// The manifest as JSON: packages with version, licence and source, and size and SHA-256 of every file;
/// `None` when phase 1 was not built.
pub fn manifest() -> Option<&'static str> {
    MANIFEST
}

// A `static` (not a `const`), so that the 20 MB exist once however often they are named.
include!(concat!(env!("OUT_DIR"), "/image.rs"));

#[cfg(test)]
mod tests {
    use super::{files, manifest};

    /// What `build.rs` saw when this crate was compiled.
    fn was_built() -> bool {
        option_env!("BT_PHASE1_DIR").is_some_and(|folder| !folder.is_empty())
    }

    #[test]
    fn files_and_manifest_come_together_or_not_at_all() {
        assert_eq!(!files().is_empty(), was_built());
        assert_eq!(manifest().is_some(), was_built());
    }

    #[test]
    fn every_file_has_its_own_bare_name_and_content() {
        for pair in files().windows(2) {
            assert!(
                pair[0].name < pair[1].name,
                "{} and {} are out of order",
                pair[0].name,
                pair[1].name
            );
        }
        for file in files() {
            assert!(
                !file.name.contains('/') && file.name != "manifest.json",
                "{}",
                file.name
            );
            assert!(!file.bytes.is_empty(), "{} is empty", file.name);
        }
    }
}
