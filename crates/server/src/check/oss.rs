//! The folder of systems: which of its entries are systems, and what each holds.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use catalog::Problem;

use super::{
    access::{ENTER, LIST, Reader, Rights},
    walk::{self, Folder},
};

/// All systems' folders, sorted by name. Entries whose names start with a dot are not looked at.
pub(super) fn folders(
    oss: &Path,
    reader: Option<Reader>,
    problems: &mut Vec<Problem>,
) -> Vec<Folder> {
    let shown = oss.display().to_string();
    let (real, names) = match entries(oss) {
        Ok(found) => found,
        Err(error) => {
            let what = match error.kind() {
                io::ErrorKind::NotFound => "does not exist".to_owned(),
                io::ErrorKind::NotADirectory => "is not a folder".to_owned(),
                _ => format!("cannot be listed: {error}"),
            };
            let remedy =
                "make the folder with one folder per system in it, or name another with --oss";
            problems.push(Problem::error(&shown, what, remedy));
            return Vec::new();
        }
    };
    if let Some(reader) = reader {
        problems.extend(closed_folders(&real, reader));
    }
    let mut folders = Vec::new();
    let mut strays = Vec::new();
    for name in names {
        let path = real.join(&name);
        let Some(name) = name.to_str() else {
            let found = name.to_string_lossy().into_owned();
            let problem = Problem::error(&shown, "holds a name that is not UTF-8", "rename it");
            problems.push(problem.found(found));
            continue;
        };
        if name.starts_with('.') || name == "lost+found" {
            continue;
        }
        let system_shown = format!("{}/{name}", shown.trim_end_matches('/'));
        match walk::resolve(&path, &real) {
            Ok((root, metadata)) if metadata.is_dir() => {
                folders.push(walk::folder(name, system_shown, root, &real, reader));
            }
            Ok(_) => strays.push(name.to_owned()),
            Err((what, remedy)) => problems.push(Problem::error(&system_shown, what, remedy)),
        }
    }
    problems.extend(stray_files(&shown, &strays, folders.is_empty()));
    folders
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
            "run `chmod {bits} {shown}`, put oss into /srv, or name a user who may with --user"
        );
        Some(Problem::error(&shown, what, remedy).found(rights.to_string()))
    };
    let mut on_the_way: Vec<&Path> = oss.ancestors().collect();
    on_the_way.reverse();
    on_the_way.into_iter().filter_map(closed).collect()
}

/// Files directly in oss belong to no system; without any system that is why there is none.
fn stray_files(shown: &str, strays: &[String], no_system: bool) -> Option<Problem> {
    let expected = |name: &&str| name.starts_with("README") || *name == "Boottorrent.yaml";
    let names = strays.iter().map(String::as_str);
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
