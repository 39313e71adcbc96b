//! Reads what is to be served: finds `Boottorrent.yaml` and `oss`, walks the folders, and returns
//! everything found together with **all** problems at once.
//!
//! It only reads. It never changes the user it runs as: whether the user the server drops to could
//! read the payload is decided from owners and mode bits.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use catalog::executable;
use catalog::memory::Need;
use catalog::{Method, PayloadFile, Problem, Settings, System};

pub(crate) mod access;
mod link;
mod oss;
mod places;
mod torrent;
mod walk;

use self::{access::Reader, walk::Folder};

/// Where to look, as the command line says.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `--config`: the file itself; it must exist then.
    pub config: Option<PathBuf>,
    /// `--oss`: the folder that holds one folder per system.
    pub oss: Option<PathBuf>,
    /// User and group who will read the payload; `None` when that is who this process is.
    pub as_user: Option<(u32, u32)>,
}

/// Everything found, and everything wrong with it.
#[derive(Debug)]
pub struct Loaded {
    /// The room's settings; defaults where there is no file or a key could not be read.
    pub settings: Settings,
    /// The file they came from, if there is one.
    pub settings_file: Option<PathBuf>,
    /// What the file says about all that was not read, because the file could not be.
    pub understood: Understood,
    /// The folder of the systems.
    pub oss: PathBuf,
    /// The systems without errors, sorted by folder name.
    pub systems: Vec<LoadedSystem>,
    /// All problems, errors and warnings.
    pub problems: Vec<Problem>,
}

/// Whether the settings are what the file says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Understood {
    /// They are, but for keys that a problem names; or there is no file.
    Yes,
    /// The file as a whole could not be read: what it would have said is not known.
    No,
}

/// One system and its payload.
#[derive(Clone, Debug, PartialEq, Eq)]
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

    /// What it takes of a machine's memory. Bytes of neighbours that share a piece with what is fetched are left out:
    /// they are at most two pieces a file.
    pub fn need(&self) -> Need {
        let length = |path: &String| {
            let mut files = self.files.iter();
            let file = files.find(|file| file.path.join("/") == *path);
            file.map_or(0, |file| file.length)
        };
        let fetched = match &self.system.method {
            Method::Kexec {
                kernel,
                initrd,
                files,
                ..
            } => [kernel]
                .into_iter()
                .chain(initrd)
                .chain(files)
                .map(length)
                .sum(),
            Method::Bin { .. } | Method::Qemu { .. } | Method::Local => self.size(),
        };
        Need::of(&self.system.method, fetched, length)
    }
}

/// Reads one system of `oss` again, alone, as the user this process is by now: it, if nothing is wrong with it, and what
/// is. Nothing where there is no entry of this name.
pub fn read_again(oss: &Path, name: &str) -> Option<(Option<LoadedSystem>, Vec<Problem>)> {
    let folder = match oss::one(oss, name)? {
        Ok(folder) => folder,
        Err(problem) => return Some((None, vec![problem])),
    };
    let (system, problems) = read_system(&folder);
    let fit = system.filter(|_| !problems.iter().any(Problem::is_error));
    Some((fit.map(|system| loaded(system, folder)), problems))
}

fn loaded(system: System, folder: Folder) -> LoadedSystem {
    LoadedSystem {
        system,
        config: folder.config_shown(),
        root: folder.root,
        files: folder.files,
    }
}

/// Reads settings and systems.
pub fn load(sources: &Sources) -> Loaded {
    let mut loaded = settings(sources);
    loaded.read_systems(sources.as_user);
    loaded
}

/// Reads the settings alone, which may say as whom the systems have to be read.
pub fn settings(sources: &Sources) -> Loaded {
    let places = places::find(sources);
    let mut loaded = Loaded {
        settings: Settings::default(),
        settings_file: places.settings,
        understood: Understood::Yes,
        oss: places.oss,
        systems: Vec::new(),
        problems: places.problems,
    };
    if let Some(file) = &loaded.settings_file {
        let shown = file.display().to_string();
        let read = match read_text(file) {
            Ok(text) => {
                let checked = catalog::settings(&shown, &text);
                loaded.problems.extend(checked.problems);
                checked.value
            }
            Err(problem) => {
                loaded.problems.push(problem);
                None
            }
        };
        match read {
            Some(settings) => loaded.settings = settings,
            None => loaded.understood = Understood::No,
        }
    }
    loaded
}

