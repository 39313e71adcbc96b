//! From a stranger's bencode to types that keep their promises.

use crate::bencode::{self, Dict, Value};
use crate::path::{PathError, check_files, check_path};
use crate::{FileEntry, Info, MAX_PIECE_LENGTH};

/// Why bytes are not a torrent that we work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Longer than any torrent we would make.
    #[error("a torrent file of {0} bytes is too large")]
    TooLarge(usize),
    /// Not bencode.
    #[error(transparent)]
    Bencode(#[from] bencode::Error),
    /// A key is missing, or its value is of the wrong type or out of range.
    #[error("the torrent has no usable {0:?}")]
    Key(&'static str),
    /// A file's path is unsafe or conflicts with another one.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The number of hashes is not the number of pieces.
    #[error("the torrent has {hashes} hashes for {pieces} pieces")]
    PieceCount {
        /// How many hashes there are.
        hashes: u64,
        /// How many pieces the files make.
        pieces: u64,
    },
}

/// Reads an info dictionary and checks that everything in it agrees.
pub(crate) fn info(dict: &Dict<'_>) -> Result<Info, ParseError> {
    let name = text(dict, "name")?.to_owned();
    check_path(&[&name])?;
    let piece_length = dict
        .get("piece length")
        .and_then(Value::as_size)
        .and_then(|length| u32::try_from(length).ok())
        .filter(|length| (1..=MAX_PIECE_LENGTH).contains(length))
        .ok_or(ParseError::Key("piece length"))?;
    let (pieces, rest) = dict
        .get("pieces")
        .and_then(Value::as_bytes)
        .ok_or(ParseError::Key("pieces"))?
        .as_chunks::<20>();
    if !rest.is_empty() {
        return Err(ParseError::Key("pieces"));
    }
    let (files, single_file) = match dict.get("files") {
        Some(list) => (files(list)?, false),
        None => (
            vec![FileEntry {
                path: vec![name.clone()],
                length: length(dict)?,
            }],
            true,
        ),
    };
    check_files(&files)?;
    let info = Info {
        name,
        piece_length,
        pieces: pieces.to_vec(),
        files,
        private: dict.get("private").and_then(Value::as_int) == Some(1),
        single_file,
    };
    check_piece_count(&info)?;
    Ok(info)
}

/// A key's value as text.
pub(crate) fn text<'a>(dict: &Dict<'a>, key: &'static str) -> Result<&'a str, ParseError> {
    dict.get(key)
        .and_then(Value::as_str)
        .ok_or(ParseError::Key(key))
}

/// An empty list is fine: a system that needs no files has a torrent too.
fn files(list: &Value<'_>) -> Result<Vec<FileEntry>, ParseError> {
    let list = list.as_list().ok_or(ParseError::Key("files"))?;
    list.iter().map(file).collect()
}

fn file(entry: &Value<'_>) -> Result<FileEntry, ParseError> {
    let entry = entry.as_dict().ok_or(ParseError::Key("files"))?;
    let path = entry
        .get("path")
        .and_then(Value::as_list)
        .ok_or(ParseError::Key("path"))?;
    let path = path
        .iter()
        .map(|part| {
            part.as_str()
                .map(str::to_owned)
                .ok_or(ParseError::Key("path"))
        })
        .collect::<Result<_, _>>()?;
    Ok(FileEntry {
        path,
        length: length(entry)?,
    })
}

fn length(dict: &Dict<'_>) -> Result<u64, ParseError> {
    dict.get("length")
        .and_then(Value::as_size)
        .ok_or(ParseError::Key("length"))
}

fn check_piece_count(info: &Info) -> Result<(), ParseError> {
    let total = info
        .files
        .iter()
        .try_fold(0_u64, |sum, file| sum.checked_add(file.length))
        .ok_or(ParseError::Key("length"))?;
    let pieces = total.div_ceil(u64::from(info.piece_length));
    let hashes = info.pieces.len() as u64;
    if hashes == pieces && u32::try_from(pieces).is_ok() {
        Ok(())
    } else {
        Err(ParseError::PieceCount { hashes, pieces })
    }
}
