//! Folders whose bytes are known: written for the server, compared where they arrived.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Files by their path below a folder.
pub(crate) type Tree = BTreeMap<String, Vec<u8>>;

/// Bytes that differ everywhere, and between seeds.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.to_be_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Writes all files below `folder`.
pub(crate) fn write(folder: &Path, tree: &Tree) {
    for (path, bytes) in tree {
        let file = folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
}

/// Asserts that `folder` holds these files, byte for byte, and nothing else.
pub(crate) fn assert_same(folder: &Path, tree: &Tree) {
    let mut found = Vec::new();
    list(folder, folder, &mut found);
    found.sort_unstable();
    let expected: Vec<_> = tree.keys().cloned().collect();
    assert_eq!(found, expected, "the files in {}", folder.display());
    for (path, bytes) in tree {
        let arrived = fs::read(folder.join(path)).unwrap();
        assert_eq!(arrived.len(), bytes.len(), "the size of {path}");
        if arrived != *bytes {
            let wrong = arrived.iter().zip(bytes).position(|(a, b)| a != b);
            panic!("the first wrong byte of {path}: {wrong:?}");
        }
    }
}

/// Paths below `root` of all that is in `folder` and is no folder.
fn list(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(root, &path, found);
        } else {
            let below = path.strip_prefix(root).unwrap();
            found.push(below.to_str().expect("a name in UTF-8").to_owned());
        }
    }
}
