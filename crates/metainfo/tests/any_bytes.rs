//! Bytes of strangers: whatever they are, reading them ends, stays bounded and never panics; and
//! what we write is read back as the same.

use metainfo::bencode::{self, Encoded, Error, MAX_DEPTH, MAX_VALUES, Value};
use metainfo::{FileEntry, Info, Torrent};
use proptest::prelude::*;

#[test]
fn reading_is_strict_about_values() {
    let cases: [(&[u8], Result<(), Error>); 25] = [
        (b"i0e", Ok(())),
        (b"i-9223372036854775808e", Ok(())),
        (b"d1:b0:1:a0:e", Ok(())),
        (b"i9223372036854775808e", Err(Error::BadNumber(1))),
        (b"i1111111111111111111111111e", Err(Error::BadNumber(1))),
        (b"i00e", Err(Error::BadNumber(1))),
        (b"i-0e", Err(Error::BadNumber(1))),
        (b"i+1e", Err(Error::BadNumber(1))),
        (b"ie", Err(Error::BadNumber(1))),
        (b"i-e", Err(Error::BadNumber(1))),
        (b"i--1e", Err(Error::BadNumber(1))),
        (b"i1", Err(Error::Truncated)),
        (b"01:a", Err(Error::BadNumber(0))),
        (b"2:a", Err(Error::Truncated)),
        (b"9223372036854775807:a", Err(Error::Truncated)),
        (b"99999999999999999999999:a", Err(Error::BadNumber(0))),
        (b"", Err(Error::Truncated)),
        (b"l", Err(Error::Truncated)),
        (b"d1:a", Err(Error::Truncated)),
        (b"d1:ae", Err(Error::NotAValue(4))),
        (b"di1e0:e", Err(Error::BadKey(1))),
        (b"d1:a0:1:a0:e", Err(Error::DuplicateKey(12))),
        (b"d1:a0:1:b0:1:a0:e", Err(Error::DuplicateKey(17))),
        (b"x", Err(Error::NotAValue(0))),
        (b"i0ei1e", Err(Error::Trailing(3))),
    ];
    for (input, expected) in cases {
        let text = String::from_utf8_lossy(input);
        assert_eq!(bencode::parse(input).map(drop), expected, "{text}");
    }
    let prefix = bencode::parse_prefix(b"d1:ai1eerest").unwrap();
    assert_eq!(prefix.1, 8);
    assert_eq!(
        prefix.0.as_dict().unwrap().get("a").and_then(Value::as_int),
        Some(1)
    );
}

#[test]
fn reading_is_bounded() {
    let nested = |depth: usize| [vec![b'l'; depth], vec![b'e'; depth]].concat();
    assert!(bencode::parse(&nested(MAX_DEPTH + 1)).is_ok());
    assert_eq!(bencode::parse(&nested(MAX_DEPTH + 2)), Err(Error::TooDeep));
    assert_eq!(bencode::parse(&vec![b'l'; 1 << 20]), Err(Error::TooDeep));
    let many = [b"l".to_vec(), b"le".repeat(MAX_VALUES), b"e".to_vec()].concat();
    assert_eq!(bencode::parse(&many), Err(Error::TooMany));
}

fn any_value() -> impl Strategy<Value = Encoded> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(Encoded::int),
        prop::collection::vec(any::<u8>(), 0..20).prop_map(Encoded::bytes),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Encoded::list),
            prop::collection::btree_map(prop::collection::vec(any::<u8>(), 0..5), inner, 0..6)
                .prop_map(Encoded::dict),
        ]
    })
}

/// Bytes that look like bencode often enough to get deep into the parser.
fn almost_bencode() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(b"d".to_vec()),
        Just(b"l".to_vec()),
        Just(b"e".to_vec()),
        any::<i64>().prop_map(|value| format!("i{value}e").into_bytes()),
        prop::sample::select(vec![
            "4:info", "4:name", "6:pieces", "5:files", "6:length", "4:path", "0:", "2:..", "3:"
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(token, 0..40).prop_map(|tokens| tokens.concat())
}

/// Infos as we make them: several files, some of them empty, with pieces that span files.
fn any_info() -> impl Strategy<Value = Info> {
    let lengths = prop::collection::vec(prop_oneof![Just(0), 1_u64..300], 1..12);
    (lengths, 1_u32..100, any::<bool>()).prop_map(|(lengths, piece_length, private)| {
        let pieces = lengths.iter().sum::<u64>().div_ceil(piece_length.into());
        Info {
            name: "name".into(),
            piece_length,
            pieces: (0..pieces).map(|i| [i as u8; 20]).collect(),
            files: lengths
                .iter()
                .enumerate()
                .map(|(i, &length)| FileEntry {
                    path: vec!["ordner".into(), format!("ä{i}")],
                    length,
                })
                .collect(),
            private,
            single_file: false,
        }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(value in any_value()) {
        let bytes = value.into_bytes();
        let read = bencode::parse(&bytes).unwrap();
        prop_assert_eq!(read.encode().into_bytes(), bytes);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = bencode::parse(&bytes);
        let _ = Torrent::parse(&bytes);
    }

    #[test]
    fn almost_bencode_never_panics(bytes in almost_bencode()) {
        if let Ok((value, consumed)) = bencode::parse_prefix(&bytes) {
            prop_assert!(consumed <= bytes.len());
            prop_assert!(bencode::parse(value.encode().as_bytes()).is_ok());
        }
        let _ = Torrent::parse(&bytes);
    }

    #[test]
    fn a_damaged_torrent_is_refused_or_keeps_its_promises(
        info in any_info(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut bytes = Torrent::new(info).to_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(torrent) = Torrent::parse(&bytes) {
            let info = torrent.info();
            let sizes: u64 = (0..info.piece_count()).map(|i| u64::from(info.piece_size(i))).sum();
            prop_assert_eq!(sizes, info.total_length());
        }
    }

    #[test]
    fn torrents_are_read_back(info in any_info()) {
        let torrent = Torrent::new(info);
        prop_assert_eq!(Torrent::parse(&torrent.to_bytes()), Ok(torrent));
    }

    /// The spans of all pieces are every byte of every file, once and in order.
    #[test]
    fn spans_cover_every_byte_once(info in any_info()) {
        let mut next = vec![0; info.files.len()];
        let mut last_file = 0;
        for piece in 0..info.piece_count() {
            let mut size = 0;
            for span in info.spans(piece) {
                prop_assert!(span.length > 0 && span.file >= last_file);
                prop_assert_eq!(span.offset, next[span.file]);
                next[span.file] += u64::from(span.length);
                last_file = span.file;
                size += span.length;
            }
            prop_assert_eq!(size, info.piece_size(piece));
        }
        let lengths: Vec<u64> = info.files.iter().map(|file| file.length).collect();
        prop_assert_eq!(next, lengths);
    }
}
