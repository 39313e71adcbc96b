//! One system's folder, file by file.
//!
//! Symbolic links are followed as long as they stay inside oss: what a machine gets must not depend
//! on what lies elsewhere on this computer, and a link must not show the room more than the folder
//! that was meant for it. Pipes, sockets and devices have no bytes to send.

use std::{
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

use catalog::Problem;
use metainfo::{FileEntry, is_payload};

use super::{
    access::{ENTER, LIST, READ, Reader, Rights},
    link::{Found, Refusal, resolve},
    torrent,
};
use crate::shell;

/// Most files and folders of one system.
const MOST_ENTRIES: usize = 100_000;

/// Most folders inside each other.
const DEEPEST: usize = 64;

/// One system's folder with all that is in it.
#[derive(Debug)]
pub(super) struct Folder {
    /// Its name in oss.
    pub(super) name: String,
    /// Its path as people know it.
    pub(super) shown: String,
    /// Its path, absolute and free of symbolic links.
    pub(super) root: PathBuf,
    /// Its `config.yaml`, if there is one.
    pub(super) config: Option<PathBuf>,
    /// Its payload, sorted by path bytes.
    pub(super) files: Vec<metainfo::FileEntry>,
    /// What is wrong with the files.
    pub(super) problems: Vec<Problem>,
}

impl Folder {
    /// The file that problems of the configuration are shown under.
    pub(super) fn config_shown(&self) -> String {
        match self.config {
            Some(_) => format!("{}/config.yaml", self.shown),
            None => self.shown.clone(),
        }
    }
}

/// Looks at everything in a system's folder, which was found at `entry`. `oss` has no symbolic links in it.
pub(super) fn folder(
    name: &str,
    shown: String,
    entry: Found,
    oss: &Path,
    reader: Option<Reader>,
) -> Folder {
    let mut walk = Walk::new(oss, &entry.real, shown, reader);
    walk.judge_way(&entry.way, &[]);
    walk.descend(&entry.real, &mut Vec::new());
    walk.files.sort_by_cached_key(|file| file.path.join("/"));
    walk.misnamed_config();
    walk.say_unreadable();
    if let Some(refusal) = torrent::refusal(name, &walk.files) {
        walk.refuse(&[], refusal);
    }
    Folder {
        name: name.to_owned(),
        shown: walk.shown,
        config: walk.config,
        files: walk.files,
        problems: walk.problems,
        root: entry.real,
    }
}

/// Looks at a file that is a system by itself: `name` in `oss`, which has no symbolic links in its path and is called
/// `shown`.
pub(super) fn image(name: &str, shown: &str, oss: &Path, reader: Option<Reader>) -> Folder {
    let mut walk = Walk::new(oss, oss, shown.trim_end_matches('/').to_owned(), reader);
    walk.entry(&oss.join(name), &mut vec![name.to_owned()]);
    walk.shown = walk.path_of(&[name.to_owned()]);
    walk.say_unreadable();
    if let Some(refusal) = torrent::refusal(name, &walk.files) {
        walk.refuse(&[], refusal);
    }
    Folder {
        name: name.to_owned(),
        shown: walk.shown,
        root: oss.to_path_buf(),
        config: None,
        files: walk.files,
        problems: walk.problems,
    }
}

struct Walk<'a> {
    oss: &'a Path,
    /// The system's folder.
    root: &'a Path,
    reader: Option<Reader>,
    shown: String,
    /// The real folders on the way to the one being read.
    inside: Vec<PathBuf>,
    entries: usize,
    config: Option<PathBuf>,
    files: Vec<FileEntry>,
    /// Paths that the user the server drops to cannot read.
    unreadable: Vec<String>,
    /// Folders that links lead through and that user cannot enter.
    closed: Vec<PathBuf>,
    problems: Vec<Problem>,
}

