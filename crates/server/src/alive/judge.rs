//! What becomes of the offer when systems were read again: pure.

use std::collections::BTreeMap;

use catalog::Problem;
use catalog::manifest::Entry;
use seeder::Hashed;

use crate::check::LoadedSystem;
use crate::plan::Library;
use crate::prepare::Prepared;

/// A system that was read again, and what was warned of.
type Read = (LoadedSystem, Vec<Problem>);

/// Those that people can tell from all others that are offered; of the rest, by name, what is wrong. Who was there first
/// keeps its name in the menu.
pub(super) fn apart(
    library: &Library,
    offered: &[LoadedSystem],
    read: Vec<Read>,
    gone: &[String],
) -> (Vec<Read>, BTreeMap<String, Vec<Problem>>) {
    let is_read = |name: &String| read.iter().any(|(one, _)| one.system.name == *name);
    let stays = |one: &&LoadedSystem| {
        let name = &one.system.name;
        !gone.contains(name) && !is_read(name)
    };
    let mut all: Vec<_> = offered.iter().filter(stays).map(described).collect();
    let (mut fit, mut unfit) = (Vec::new(), BTreeMap::new());
    // Those that are called what they were called before come first.
    let is_renamed = |(one, _): &Read| {
        let mut offered = offered.iter();
        !offered.any(|before| {
            (&before.system.name, &before.system.dispname)
                == (&one.system.name, &one.system.dispname)
        })
    };
    let mut read = read;
    read.sort_by_key(is_renamed);
    for (one, warnings) in read {
        all.push(described(&one));
        let problems = catalog::together(&library.settings, &library.file, &all);
        let of_it = |problem: &Problem| problem.is_error() && problem.file == one.config;
        let errors: Vec<_> = problems.into_iter().filter(of_it).collect();
        if errors.is_empty() {
            fit.push((one, warnings));
        } else {
            all.pop();
            unfit.insert(one.system.name.clone(), errors);
        }
    }
    (fit, unfit)
}

fn described(one: &LoadedSystem) -> (catalog::System, String) {
    (one.system.clone(), one.config.clone())
}

/// What is wrong between the settings and `systems`.
pub(super) fn together(library: &Library, systems: &[LoadedSystem]) -> Vec<Problem> {
    let all: Vec<_> = systems.iter().map(described).collect();
    catalog::together(&library.settings, &library.file, &all)
}

/// What is offered from now on: the new ones, and of those before all that are neither gone nor new.
pub(super) fn offer(
    before: &Prepared,
    new: Vec<(LoadedSystem, Hashed)>,
    gone: &[String],
) -> Vec<(LoadedSystem, Hashed)> {
    let stays = |(one, _): &(&LoadedSystem, &Hashed)| {
        let name = &one.system.name;
        !gone.contains(name) && !new.iter().any(|(new, _)| new.system.name == *name)
    };
    let old = before.loaded.iter().zip(&before.systems).filter(stays);
    let old: Vec<_> = old
        .map(|(one, hashed)| (one.clone(), hashed.clone()))
        .collect();
    old.into_iter().chain(new).collect()
}

/// A line for each system that is not offered as it was.
pub(super) fn news(before: &Prepared, after: &Prepared) -> Vec<String> {
    news_of(&before.offered().collect(), &after.offered().collect())
}

type Offered<'a> = Vec<(&'a Entry, &'a Hashed)>;

fn news_of(before: &Offered<'_>, after: &Offered<'_>) -> Vec<String> {
    let gone = before
        .iter()
        .filter(|(entry, _)| find(after, entry).is_none());
    let gone = gone.map(|(entry, _)| {
        let (shown, name) = (&entry.dispname, &entry.name);
        format!("no longer offers {shown}: {name} is gone from oss")
    });
    let new = after.iter().filter_map(|(entry, hashed)| {
        let (size, method) = (report::bytes(entry.size), entry.method.name());
        let words = format!("offers {} ({method}, {size})", entry.dispname);
        match find(before, entry) {
            None => Some(format!("{words} since it settled")),
            Some((was, _)) if was != *entry => Some(format!("{words} as it is now")),
            Some((_, was)) if was != *hashed => {
                Some(format!("{words} from new files with the same bytes"))
            }
            Some(_) => None,
        }
    });
    gone.chain(new).collect()
}

/// The system of the same name.
fn find<'a>(all: &Offered<'a>, one: &Entry) -> Option<(&'a Entry, &'a Hashed)> {
    let mut all = all.iter();
    all.find(|(entry, _)| entry.name == one.name).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::slice;

    use catalog::{PayloadFile, Settings};

    fn system(name: &str, config: &str) -> LoadedSystem {
        let payload = [PayloadFile {
            path: "vmlinuz".to_owned(),
            size: 1,
        }];
        let shown = format!("oss/{name}/config.yaml");
        let text = format!("kernel: vmlinuz\n{config}");
        let read = catalog::system(name, &payload, Some((&shown, &text)));
        LoadedSystem {
            system: read.value.expect("a system"),
            root: format!("/oss/{name}").into(),
            config: shown,
            files: vec![metainfo::FileEntry {
                path: vec!["vmlinuz".to_owned()],
                length: 1,
            }],
        }
    }

    fn library() -> Library {
        Library {
            settings: Settings::default(),
            file: "Boottorrent.yaml".to_owned(),
            oss: "oss".into(),
        }
    }

    /// Reads these again; hands back the names of the fit and of the unfit ones.
    fn judged(
        offered: &[LoadedSystem],
        read: &[LoadedSystem],
        gone: &[&str],
    ) -> (Vec<String>, Vec<String>) {
        let gone: Vec<_> = gone.iter().map(|&name| name.to_owned()).collect();
        let read = read.iter().map(|one| (one.clone(), Vec::new())).collect();
        let (fit, unfit) = apart(&library(), offered, read, &gone);
        let fit = fit.into_iter().map(|(one, _)| one.system.name);
        (fit.collect(), unfit.into_keys().collect())
    }

    #[test]
    fn who_was_there_first_keeps_its_name() {
        let debian = system("debian", "dispname: Debian");
        let copy = system("a-copy", "dispname: Debian");
        let names = |name: &str| vec![name.to_owned()];
        let (fit, unfit) = judged(slice::from_ref(&debian), slice::from_ref(&copy), &[]);
        assert_eq!((fit, unfit), (vec![], names("a-copy")));
        // Both are read again, as at the first look.
        let both = [copy.clone(), debian.clone()];
        let (fit, unfit) = judged(slice::from_ref(&debian), &both, &[]);
        assert_eq!((fit, unfit), (names("debian"), names("a-copy")));
        // Renamed: the old one is gone in the same moment.
        let (fit, unfit) = judged(&[debian], &[copy], &["debian"]);
        assert_eq!((fit, unfit), (names("a-copy"), vec![]));
    }
}
