//! Torrents made of folders: the same bytes give the same torrent, whatever the shape.

#![allow(missing_docs, reason = "a test")]

mod common;

use std::fs;
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{bytes, entries, folder, torrent};
use metainfo::Torrent;
use seeder::{Error, hash_folder};
use sha1::{Digest, Sha1};

const PIECE: usize = 64 << 10;

/// The hash was computed by a few lines of Python over hashlib.
#[test]
fn a_folder_hashes_as_elsewhere() {
    let counting = (0..70_000).map(|i| (i % 251) as u8).collect();
    let files = [
        ("sub/ä", vec![b'B'; PIECE]),
        ("kernel", counting),
        ("empty", vec![]),
    ];
    let root = folder(&files);
    let torrent = hash_folder(root.path(), "linux", &entries(&files), 2, &|_| {}).unwrap();
    assert_eq!(
        torrent.info_hash().to_string(),
        "456ce81f4eca5036b635a005116a8f7a9670cd0c"
    );
    assert_eq!(Torrent::parse(&torrent.to_bytes()).unwrap(), torrent);
}

/// Every shape against the plainest way to hash: all bytes in one buffer, cut into pieces.
#[test]
fn shapes_of_folders() {
    let shapes: [&[(&str, usize)]; 10] = [
        &[],
        &[("empty", 0)],
        &[("a", 0), ("b", 0), ("c/d", 0)],
        &[("a", 1)],
        &[("a", PIECE)],
        &[("a", PIECE), ("b", 3 * PIECE)],
        &[("a", PIECE), ("z", 0)],
        &[
            ("a", 5),
            ("b", 0),
            ("c", 2 * PIECE),
            ("d/e/f", 7),
            ("g", PIECE - 12),
        ],
        &[("a", 10), ("b", 10), ("c", 10), ("d", 0)],
        &[("big", 150 * PIECE + 1), ("small", 1)],
    ];
    for shape in shapes {
        let files: Vec<_> = shape
            .iter()
            .map(|&(path, length)| (path, bytes(length as u64, length)))
            .collect();
        let root = folder(&files);
        let all: Vec<u8> = files
            .iter()
            .flat_map(|(_, content)| content)
            .copied()
            .collect();
        let expected: Vec<[u8; 20]> = all
            .chunks(PIECE)
            .map(|piece| Sha1::digest(piece).into())
            .collect();
        for threads in [0, 1, 3] {
            let told = AtomicU64::new(0);
            let progress = |bytes| _ = told.fetch_add(bytes, Ordering::Relaxed);
            let torrent =
                hash_folder(root.path(), "system", &entries(&files), threads, &progress).unwrap();
            assert_eq!(torrent.info().pieces, expected, "{shape:?}");
            assert_eq!(torrent.info().files.len(), files.len(), "{shape:?}");
            assert_eq!(told.into_inner(), all.len() as u64, "{shape:?}");
            assert_eq!(
                Torrent::parse(&torrent.to_bytes()).as_ref(),
                Ok(&torrent),
                "{shape:?}"
            );
        }
    }
}

/// Neither the order on the disk nor that of the list matters, nor when the files were made.
#[test]
fn copies_give_identical_torrents() {
    let mut files = vec![
        ("kernel", bytes(1, 300_000)),
        ("sub/b", bytes(2, 1)),
        ("sub.a", bytes(3, 70_000)),
        ("sub/ä", vec![]),
        ("Zebra", bytes(4, 5)),
    ];
    let one = folder(&files);
    let first = torrent(one.path(), &files);
    files.reverse();
    let two = folder(&files);
    assert_eq!(torrent(two.path(), &files).to_bytes(), first.to_bytes());
    let paths: Vec<_> = first
        .info()
        .files
        .iter()
        .map(|file| file.path.join("/"))
        .collect();
    assert_eq!(
        paths,
        ["Zebra", "kernel", "sub.a", "sub/b", "sub/ä"],
        "sorted by bytes"
    );
    let (_, content) = &mut files[4];
    content[299_999] ^= 1;
    let three = folder(&files);
    assert_ne!(torrent(three.path(), &files).info_hash(), first.info_hash());
}

/// What happens to a file after it was listed, and before or while it is hashed.
#[test]
fn changes_are_errors_that_name_the_file() {
    type Change = fn(&Path);
    let changes: [(&str, Change); 6] = [
        ("shorter", |file| resize(file, 900_000)),
        ("empty", |file| resize(file, 0)),
        ("longer", |file| resize(file, 1_000_001)),
        ("gone", |file| fs::remove_file(file).unwrap()),
        ("a folder", |file| {
            fs::remove_file(file).unwrap();
            fs::create_dir(file).unwrap();
        }),
        ("replaced by a longer one", |file| {
            let new = file.with_extension("new");
            fs::write(&new, bytes(3, 1_000_001)).unwrap();
            fs::rename(new, file).unwrap();
        }),
    ];
    let files = [
        ("a", bytes(1, 100_000)),
        ("sub/victim", bytes(2, 1_000_000)),
    ];
    for (what, change) in changes {
        // After so many bytes of 1,100,000.
        for at in [0, 50_000, 600_000] {
            let root = folder(&files);
            let victim = root.path().join("sub/victim");
            let hashed = AtomicU64::new(0);
            let progress = |bytes| {
                let before = hashed.fetch_add(bytes, Ordering::Relaxed);
                if (before..before + bytes).contains(&at) && at > 0 {
                    change(&victim);
                }
            };
            if at == 0 {
                change(&victim);
            }
            let error =
                hash_folder(root.path(), "system", &entries(&files), 2, &progress).unwrap_err();
            let (Error::Changed { file, .. } | Error::Read { file, .. } | Error::NotAFile(file)) =
                &error
            else {
                panic!("{what} at {at}: {error}");
            };
            assert_eq!(*file, victim, "{what} at {at}");
        }
    }
}

fn resize(file: &Path, length: u64) {
    OpenOptions::new()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(length)
        .unwrap();
}

#[test]
fn bad_names_are_refused_before_hashing() {
    let root = folder(&[("a", vec![1])]);
    for (name, path) in [
        ("..", "a"),
        ("a/b", "a"),
        ("ok", "../a"),
        ("ok", ""),
        ("ok", "a\\b"),
    ] {
        let entries = entries(&[(path, vec![1])]);
        let refused = hash_folder(root.path(), name, &entries, 1, &|_| panic!("hashed {path}"));
        assert!(
            matches!(refused, Err(Error::Path(_) | Error::Backslash(_))),
            "{name} {path}"
        );
    }
    let twice = entries(&[("a", vec![1]), ("a", vec![1])]);
    assert!(matches!(
        hash_folder(root.path(), "ok", &twice, 1, &|_| {}),
        Err(Error::Path(_))
    ));
}
