//! Small texts of `/proc` and `/sys`, below a root that tests choose. What cannot be read is empty; a file is read to
//! its first 256 KiB, a folder to its first thousand entries.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

const LARGEST: u64 = 256 << 10;
const MOST_ENTRIES: usize = 1000;

/// A root with `proc`, `sys` and `etc` in it.
#[derive(Clone, Debug)]
pub(super) struct Tree(PathBuf);

impl Tree {
    /// Everything below `root`.
    pub(super) fn at(root: impl Into<PathBuf>) -> Tree {
        Tree(root.into())
    }

    /// A file's text without the white space around it.
    pub(super) fn text(&self, path: impl AsRef<Path>) -> String {
        let mut bytes = Vec::new();
        if let Ok(file) = File::open(self.0.join(path)) {
            // Some attributes exist and cannot be read, as the speed of a card without a link.
            let _ = file.take(LARGEST).read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    /// A file that is one number.
    pub(super) fn number(&self, path: impl AsRef<Path>) -> Option<u64> {
        self.text(path).parse().ok()
    }

    /// The names in a folder, sorted.
    pub(super) fn names(&self, path: impl AsRef<Path>) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(path));
        let names = entries.into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.take(MOST_ENTRIES).collect();
        names.sort();
        names
    }

    /// The name of what a link leads to.
    pub(super) fn link(&self, path: impl AsRef<Path>) -> Option<String> {
        let target = fs::read_link(self.0.join(path)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }

    /// Whether something is there.
    pub(super) fn has(&self, path: impl AsRef<Path>) -> bool {
        self.0.join(path).exists()
    }
}

/// A root made of files and links for a test; a content that begins with `->` is a link.
#[cfg(test)]
pub(super) fn made_of(files: &[(&str, &str)]) -> (tempfile::TempDir, Tree) {
    let root = tempfile::tempdir().expect("a directory");
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("its folder");
        match content.strip_prefix("->") {
            Some(target) => std::os::unix::fs::symlink(target, path).expect("a link"),
            None => fs::write(path, content).expect("a file"),
        }
    }
    let tree = Tree::at(root.path());
    (root, tree)
}
