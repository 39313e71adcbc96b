//! `oss/NAME/config.yaml` as types: one system and how it starts.

use crate::Method;

mod config;
mod image;
mod infer;
mod listed;
mod program;
mod read;

pub use image::is_image;
pub use program::Head;
pub use read::{system, system_of};

/// One file of a system's payload, as the folder holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadFile {
    /// Path relative to the system's folder, separated by `/`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
}

/// One system that can be booted.
///
/// A key of its file that is not known is ignored with a warning, as the original ignored it, and is an error where
/// it is near a key that is known: without that one something else might be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Folder name in oss; also the torrent's name.
    pub name: String,
    /// What the menu shows; the folder name where the file says nothing.
    pub dispname: String,
    /// Line of `dispname` in the system's file, or where it could stand; `None` without such a file.
    pub dispname_line: Option<u64>,
    /// How it starts.
    pub method: Method,
    /// Line of `method`, likewise.
    pub method_line: Option<u64>,
}
