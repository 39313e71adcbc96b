//! A cheap look at oss: what lies there, by its metadata. It opens nothing but each system's `config.yaml`.

use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use catalog::Settings;

use super::watch::{Seen, Sight};

/// Most files and folders of one system that are looked at: a system has no more.
const MOST_ENTRIES: usize = 100_000;
/// Most folders inside each other, likewise.
const DEEPEST: usize = 64;
/// How names end that browsers and copying programs give to what they have not finished.
const UNFINISHED: [&str; 4] = [".part", ".partial", ".filepart", ".crdownload"];

/// Which folder it is: its file system's device, and its number in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(u64, u64);

impl Place {
    /// The folder that is at `path` now.
    ///
    /// # Errors
    /// It cannot be looked at.
    pub(super) fn of(path: &Path) -> io::Result<Place> {
        let found = fs::metadata(path)?;
        Ok(Place(found.dev(), found.ino()))
    }
}

/// Why nothing is known of oss.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unseen {
    #[error("{} cannot be listed: {error}; machines are told of the same systems as before", oss.display())]
    Unlisted { oss: PathBuf, error: io::Error },
    #[error(
        "{} is another folder or file system than at the start; machines are told of the same systems as before\n    \
         remedy: mount or move back what was there; or start bt-server anew, which offers what is there now",
        .0.display()
    )]
    Another(PathBuf),
}

/// All entries of `oss` that may be systems and that the settings offer, as long as it is the folder `place`; the first one is,
/// where that is not known yet.
///
/// # Errors
/// It cannot be listed; or it is another folder, as the empty one below a file system that was unmounted. Then nothing is
/// known, and nothing is gone.
pub(super) fn look(
    oss: &Path,
    settings: &Settings,
    place: &mut Option<Place>,
) -> Result<Seen, Unseen> {
    let unlisted = |error| Unseen::Unlisted {
        oss: oss.to_owned(),
        error,
    };
    let seen = list(oss, settings).map_err(unlisted)?;
    // Asked afterwards: all that was seen was seen in it.
    let now = Place::of(oss).map_err(unlisted)?;
    match *place.get_or_insert(now) == now {
        true => Ok(seen),
        false => Err(Unseen::Another(oss.to_owned())),
    }
}

fn list(oss: &Path, settings: &Settings) -> io::Result<Seen> {
    let mut seen = Seen::new();
    for entry in fs::read_dir(oss)? {
        let Ok(name) = entry?.file_name().into_string() else {
            continue;
        };
        let is_hidden = name.starts_with('.') || name == "lost+found";
        if is_hidden || !catalog::offered(settings, &name) {
            continue;
        }
        let path = oss.join(&name);
        let is_stray =
            fs::metadata(&path).is_ok_and(|at| !at.is_dir() && !catalog::is_image(&name));
        if !is_stray {
            seen.insert(name, sight(&path));
        }
    }
    Ok(seen)
}

/// One entry of oss.
pub(super) fn sight(path: &Path) -> Sight {
    let mut look = Look {
        digest: DefaultHasher::new(),
        left: MOST_ENTRIES,
        is_unfinished: false,
    };
    look.at(path, 0);
    let mut text = Vec::new();
    let config = path.join("config.yaml");
    // Opening a pipe would wait for somebody to write.
    if fs::metadata(&config).is_ok_and(|found| found.is_file())
        && let Ok(file) = File::open(config)
    {
        // What cannot be read to its end is for who checks to tell.
        let _ = file
            .take(catalog::LONGEST_FILE as u64)
            .read_to_end(&mut text);
    }
    text.hash(&mut look.digest);
    Sight {
        digest: look.digest.finish(),
        is_unfinished: look.is_unfinished,
    }
}

struct Look {
    digest: DefaultHasher,
    left: usize,
    is_unfinished: bool,
}

