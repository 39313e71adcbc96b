//! Pieces that are read, and not asked for by a peer.

#![allow(missing_docs, reason = "a test")]

mod common;

use std::fs;

use common::world::{run, start};
use common::{bytes, folder, torrent};
use tempfile::TempDir;

#[test]
fn any_part_of_any_piece_is_read_as_long_as_the_files_are_the_same() {
    run(async {
        let files = [
            ("a", bytes(1, 100_000)),
            ("b", Vec::new()),
            ("c", bytes(2, 70_001)),
        ];
        let root = folder(&files);
        let torrent = torrent(root.path(), &files);
        let all = common::joined(&torrent, &files);
        let state = TempDir::new().unwrap();
        let seeder = start(state.path(), 0).await.unwrap();
        let reader = seeder.reader();
        let hash = torrent.info_hash();
        assert!(reader.pieces(&hash).is_none(), "it is not seeded yet");
        seeder.add(&torrent, root.path()).await.unwrap();
        assert_eq!(reader.uploaded(&hash), Some(0));
        let pieces = reader.pieces(&hash).unwrap();
        let length = pieces.info().piece_length;
        for (piece, begin, bytes) in [(0, 0, 16_384), (0, 1, length - 1), (1, 30_000, 16_384)] {
            let from = (piece * length + begin) as usize;
            let read = pieces.read(piece, begin, bytes).unwrap();
            assert!(read == all[from..from + bytes as usize], "{piece} {begin}");
        }
        let last = pieces.info().piece_count() - 1;
        let size = pieces.info().piece_size(last);
        assert!(pieces.read(last, 0, size).unwrap() == all[(last * length) as usize..]);
        assert!(pieces.read(last, 1, size).is_err(), "beyond the end");
        fs::write(root.path().join("c"), [0; 70_001]).unwrap();
        assert!(pieces.read(0, 0, 16_384).is_ok(), "of another file");
        assert!(pieces.read(last, 0, size).is_err(), "it was written to");
        drop(pieces);
        seeder.stop().await;
        assert!(reader.pieces(&hash).is_none());
        assert_eq!(reader.uploaded(&hash), None);
    });
}