impl Loaded {
    /// Reads the systems that the settings offer, as this user will see them.
    pub fn read_systems(&mut self, as_user: Option<(u32, u32)>) {
        let reader = as_user.map(|(uid, gid)| Reader { uid, gid });
        let file = self.settings_name();
        let found = oss::folders(&self.oss, &self.settings, &file, reader);
        self.problems.extend(found.problems);
        let mut all = Vec::new();
        let mut unread = found.unread;
        for folder in found.folders {
            let (system, problems) = read_system(&folder);
            match system {
                Some(system) => {
                    all.push((system.clone(), folder.config_shown()));
                    if !problems.iter().any(Problem::is_error) {
                        self.systems.push(loaded(system, folder));
                    }
                }
                None => unread.push(folder.name),
            }
            self.problems.extend(problems);
        }
        let mut settings = self.settings.clone();
        // What could not be read may be what default_os names, and unread settings may name it: don't complain
        // that nothing does.
        if self.understood == Understood::No || !unread.is_empty() {
            settings.default_os = None;
            settings.timeout.value = -1;
            for rule in &mut settings.machines.rules {
                (rule.os, rule.timeout) = (None, None);
            }
        }
        self.problems
            .extend(catalog::together(&settings, &file, &all));
    }
}

fn read_system(folder: &Folder) -> (Option<System>, Vec<Problem>) {
    let mut problems = folder.problems.clone();
    let payload = |file: &metainfo::FileEntry| PayloadFile {
        path: file.path.join("/"),
        size: file.length,
    };
    let files: Vec<PayloadFile> = folder.files.iter().map(payload).collect();
    let text = match folder.config.as_deref().map(read_text).transpose() {
        Ok(text) => text,
        Err(problem) => {
            problems.push(Problem {
                file: folder.config_shown(),
                ..problem
            });
            return (None, problems);
        }
    };
    let shown = folder.config_shown();
    let config = text.as_deref().map(|text| (shown.as_str(), text));
    let head = |path: &str| head(&folder.root.join(path)).unwrap_or_default();
    let checked = catalog::system_of(&folder.name, &files, config, &head);
    problems.extend(checked.problems.into_iter().map(|problem| {
        // The catalog knows a folder's name only; people know where it is.
        if problem.file == folder.name {
            let file = folder.shown.clone();
            return Problem { file, ..problem };
        }
        problem
    }));
    (checked.value, problems)
}

/// The first bytes of a file, more of them where it looks like a program. The walk has found it to be a plain file inside oss.
fn head(file: &Path) -> io::Result<Vec<u8>> {
    const MAGIC: u64 = 4;
    let mut file = fs::File::open(file)?;
    let mut bytes = Vec::new();
    file.by_ref().take(MAGIC).read_to_end(&mut bytes)?;
    if executable::looks_runnable(&bytes) {
        file.take(executable::HEAD as u64 - MAGIC)
            .read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

fn read_text(file: &Path) -> Result<String, Problem> {
    let shown = file.display().to_string();
    let failed = |error: &io::Error| {
        let what = format!("cannot be read: {error}");
        match fs::read_link(file) {
            Ok(target) if error.kind() == io::ErrorKind::NotFound => {
                let what = format!(
                    "is a symbolic link to {}, which is not there",
                    target.display()
                );
                Problem::error(&shown, what, "correct or remove the link")
            }
            _ => Problem::error(&shown, what, "make it a text file that this user may read"),
        }
    };
    // Opening a pipe or a device instead could wait for ever.
    if !fs::metadata(file)
        .map_err(|error| failed(&error))?
        .is_file()
    {
        let remedy = "put a text file in its place";
        return Err(Problem::error(&shown, "is not a file", remedy));
    }
    let mut bytes = Vec::new();
    // One byte more shows that it is too long, and no file can fill the memory.
    let most = catalog::LONGEST_FILE as u64 + 1;
    let opened = fs::File::open(file).and_then(|file| file.take(most).read_to_end(&mut bytes));
    opened.map_err(|error| failed(&error))?;
    catalog::decode(&shown, bytes)
}

#[cfg(test)]
mod tests;
