//! Where `Boottorrent.yaml` and `oss` are, from the command line's words and the current folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use catalog::Problem;

use super::Sources;

/// The settings' file name.
pub(super) const SETTINGS: &str = "Boottorrent.yaml";

/// What was found.
#[derive(Debug)]
pub(super) struct Places {
    /// `Boottorrent.yaml`, if there is one.
    pub(super) settings: Option<PathBuf>,
    /// The folder of systems, whether it exists or not.
    pub(super) oss: PathBuf,
    /// What is odd about it.
    pub(super) problems: Vec<Problem>,
}

/// Without arguments `./Boottorrent.yaml` and `./oss`. `--config` brings the oss beside it along,
/// `--oss` the settings beside or in it; an `--oss` that names a whole environment means its oss.
pub(super) fn find(sources: &Sources) -> Places {
    let oss = match (&sources.oss, &sources.config) {
        (Some(oss), _) if is_there(&oss.join(SETTINGS)) && oss.join("oss").is_dir() => {
            oss.join("oss")
        }
        (Some(oss), _) => oss.clone(),
        (None, Some(config)) => config.with_file_name("oss"),
        (None, None) => PathBuf::from("oss"),
    };
    let mut problems = Vec::new();
    let settings = match &sources.config {
        Some(config) => Some(config.clone()),
        None => {
            let folders = settings_folders(sources, &oss);
            let found = folders
                .iter()
                .map(|folder| folder.join(SETTINGS))
                .find(|file| is_there(file));
            if found.is_none() {
                problems.extend(folders.iter().filter_map(|folder| misnamed(folder)));
            }
            found
        }
    };
    Places {
        settings,
        oss,
        problems,
    }
}

/// A link that leads nowhere is there too: somebody meant it for the settings.
fn is_there(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}

/// The folders that may hold the settings, the likeliest first.
fn settings_folders(sources: &Sources, oss: &Path) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if sources.oss.is_some() {
        // The name alone has no parent; and `..` behind a link would be another place.
        let real = oss.canonicalize().ok();
        let beside = match oss.parent() {
            Some(parent) if oss.file_name().is_some() => Some(parent.to_path_buf()),
            _ => real
                .as_deref()
                .and_then(Path::parent)
                .map(Path::to_path_buf),
        };
        folders.extend(beside);
        folders.push(oss.to_path_buf());
    }
    folders.push(PathBuf::new());
    folders
}

/// A file that its writer surely takes for the settings, under a name nobody reads.
fn misnamed(folder: &Path) -> Option<Problem> {
    let listed = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    let mut names = fs::read_dir(listed)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let looks_like = |name: &String| {
        let lower = name.to_lowercase();
        name != SETTINGS && ["boottorrent.yaml", "boottorrent.yml"].contains(&lower.as_str())
    };
    let name = names.find(looks_like)?;
    let file = folder.join(name).display().to_string();
    Some(Problem::error(
        &file,
        "is not read under this name",
        format!("rename it to {SETTINGS}"),
    ))
}
