//! The rules by which every server makes the same torrent of the same folder.

/// The shortest piece we make, in bytes: fewer, larger hashes save nothing on a small image.
pub const MIN_PIECE_LENGTH: u32 = 64 << 10;

/// The longest piece, in bytes, that we make or accept. A client holds a few pieces in memory.
pub const MAX_PIECE_LENGTH: u32 = 128 << 20;

/// How many pieces we aim for at most: pieces are what machines trade, and every machine tells
/// every other one about each of them.
pub const MAX_PIECES: u64 = 8192;

/// The piece length for `total` bytes of payload: 64 KiB, doubled until 8192 pieces are enough.
pub fn piece_length(total: u64) -> u32 {
    let mut length = MIN_PIECE_LENGTH;
    while length < MAX_PIECE_LENGTH && total.div_ceil(u64::from(length)) > MAX_PIECES {
        length *= 2;
    }
    length
}

/// Whether a file of a system's folder belongs into its torrent, by its path relative to the folder.
///
/// Everything does but the system's own description: editing a command line must not change the torrent.
pub fn is_payload(path: &[&str]) -> bool {
    path != ["config.yaml"]
}

#[cfg(test)]
mod tests {
    use super::{is_payload, piece_length};

    #[test]
    fn pieces_double_from_64_kib() {
        const KIB: u32 = 1 << 10;
        const MIB: u64 = 1 << 20;
        for (total, expected) in [
            (0, 64 * KIB),
            (1, 64 * KIB),
            (512 * MIB, 64 * KIB),
            (512 * MIB + 1, 128 * KIB),
            (1024 * MIB, 128 * KIB),
            (1024 * MIB + 1, 256 * KIB),
            (8192 * MIB, 1024 * KIB),
            (u64::MAX, 128 << 20),
        ] {
            assert_eq!(piece_length(total), expected, "{total} bytes");
        }
    }

    #[test]
    fn only_the_top_level_description_is_left_out() {
        assert!(!is_payload(&["config.yaml"]));
        for payload in [
            &["a", "config.yaml"][..],
            &["config.yml"],
            &["config.yaml", "x"],
            &["Config.yaml"],
        ] {
            assert!(is_payload(payload), "{payload:?}");
        }
    }
}
