//! newc archives, the format of Linux's initial RAM disk, written and read, and gzip around them.
//!
//! The same contents always give the same bytes: entries are sorted by path, owned by root and
//! dated 1970. Everything stays in memory; no file is opened, and nothing here knows what is packed.
#![forbid(unsafe_code)]

mod archive;
mod around;
mod gzip;
mod read;

pub use archive::{Archive, Device, Error};
pub use around::{Around, Gap, LONGEST_FILE, around};
pub use gzip::{GzipError, gunzip, gzip};
pub use read::{Entry, Kind, ReadError, entries};