impl<'a> Walk<'a> {
    fn new(oss: &'a Path, root: &'a Path, shown: String, reader: Option<Reader>) -> Self {
        Self {
            oss,
            root,
            reader,
            shown,
            // A link back to oss would bring all other systems along.
            inside: vec![oss.to_path_buf()],
            entries: 0,
            config: None,
            files: Vec::new(),
            unreadable: Vec::new(),
            closed: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Reads one folder; `at` is its path inside the system's folder.
    fn descend(&mut self, real: &Path, at: &mut Vec<String>) {
        if self.inside.iter().any(|outer| outer == real) {
            let what = "is a symbolic link to a folder it lies in".to_owned();
            self.refuse(at, (what, "remove the link".to_owned()));
            return;
        }
        if self.inside.len() >= DEEPEST {
            let what = format!("lies in more than {DEEPEST} folders");
            self.refuse(at, (what, "use fewer folders inside each other".to_owned()));
            return;
        }
        let names = match names(real) {
            Ok(names) => names,
            Err(error) => {
                let what = format!("cannot be listed: {error}");
                self.refuse(at, (what, "make it readable, or remove it".to_owned()));
                return;
            }
        };
        if let Ok(metadata) = fs::metadata(real) {
            self.judge(&metadata, LIST, at);
        }
        self.inside.push(real.to_path_buf());
        for name in names {
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                if self.entries == MOST_ENTRIES + 1 {
                    let what = format!("holds more than {MOST_ENTRIES} files and folders");
                    let remedy = "pack them into one file, such as a file system image";
                    self.problems
                        .push(Problem::error(&self.shown, what, remedy));
                }
                break;
            }
            at.push(name.to_string_lossy().into_owned());
            match name.to_str() {
                Some(name) => self.entry(&real.join(name), at),
                None => self.refuse(
                    at,
                    (
                        "has a name that is not UTF-8".to_owned(),
                        "rename it".to_owned(),
                    ),
                ),
            }
            at.pop();
        }
        self.inside.pop();
    }

    fn entry(&mut self, path: &Path, at: &mut Vec<String>) {
        let Found {
            real,
            metadata,
            way,
        } = match resolve(path, self.oss) {
            Ok(found) => found,
            Err(refusal) => return self.refuse(at, refusal),
        };
        self.judge_way(&way, at);
        if metadata.is_dir() {
            return self.descend(&real, at);
        }
        if !metadata.is_file() {
            let what = "is neither a file nor a folder, so there is nothing to send".to_owned();
            return self.refuse(
                at,
                (
                    what,
                    "remove it; machines make their own devices".to_owned(),
                ),
            );
        }
        let path: Vec<&str> = at.iter().map(String::as_str).collect();
        if !is_payload(&path) {
            self.config = Some(real);
            return;
        }
        if let Err(error) = metainfo::check_path(at) {
            let what = format!("cannot be in a torrent: {error}");
            return self.refuse(at, (what, "shorten the path".to_owned()));
        }
        if path.iter().any(|part| part.contains('\\')) {
            let what = "has a backslash in its name, which other systems take for a folder";
            return self.refuse(at, (what.to_owned(), "rename it".to_owned()));
        }
        self.judge(&metadata, READ, at);
        if self.reader.is_none()
            && let Err(error) = fs::File::open(&real)
        {
            let what = format!("cannot be read: {error}");
            self.refuse(at, (what, "make it readable, or remove it".to_owned()));
        }
        self.files.push(FileEntry {
            path: at.clone(),
            length: metadata.len(),
        });
    }

    fn judge(&mut self, metadata: &Metadata, need: u32, at: &[String]) {
        let rights = Rights::from(metadata);
        if self.reader.is_some_and(|reader| !reader.may(need, rights)) {
            let path = if at.is_empty() {
                ".".to_owned()
            } else {
                at.join("/")
            };
            self.unreadable.push(format!("{path}, {rights}"));
        }
    }

    /// Whether the user the server drops to can follow a link, beyond the folders that are judged anyway: those on
    /// the way to oss, and those of this system. Each closed one is told once.
    fn judge_way(&mut self, way: &[PathBuf], at: &[String]) {
        let Some(reader) = self.reader else { return };
        for folder in way {
            let is_judged = self.oss.starts_with(folder) || folder.starts_with(self.root);
            if is_judged || self.closed.contains(folder) {
                continue;
            }
            let Ok(metadata) = fs::metadata(folder) else {
                continue;
            };
            let rights = Rights::from(&metadata);
            if reader.may(ENTER, rights) {
                continue;
            }
            self.closed.push(folder.clone());
            let what = format!(
                "is a symbolic link through {}, which cannot be entered by user {}, to whom the server drops",
                folder.display(),
                reader.uid
            );
            let chmod = format!("chmod a+x {}", shell::word(folder));
            let remedy = format!("run `{chmod}`, or name a user who may with --user");
            let problem = Problem::error(&self.path_of(at), what, remedy);
            self.problems.push(problem.found(rights.to_string()));
        }
    }

    fn refuse(&mut self, at: &[String], (what, remedy): Refusal) {
        let file = self.path_of(at);
        self.problems.push(Problem::error(&file, what, remedy));
    }

    /// An entry's path as people know it.
    fn path_of(&self, at: &[String]) -> String {
        let path = std::iter::once(self.shown.as_str()).chain(at.iter().map(String::as_str));
        path.collect::<Vec<_>>().join("/")
    }

    /// One message for the whole system: they mostly have one cause and one remedy.
    fn say_unreadable(&mut self) {
        let (Some(reader), Some(first)) = (self.reader, self.unreadable.first()) else {
            return;
        };
        let (path, rights) = first.split_once(", ").unwrap_or((first, ""));
        let what = match self.unreadable.len() {
            1 => format!(
                "{path} cannot be read by user {}, to whom the server drops",
                reader.uid
            ),
            n => format!(
                "{path} and {} more cannot be read by user {}, to whom the server drops",
                n - 1,
                reader.uid
            ),
        };
        let remedy = format!(
            "run `chmod -R a+rX {}`, or name a user who may with --user",
            shell::word(Path::new(&self.shown))
        );
        let problem = Problem::error(&self.shown, what, remedy).found(rights);
        self.problems.push(problem);
    }

    /// A description under a name nobody reads would be sent to the machines and change nothing.
    fn misnamed_config(&mut self) {
        if self.config.is_some() {
            return;
        }
        let looks_like =
            |name: &str| ["config.yaml", "config.yml"].contains(&name.to_lowercase().as_str());
        let found = self
            .files
            .iter()
            .find(|file| matches!(&file.path[..], [name] if looks_like(name)));
        if let Some(at) = found.map(|file| file.path.clone()) {
            let what = "is not read under this name".to_owned();
            self.refuse(&at, (what, "rename it to config.yaml".to_owned()));
        }
    }
}

fn names(folder: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        // One more than allowed is enough to refuse, and bounds the memory.
        if names.len() > MOST_ENTRIES {
            break;
        }
        names.push(entry?.file_name());
    }
    names.sort();
    Ok(names)
}
