//! The folder of systems: which of its entries are systems, and what each holds.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use catalog::{Problem, Settings};

use super::{
    access::{ENTER, LIST, Reader, Rights},
    link,
    places::SETTINGS,
    walk::{self, Folder},
};
use crate::shell;

/// What was found in oss.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The folders of the systems that are offered, sorted by name.
    pub(super) folders: Vec<Folder>,
    /// Names of entries that are offered, but cannot be read as folders.
    pub(super) unread: Vec<String>,
    /// What is wrong with oss itself.
    pub(super) problems: Vec<Problem>,
}

/// Looks at all that is offered. Entries whose names start with a dot are not looked at.
pub(super) fn folders(
    oss: &Path,
    settings: &Settings,
    settings_file: &str,
    reader: Option<Reader>,
) -> Found {
    let shown = oss.display().to_string();
    let mut found = Found::default();
    let (real, names) = match entries(oss) {
        Ok(listed) => listed,
        Err(error) => {
            found.problems.push(no_oss(&shown, &error));
            return found;
        }
    };
    if let Some(reader) = reader {
        found.problems.extend(closed_folders(&real, reader));
    }
    let names = names
        .into_iter()
        .filter_map(|name| match name.into_string() {
            Ok(name) => Some(name),
            // A list of what is offered cannot name it.
            Err(_) if !settings.display_oss.is_empty() => None,
            Err(name) => {
                let problem = Problem::error(&shown, "holds a name that is not UTF-8", "rename it");
                let problem = problem.found(name.to_string_lossy().into_owned());
                found.problems.push(problem);
                None
            }
        });
    let names = names.filter(|name| !name.starts_with('.') && name != "lost+found");
    let seen: Vec<_> = names
        .map(|name| (link::resolve(&real.join(&name), &real), name))
        .collect();
    let is_file = |(entry, name): &(link::Resolved, String)| match entry {
        Ok(found) => !found.metadata.is_dir() && !is_image(found, name),
        // A link that leads nowhere, of which the settings are told.
        Err(_) => name == SETTINGS,
    };
    let (strays, systems): (Vec<_>, Vec<_>) = seen.into_iter().partition(is_file);
    let named: Vec<&str> = systems.iter().map(|(_, name)| name.as_str()).collect();
    let between = catalog::display_oss(settings, settings_file, &named);
    found.problems.extend(between);
    let strays: Vec<&str> = strays.iter().map(|(_, name)| name.as_str()).collect();
    let strays = stray_files(&shown, &strays, systems.is_empty());
    for (entry, name) in systems {
        if !catalog::offered(settings, &name) {
            continue;
        }
        match system(&name, entry, (&shown, &real), reader) {
            Ok(folder) => found.folders.push(folder),
            Err(problem) => {
                found.problems.push(problem);
                found.unread.push(name);
            }
        }
    }
    found.problems.extend(strays);
    found
}

/// Looks at one system alone, as [`folders`] does at all; at none where there is none of this name.
pub(super) fn one(oss: &Path, name: &str) -> Option<Result<Folder, Problem>> {
    let shown = oss.display().to_string();
    let real = match oss.canonicalize() {
        Ok(real) => real,
        Err(error) => return Some(Err(no_oss(&shown, &error))),
    };
    let place = real.join(name);
    place.symlink_metadata().ok()?;
    let entry = link::resolve(&place, &real);
    Some(system(name, entry, (&shown, &real), None))
}

/// What was found at an entry of oss, which is called `shown` and is at `real`.
fn system(
    name: &str,
    entry: link::Resolved,
    (shown, real): (&str, &Path),
    reader: Option<Reader>,
) -> Result<Folder, Problem> {
    let system_shown = format!("{}/{name}", shown.trim_end_matches('/'));
    match entry {
        Ok(entry) if is_image(&entry, name) => Ok(walk::image(name, shown, real, reader)),
        Ok(entry) => Ok(walk::folder(name, system_shown, entry, real, reader)),
        Err((what, remedy)) => Err(Problem::error(&system_shown, what, remedy)),
    }
}

/// Whether a file directly in oss is a system: the image of a disc or a disk, which starts in QEMU.
fn is_image(entry: &link::Found, name: &str) -> bool {
    entry.metadata.is_file() && catalog::is_image(name)
}

fn no_oss(shown: &str, error: &io::Error) -> Problem {
    let what = match error.kind() {
        io::ErrorKind::NotFound => "does not exist".to_owned(),
        io::ErrorKind::NotADirectory => "is not a folder".to_owned(),
        _ => format!("cannot be listed: {error}"),
    };
    let remedy = "make the folder with one folder per system in it, or name another with --oss";
    Problem::error(shown, what, remedy)
}

fn entries(oss: &Path) -> io::Result<(PathBuf, Vec<std::ffi::OsString>)> {
    let real = oss.canonicalize()?;
    let mut names = Vec::new();
    for entry in fs::read_dir(&real)? {
        names.push(entry?.file_name());
    }
    names.sort();
    Ok((real, names))
}

/// oss itself and the folders on the way to it that the user the server drops to cannot pass.
fn closed_folders(oss: &Path, reader: Reader) -> Vec<Problem> {
    let closed = |folder: &Path| {
        let rights = Rights::from(&fs::metadata(folder).ok()?);
        let (need, verb, bits) = match folder == oss {
            true => (LIST, "listed", "a+rx"),
            false => (ENTER, "entered", "a+x"),
        };
        if reader.may(need, rights) {
            return None;
        }
        let shown = folder.display().to_string();
        let what = format!(
            "cannot be {verb} by user {}, to whom the server drops",
            reader.uid
        );
        let remedy = format!(
            "run `chmod {bits} {}`, put oss into /srv, or name a user who may with --user",
            shell::word(folder)
        );
        Some(Problem::error(&shown, what, remedy).found(rights.to_string()))
    };
    let mut on_the_way: Vec<&Path> = oss.ancestors().collect();
    on_the_way.reverse();
    on_the_way.into_iter().filter_map(closed).collect()
}

/// Files directly in oss belong to no system; without any system that is why there is none.
fn stray_files(shown: &str, strays: &[&str], no_system: bool) -> Option<Problem> {
    let expected = |name: &&str| name.starts_with("README") || *name == SETTINGS;
    let names = strays.iter().copied();
    let interesting: Vec<&str> = names.filter(|name| !expected(name)).collect();
    let remedy = format!(
        "make a folder for each system, for example {shown}/debian, and put its kernel and initrd there"
    );
    match (interesting.is_empty(), no_system) {
        (true, false) => None,
        (true, true) => Some(Problem::error(shown, "holds no system", remedy)),
        (false, true) => Some(
            Problem::error(shown, "holds files, but no folder with a system", remedy)
                .found(interesting.join(", ")),
        ),
        (false, false) => {
            let what = "holds files that belong to no system and are not offered";
            Some(Problem::warning(shown, what, remedy).found(interesting.join(", ")))
        }
    }
}
