//! Torrents whose hashes were computed by another implementation (a few lines of Python over
//! hashlib), and torrents that must be refused.

use metainfo::bencode::Encoded;
use metainfo::{FileEntry, Info, ParseError, Span, Torrent};
use sha1::{Digest, Sha1};

/// "empty" (no bytes), "kernel" (70,000 bytes counting modulo 251), "sub/ä" (65,536 times 'B').
fn payload() -> Vec<u8> {
    (0..70_000)
        .map(|i| (i % 251) as u8)
        .chain([b'B'; 65_536])
        .collect()
}

fn linux() -> Info {
    let file = |path: &[&str], length| FileEntry {
        path: path.iter().map(|&part| part.to_owned()).collect(),
        length,
    };
    Info {
        name: "linux".into(),
        piece_length: 65_536,
        pieces: payload()
            .chunks(65_536)
            .map(|piece| Sha1::digest(piece).into())
            .collect(),
        files: vec![
            file(&["empty"], 0),
            file(&["kernel"], 70_000),
            file(&["sub", "ä"], 65_536),
        ],
        private: false,
        single_file: false,
    }
}

#[test]
fn several_files_hash_as_elsewhere() {
    let info = linux();
    assert_eq!(info.total_length(), 135_536);
    assert_eq!(info.piece_count(), 3);
    assert_eq!(
        [0, 1, 2, 3].map(|i| info.piece_size(i)),
        [65_536, 65_536, 4_464, 0]
    );
    assert_eq!(
        info.hash().to_string(),
        "456ce81f4eca5036b635a005116a8f7a9670cd0c"
    );
    let spans = |piece| info.spans(piece).collect::<Vec<_>>();
    assert_eq!(
        spans(0),
        [Span {
            file: 1,
            offset: 0,
            length: 65_536
        }]
    );
    assert_eq!(
        spans(1),
        [
            Span {
                file: 1,
                offset: 65_536,
                length: 4_464
            },
            Span {
                file: 2,
                offset: 0,
                length: 61_072
            }
        ]
    );
    assert_eq!(
        spans(2),
        [Span {
            file: 2,
            offset: 61_072,
            length: 4_464
        }]
    );
    assert_eq!(spans(3), []);
    let within: Vec<_> = info.spans_within(1, 4_000, 1_000).collect();
    assert_eq!(
        within,
        [
            Span {
                file: 1,
                offset: 69_536,
                length: 464
            },
            Span {
                file: 2,
                offset: 0,
                length: 536
            }
        ]
    );
    assert_eq!(info.relative_path(2).to_str(), Some("linux/sub/ä"));
}

#[test]
fn one_file_hashes_as_elsewhere() {
    let mut bytes =
        b"d4:infod6:lengthi6e4:name9:hello.txt12:piece lengthi16384e6:pieces20:".to_vec();
    bytes.extend(Sha1::digest(b"hello\n"));
    bytes.extend(b"7:privatei1eee");
    let torrent = Torrent::parse(&bytes).unwrap();
    assert_eq!(
        torrent.info_hash().to_string(),
        "3e7e121dbb2213c522eaf21c5ad048a3b944d053"
    );
    let info = torrent.info();
    assert!(info.single_file && info.private);
    assert_eq!(info.relative_path(0).to_str(), Some("hello.txt"));
    assert_eq!(info.hash(), torrent.info_hash());
    assert_eq!(torrent.to_bytes(), bytes);
}

#[test]
fn a_torrent_goes_out_and_comes_back() {
    let torrent = Torrent::new(linux())
        .with_announce("http://10.77.0.1:6969/announce")
        .with_web_seed("http://10.77.0.1:6969/oss/");
    let read = Torrent::parse(&torrent.to_bytes()).unwrap();
    assert_eq!(read, torrent);
    assert_eq!(read.announce(), Some("http://10.77.0.1:6969/announce"));
    assert_eq!(read.web_seeds(), ["http://10.77.0.1:6969/oss/"]);
    assert_eq!(read.info_hash(), linux().hash());
}

/// The hash is that of the bytes, also where we would have written the dictionary differently.
#[test]
fn unknown_and_unsorted_keys_are_part_of_the_hash() {
    let raw = b"d12:piece lengthi65536e4:name1:a6:pieces0:6:lengthi0e6:source1:xe";
    let bytes = [
        &b"d13:announce-listll8:http://aee8:url-list8:http://b4:info"[..],
        raw,
        b"e",
    ]
    .concat();
    let torrent = Torrent::parse(&bytes).unwrap();
    assert_eq!(torrent.info_hash().0, <[u8; 20]>::from(Sha1::digest(raw)));
    assert_ne!(torrent.info_hash(), torrent.info().hash());
    assert_eq!(torrent.announce(), Some("http://a"));
    assert_eq!(torrent.web_seeds(), ["http://b"]);
    let again = Torrent::parse(&torrent.to_bytes()).unwrap();
    assert_eq!(again.info_hash(), torrent.info_hash());
}

/// A torrent of one file `path`, with the given piece length, size and hashes.
fn hostile(name: &str, path: &[&str], piece_length: i64, length: i64, hashes: usize) -> Vec<u8> {
    let path = Encoded::list(path.iter().map(Encoded::bytes));
    let file = Encoded::dict([("length", Encoded::int(length)), ("path", path)]);
    let info = Encoded::dict([
        ("name", Encoded::bytes(name)),
        ("piece length", Encoded::int(piece_length)),
        ("pieces", Encoded::bytes(vec![7; hashes])),
        ("files", Encoded::list([file])),
    ]);
    Encoded::dict([("info", info)]).into_bytes()
}

#[test]
fn hostile_torrents_are_refused() {
    assert!(Torrent::parse(&hostile("a", &["b"], 65_536, 65_537, 40)).is_ok());
    assert!(Torrent::parse(&hostile("a", &["b"], 65_536, 0, 0)).is_ok());
    for (name, path) in [
        ("..", &["b"][..]),
        ("", &["b"]),
        ("a/b", &["b"]),
        ("/etc", &["passwd"]),
        ("a", &[]),
        ("a", &[".."]),
        ("a", &["..", "b"]),
        ("a", &["b", ""]),
        ("a", &["b/../../c"]),
        ("a", &["b\0"]),
    ] {
        let refused = Torrent::parse(&hostile(name, path, 65_536, 65_537, 40));
        assert!(
            matches!(refused, Err(ParseError::Path(_))),
            "{name:?} {path:?}: {refused:?}"
        );
    }
    for (piece_length, length, hashes) in [
        (65_536, 65_537, 20),
        (65_536, 65_536, 40),
        (65_536, 65_536, 0),
        (65_536, 65_536, 19),
        (0, 65_536, 20),
        (-1, 65_536, 20),
        (1 << 32, 65_536, 20),
        (1 << 31, 65_536, 20),
        (65_536, -1, 20),
        (65_536, i64::MAX, 20),
        (1, i64::MAX, 20),
    ] {
        let bytes = hostile("a", &["b"], piece_length, length, hashes);
        assert!(
            Torrent::parse(&bytes).is_err(),
            "{piece_length} {length} {hashes}"
        );
    }
    for bad in [
        "",
        "de",
        "le",
        "i0e",
        "d4:infoe",
        "d4:infodee",
        "d4:infolee",
        "d4:infode",
    ] {
        assert!(Torrent::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
}
