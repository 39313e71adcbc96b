//! Which files of a torrent a machine fetches, and which pieces that takes.

use std::collections::BTreeSet;

use metainfo::{FileEntry, Info};

use crate::core::{Bitfield, Layout};

/// How many files an error names.
const NAMED: usize = 20;

/// Which files of a torrent are fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    #[default]
    Everything,
    /// These alone, by their index in [`Info::files`].
    Files(BTreeSet<usize>),
}

/// A file was asked for that the torrent does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the torrent {torrent} has no file {path}; it has {}", list(.files))]
pub struct NoSuchFile {
    /// The torrent's name.
    pub torrent: String,
    /// What was asked for.
    pub path: String,
    /// All files there are, in the torrent's order.
    pub files: Vec<String>,
}

impl Wanted {
    /// The files with these paths: components below the torrent's folder, joined by `/`.
    ///
    /// # Errors
    /// A path that no file has.
    pub fn named<'a>(
        info: &Info,
        paths: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, NoSuchFile> {
        let index = |path: &str| {
            let found = info.files.iter().position(|file| joined(file) == path);
            found.ok_or_else(|| NoSuchFile {
                torrent: info.name.clone(),
                path: path.to_owned(),
                files: info.files.iter().map(joined).collect(),
            })
        };
        let files: Result<_, _> = paths.into_iter().map(index).collect();
        files.map(Self::Files)
    }

    /// Whether this file is among them.
    pub fn has(&self, file: usize) -> bool {
        match self {
            Self::Everything => true,
            Self::Files(files) => files.contains(&file),
        }
    }

    /// Bytes of the files.
    pub fn file_bytes(&self, info: &Info) -> u64 {
        let files = info.files.iter().enumerate();
        let lengths = files.filter(|(index, _)| self.has(*index));
        lengths.fold(0, |sum, (_, file)| sum.saturating_add(file.length))
    }

    /// Bytes that are fetched: those of all pieces that these files have a part in.
    pub fn fetched_bytes(&self, info: &Info) -> u64 {
        let layout = Layout::of(info);
        let pieces = self.pieces(info);
        let sizes = pieces.iter().map(|piece| layout.piece_size(piece));
        sizes.map(u64::from).sum()
    }

    /// The pieces that these files have a part in.
    pub(super) fn pieces(&self, info: &Info) -> Bitfield {
        if *self == Self::Everything {
            return Bitfield::full(info.piece_count());
        }
        let mut pieces = Bitfield::empty(info.piece_count());
        for place in places(info).filter(|place| self.has(place.file)) {
            for piece in place.first..=place.last {
                pieces.set(piece);
            }
        }
        pieces
    }
}

/// Where a file that is not empty lies among the torrent's bytes.
pub(super) struct Place {
    pub(super) file: usize,
    pub(super) start: u64,
    pub(super) end: u64,
    /// The pieces of its first and of its last byte.
    pub(super) first: u32,
    pub(super) last: u32,
}

/// All of them, in order.
pub(super) fn places(info: &Info) -> impl Iterator<Item = Place> {
    let piece = |byte: u64| (byte / u64::from(info.piece_length.max(1))) as u32;
    let mut end = 0_u64;
    let files = info.files.iter().enumerate().map(move |(file, entry)| {
        let start = end;
        end = end.saturating_add(entry.length);
        (file, start, end)
    });
    files
        .filter(|(_, start, end)| end > start)
        .map(move |(file, start, end)| Place {
            file,
            start,
            end,
            first: piece(start),
            last: piece(end - 1),
        })
}

fn joined(file: &FileEntry) -> String {
    file.path.join("/")
}

fn list(files: &[String]) -> String {
    match files.len().checked_sub(NAMED) {
        None | Some(0) => files.join(", "),
        Some(more) => format!("{}, and {more} more", files[..NAMED].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces of 100 bytes: a has 0 to 2, b a part of 2, c nothing, d parts of 2 and 3, e a part of 3.
    fn info() -> Info {
        let file = |path: &str, length| FileEntry {
            path: path.split('/').map(str::to_owned).collect(),
            length,
        };
        Info {
            name: "tiny".into(),
            piece_length: 100,
            pieces: vec![[0; 20]; 4],
            files: vec![
                file("a", 210),
                file("sub/b", 40),
                file("c", 0),
                file("d", 70),
                file("e", 10),
            ],
            private: false,
            single_file: false,
        }
    }

    #[test]
    fn files_take_the_pieces_that_they_have_a_part_in() {
        for (paths, pieces, files, fetched) in [
            (&["a"][..], &[0, 1, 2][..], 210, 300),
            (&["sub/b", "c"], &[2], 40, 100),
            (&["d", "d"], &[2, 3], 70, 130),
            (&["e", "a"], &[0, 1, 2, 3], 220, 330),
            (&["c"], &[], 0, 0),
            (&[], &[], 0, 0),
        ] {
            let wanted = Wanted::named(&info(), paths.iter().copied()).unwrap();
            assert_eq!(wanted.pieces(&info()).iter().collect::<Vec<_>>(), pieces);
            assert_eq!(wanted.file_bytes(&info()), files, "{paths:?}");
            assert_eq!(wanted.fetched_bytes(&info()), fetched, "{paths:?}");
        }
        let all = Wanted::Everything;
        assert_eq!(
            (all.file_bytes(&info()), all.fetched_bytes(&info())),
            (330, 330)
        );
        assert!(all.pieces(&info()).is_full());
    }

    #[test]
    fn a_file_that_is_not_there_is_told_with_those_that_are() {
        let said = Wanted::named(&info(), ["d", "b"]).unwrap_err().to_string();
        let expected = "the torrent tiny has no file b; it has a, sub/b, c, d, e";
        assert_eq!(said, expected);
        let mut large = info();
        large.files = vec![large.files[0].clone(); 25];
        let said = Wanted::named(&large, ["x"]).unwrap_err().to_string();
        assert!(said.ends_with("a, a, and 5 more"), "{said}");
    }
}