impl Look {
    /// Takes in what is at `path`; a link counts itself and what it leads to.
    fn at(&mut self, path: &Path, depth: usize) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        if let Some(name) = path.file_name() {
            name.hash(&mut self.digest);
            self.is_unfinished |= name.to_str().is_some_and(is_unfinished);
        }
        let mut found = fs::symlink_metadata(path);
        self.takes(&found);
        if found.as_ref().is_ok_and(Metadata::is_symlink) {
            found = fs::metadata(path);
            self.takes(&found);
        }
        if !found.is_ok_and(|found| found.is_dir()) || depth >= DEEPEST {
            return;
        }
        let names = fs::read_dir(path).and_then(|listed| {
            let names = listed.take(self.left).map(|entry| Ok(entry?.file_name()));
            names.collect::<io::Result<Vec<_>>>()
        });
        match names {
            Ok(mut names) => {
                names.sort();
                names.len().hash(&mut self.digest);
                for name in names {
                    self.at(&path.join(name), depth + 1);
                }
            }
            Err(error) => error.kind().hash(&mut self.digest),
        }
    }

    fn takes(&mut self, found: &io::Result<Metadata>) {
        let described = found.as_ref().map_err(io::Error::kind).map(|found| {
            let modified = (found.mtime(), found.mtime_nsec());
            let changed = (found.ctime(), found.ctime_nsec());
            let file = (found.dev(), found.ino(), found.mode(), found.size());
            (file, modified, changed)
        });
        described.hash(&mut self.digest);
    }
}

/// Whether a program that copies or fetches calls a file so until it is done.
fn is_unfinished(name: &str) -> bool {
    // rsync: .NAME.XXXXXX
    let of_rsync = |name: &str| {
        let (before, end) = name.strip_prefix('.')?.rsplit_once('.')?;
        let is_random = end.len() == 6 && end.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (!before.is_empty() && is_random).then_some(())
    };
    UNFINISHED.iter().any(|end| name.ends_with(end)) || of_rsync(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn every_change_is_seen_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a folder");
        let system = dir.path().join("tiny");
        fs::create_dir_all(system.join("live")).expect("made");
        let write = |name: &str, text: &str| fs::write(system.join(name), text).expect("written");
        write("vmlinuz", "kernel");
        write("live/root", "root");
        write("config.yaml", "kernel: vmlinuz");
        let mut last = sight(&system);
        let mut changed = |what: &str| {
            let now = sight(&system);
            assert_ne!(now, last, "{what}");
            assert_eq!(now, sight(&system), "{what}: twice the same");
            last = now;
            now.is_unfinished
        };
        write("live/root", "root and more");
        changed("a file grew");
        write("config.yaml", "kernel: vmlinux");
        changed("its description");
        fs::rename(system.join("vmlinuz"), system.join("vmlinux")).expect("renamed");
        changed("a file was renamed");
        fs::set_permissions(system.join("live"), fs::Permissions::from_mode(0o700)).expect("set");
        changed("rights");
        symlink(".", system.join("live/loop")).expect("linked");
        changed("a link in a circle");
        fs::remove_file(system.join("live/root")).expect("removed");
        assert!(!changed("a file is gone"));
        write("live/.root.img.aB3xY9", "half");
        assert!(changed("a copy has begun"));
    }

    #[test]
    fn only_what_may_be_a_system_is_seen() {
        let dir = tempfile::tempdir().expect("a folder");
        for folder in ["debian", ".hidden", "lost+found"] {
            fs::create_dir(dir.path().join(folder)).expect("made");
        }
        for file in ["README", "disc.iso"] {
            fs::write(dir.path().join(file), "").expect("written");
        }
        symlink("nowhere", dir.path().join("broken")).expect("linked");
        let place = &mut None;
        let seen = look(dir.path(), &Settings::default(), place).expect("listed");
        let names: Vec<_> = seen.into_keys().collect();
        assert_eq!(names, ["broken", "debian", "disc.iso"]);
        let missing = look(&dir.path().join("missing"), &Settings::default(), place);
        assert!(matches!(missing, Err(Unseen::Unlisted { .. })));
    }

    /// As the folder below a file system that was unmounted.
    #[test]
    fn in_another_folder_nothing_is_gone() {
        let dir = tempfile::tempdir().expect("a folder");
        let (oss, away) = (dir.path().join("oss"), dir.path().join("away"));
        fs::create_dir_all(oss.join("debian")).expect("made");
        let place = &mut Place::of(&oss).ok();
        let mut look = || look(&oss, &Settings::default(), place);
        assert_eq!(look().expect("listed").len(), 1);
        fs::rename(&oss, &away).expect("moved");
        fs::create_dir(&oss).expect("made");
        let another = look().expect_err("it is not that folder");
        assert!(matches!(another, Unseen::Another(_)), "{another}");
        assert!(another.to_string().contains("remedy: "), "{another}");
        fs::remove_dir(&oss).expect("removed");
        fs::rename(&away, &oss).expect("moved back");
        assert_eq!(look().expect("listed").len(), 1);
    }
}
