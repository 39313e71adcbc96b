//! The info dictionary: which files a torrent holds, and which bytes of them a piece is made of.

use std::path::PathBuf;

use sha1::{Digest, Sha1};

use crate::InfoHash;
use crate::bencode::Encoded;

/// A file of a torrent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileEntry {
    /// The path's components, relative to the torrent's root folder.
    pub path: Vec<String>,
    /// Its size in bytes; zero is allowed.
    pub length: u64,
}

/// What a torrent is about. The bytes of all files, one after the other in their order, are cut
/// into pieces of equal length; only the last may be shorter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The name of the root folder, or of the file if [`single_file`](Self::single_file).
    pub name: String,
    /// Bytes in every piece but the last.
    pub piece_length: u32,
    /// SHA-1 of every piece.
    pub pieces: Vec<[u8; 20]>,
    /// All files, in the order in which their bytes follow each other.
    pub files: Vec<FileEntry>,
    /// BEP 27: peers come from the tracker alone.
    pub private: bool,
    /// There is no root folder: the torrent is one file called [`name`](Self::name).
    pub single_file: bool,
}

/// A run of bytes within one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Index into [`Info::files`].
    pub file: usize,
    /// Where it starts in that file, in bytes.
    pub offset: u64,
    /// How many bytes; never zero.
    pub length: u32,
}

impl Info {
    /// Bytes of all files together.
    pub fn total_length(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, file| sum.saturating_add(file.length))
    }

    /// Number of pieces.
    pub fn piece_count(&self) -> u32 {
        u32::try_from(self.pieces.len()).unwrap_or(u32::MAX)
    }

    /// Bytes in a piece; 0 for a piece that does not exist.
    pub fn piece_size(&self, index: u32) -> u32 {
        let rest = self.total_length().saturating_sub(self.piece_start(index));
        // The smaller of the two fits, since one of them is a u32.
        rest.min(u64::from(self.piece_length)) as u32
    }

    /// Where the bytes of a piece lie, in order. Empty files have no part in any piece.
    pub fn spans(&self, piece: u32) -> impl Iterator<Item = Span> {
        self.spans_within(piece, 0, self.piece_length)
    }

    /// Where `length` bytes of a piece lie, from its byte `begin` on; what is beyond the piece is left out.
    pub fn spans_within(&self, piece: u32, begin: u32, length: u32) -> impl Iterator<Item = Span> {
        let start = self.piece_start(piece) + u64::from(begin);
        let end = start + u64::from(length.min(self.piece_length.saturating_sub(begin)));
        let mut file_end = 0_u64;
        self.files
            .iter()
            .enumerate()
            .map(move |(file, entry)| {
                let file_start = file_end;
                file_end = file_end.saturating_add(entry.length);
                (file, file_start, file_end)
            })
            .skip_while(move |(_, _, file_end)| *file_end <= start)
            .take_while(move |(_, file_start, _)| *file_start < end)
            .filter_map(move |(file, file_start, file_end)| {
                let (from, to) = (start.max(file_start), end.min(file_end));
                let length = u32::try_from(to.checked_sub(from)?).ok()?;
                (length > 0).then_some(Span {
                    file,
                    offset: from - file_start,
                    length,
                })
            })
    }

    /// Where a file goes, below the folder everything is put into: NAME/sub/file, or NAME alone if
    /// [`single_file`](Self::single_file).
    ///
    /// # Panics
    /// If there is no such file.
    pub fn relative_path(&self, file: usize) -> PathBuf {
        let entry = &self.files[file];
        let mut path = PathBuf::from(&self.name);
        if !self.single_file {
            path.extend(&entry.path);
        }
        path
    }

    /// The info dictionary as bencode, canonically.
    pub fn to_bencode(&self) -> Vec<u8> {
        let mut entries = vec![
            ("name", Encoded::bytes(&self.name)),
            ("piece length", Encoded::int(self.piece_length.into())),
            ("pieces", Encoded::bytes(self.pieces.as_flattened())),
        ];
        if self.private {
            entries.push(("private", Encoded::int(1)));
        }
        entries.push(if self.single_file {
            ("length", Encoded::size(self.total_length()))
        } else {
            ("files", Encoded::list(self.files.iter().map(encode_file)))
        });
        Encoded::dict(entries).into_bytes()
    }

    /// The info hash of [`to_bencode`](Self::to_bencode). A torrent that was read may have keys we
    /// don't know: its hash is [`Torrent::info_hash`](crate::Torrent::info_hash).
    pub fn hash(&self) -> InfoHash {
        InfoHash(Sha1::digest(self.to_bencode()).into())
    }

    fn piece_start(&self, index: u32) -> u64 {
        u64::from(index) * u64::from(self.piece_length)
    }
}

fn encode_file(file: &FileEntry) -> Encoded {
    Encoded::dict([
        ("length", Encoded::size(file.length)),
        ("path", Encoded::list(file.path.iter().map(Encoded::bytes))),
    ])
}
