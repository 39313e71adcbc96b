//! Folders with files to hash and seed, and the smallest possible peer to fetch them with.
#![allow(
    dead_code,
    missing_docs,
    reason = "shared by several tests, none of which uses all"
)]

pub(crate) mod peer;
pub(crate) mod world;

use std::fs;
use std::path::Path;

use metainfo::{FileEntry, Torrent};
use tempfile::TempDir;

/// Bytes that differ everywhere, and between seeds.
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// A folder's files by path.
pub(crate) type Files<'a> = &'a [(&'a str, Vec<u8>)];

/// Writes the files in the given order.
pub(crate) fn folder(files: Files<'_>) -> TempDir {
    let root = TempDir::new().unwrap();
    for (path, content) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

pub(crate) fn entries(files: Files<'_>) -> Vec<FileEntry> {
    files
        .iter()
        .map(|(path, content)| FileEntry {
            path: path.split('/').map(str::to_owned).collect(),
            length: content.len() as u64,
        })
        .collect()
}

pub(crate) fn torrent(root: &Path, files: Files<'_>) -> Torrent {
    seeder::hash_folder(root, "system", &entries(files), 2, &|_| {}).unwrap()
}

/// What a machine needs to have in the end: all files' bytes, in the torrent's order.
pub(crate) fn joined(torrent: &Torrent, files: Files<'_>) -> Vec<u8> {
    let content = |entry: &FileEntry| {
        let path = entry.path.join("/");
        files
            .iter()
            .find(|(name, _)| *name == path)
            .unwrap()
            .1
            .as_slice()
    };
    torrent
        .info()
        .files
        .iter()
        .flat_map(content)
        .copied()
        .collect()
}
