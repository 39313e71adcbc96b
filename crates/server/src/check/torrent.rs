//! Whether a folder can become a torrent that machines can read: asked of the very code that reads it, with
//! empty hashes, since the limits are not ours to repeat.

use metainfo::{FileEntry, Info, MAX_PIECE_LENGTH, MAX_PIECES, Torrent};

use super::link::Refusal;

/// Most bytes of one system: more than our longest pieces hold.
const MOST_BYTES: u64 = MAX_PIECES * MAX_PIECE_LENGTH as u64;

/// Why the torrent of these files could not be read, and what to do about it.
pub(super) fn refusal(name: &str, files: &[FileEntry]) -> Option<Refusal> {
    let lengths = files.iter().map(|file| file.length);
    let total = lengths.fold(0_u64, u64::saturating_add);
    if total > MOST_BYTES {
        let what = format!("holds more than {}", report::bytes(MOST_BYTES));
        let remedy = "leave out what machines do not need: they hold all of it in their memory";
        return Some((what, remedy.to_owned()));
    }
    let piece_length = metainfo::piece_length(total);
    let pieces = total.div_ceil(u64::from(piece_length));
    let info = Info {
        name: name.to_owned(),
        piece_length,
        pieces: vec![[0; 20]; pieces as usize],
        files: files.to_vec(),
        private: false,
        single_file: false,
    };
    let error = Torrent::parse(&Torrent::new(info).to_bytes()).err()?;
    let remedy = "pack its files into one, such as a file system image";
    Some((
        format!("makes no torrent that machines can read: {error}"),
        remedy.to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::refusal;
    use metainfo::FileEntry;

    fn files(count: usize, name: &str, length: u64) -> Vec<FileEntry> {
        let file = |number| FileEntry {
            path: vec![name.to_owned(), format!("{number}")],
            length,
        };
        (0..count).map(file).collect()
    }

    #[test]
    fn a_system_fits_a_torrent_or_is_refused() {
        assert_eq!(refusal("empty", &[]), None);
        assert_eq!(refusal("usual", &files(2, "a", 1 << 30)), None);
        assert_eq!(refusal("limit", &files(2, "a", 1 << 39)), None);
        let said = |files: &[FileEntry]| refusal("x", files).expect("refused").0;
        let large = said(&files(3, "a", u64::MAX));
        assert!(large.contains("more than 1.1 TB"), "{large}");
        let many = said(&files(80_000, &"long".repeat(60), 1));
        assert!(many.contains("too large"), "{many}");
    }
}
