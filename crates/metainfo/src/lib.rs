//! Bencode, and a torrent as types.
//!
//! What a `.torrent` file says (BEP 3, BEP 12, BEP 19), read from strangers and written by us: the
//! info dictionary, which bytes of which file make up a piece, how long a piece is, and which files
//! of a system's folder belong into its torrent. The same payload always gives the same bytes and so
//! the same info hash, on every server.
//!
//! This crate never opens a file, never hashes file content and never reads a clock: it computes
//! on values it is handed. Bytes from outside are bounded in depth and number before anything is
//! allocated for them.
#![forbid(unsafe_code)]

pub mod bencode;
mod hash;
mod info;
mod parse;
mod path;
mod rules;
mod torrent;

pub use hash::{InfoHash, InfoHashError, Sha256, Sha256Error};
pub use info::{FileEntry, Info, Span};
pub use parse::ParseError;
pub use path::{MAX_COMPONENT, MAX_PATH, PathError, check_files, check_path};
pub use rules::{MAX_PIECE_LENGTH, MAX_PIECES, MIN_PIECE_LENGTH, is_payload, piece_length};
pub use torrent::Torrent;
