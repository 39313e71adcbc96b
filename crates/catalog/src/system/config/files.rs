//! The files of the payload that a `config.yaml` names, or leaves to be found.

use super::Config;
use crate::{
    Placed,
    manifest::is_inside,
    nearest::nearest,
    system::infer::{Guess, Role, guess},
    system::listed::listed,
};

/// Where most systems have links into `usr`: the kernel's unpacker takes a link away that stands where an archive has
/// a folder (init/initramfs.c), and with it every program.
const LINKS: [&str; 6] = ["bin/", "sbin/", "lib/", "lib32/", "lib64/", "libx32/"];

impl Config<'_> {
    /// The initrds of the payload. One of no bytes stands for none: the original wanted one named in any case.
    pub(super) fn initrds(&mut self, written: &[Placed<String>]) -> Vec<String> {
        let instead = |path: &str| match written {
            [_] => "write initrd: [] for a kernel that needs none".to_owned(),
            _ => format!("remove {path} from the list"),
        };
        let mut initrds: Vec<String> = Vec::new();
        for written in written {
            let Some(path) = self.initrd(written, instead) else {
                continue;
            };
            if initrds.contains(&path) {
                let remedy = format!("remove one {path}");
                self.section
                    .refuse("initrd", written, "names a file twice", remedy);
            } else {
                initrds.push(path);
            }
        }
        initrds
    }

    fn initrd(
        &mut self,
        written: &Placed<String>,
        instead: impl Fn(&str) -> String,
    ) -> Option<String> {
        let path = self.inside(&written.value);
        let named = self.files.iter().find(|file| file.path == path);
        if named.is_some_and(|file| file.size == 0) {
            let what = format!("names {path}, a file of 0 bytes, and is left out");
            let remedy = instead(&path);
            self.section.warn("initrd", written.line, &what, remedy);
            return None;
        }
        Some(self.payload("initrd", written))
    }

    /// The files that the kernel finds in its root. They lie in memory once, so each is named once.
    pub(super) fn handed_on(
        &mut self,
        written: &[Placed<String>],
        initrds: &[String],
        kernel: &str,
    ) -> Vec<String> {
        const KEY: &str = "initrd_files";
        let mut files: Vec<String> = Vec::new();
        for written in written {
            let path = self.payload(KEY, written);
            let size = self.files.iter().find(|file| file.path == path);
            let (what, remedy) = if path == kernel || initrds.contains(&path) {
                let what = "names a file that is the kernel or an initrd already";
                (what, format!("remove {path} from the list"))
            } else if files.contains(&path) {
                ("names a file twice", format!("remove one {path}"))
            } else if size.is_some_and(|file| file.size > u64::from(u32::MAX)) {
                let what = "names a file of 4 GiB or more, which no initrd can hold";
                (
                    what,
                    "let the system fetch it: {files} in its cmdline is the URL of this folder"
                        .to_owned(),
                )
            } else if LINKS.iter().any(|link| path.starts_with(link)) {
                let what = "would put a folder where the initrd may have a link, and break it";
                (
                    what,
                    "move the file below usr/, or to a folder of its own".to_owned(),
                )
            } else {
                files.push(path);
                continue;
            };
            self.section.refuse(KEY, written, what, remedy);
        }
        files
    }

    /// A file of the payload, by its path in the folder.
    pub(super) fn payload(&mut self, key: &'static str, written: &Placed<String>) -> String {
        let path = self.inside(&written.value);
        let (what, remedy) = match self.files.iter().find(|file| file.path == path) {
            Some(file) if file.size > 0 => return path,
            Some(_) => {
                let what = "names a file of 0 bytes".to_owned();
                (what, "copy the file again".to_owned())
            }
            None if path == "config.yaml" => {
                let what = "names config.yaml, which machines do not get".to_owned();
                (
                    what,
                    format!("write {key}: and another file of this folder"),
                )
            }
            None if !is_inside(&path) => {
                let what = "must be a file inside this folder".to_owned();
                let remedy =
                    format!("copy the file into the folder and write its name after {key}:");
                (what, remedy)
            }
            None => (
                "names a file that is not in this folder".to_owned(),
                self.instead(key, &path),
            ),
        };
        self.section.refuse(key, written, &what, remedy);
        path
    }

    /// A path as the payload spells it. The original put what is written behind the folder's path, so a slash
    /// in front, two slashes or a dot lead to the same file.
    fn inside(&self, written: &str) -> String {
        let written = written.trim();
        let parts = written.split('/').filter(|part| !matches!(*part, "" | "."));
        let path = parts.collect::<Vec<_>>().join("/");
        let is_known = self.files.iter().any(|file| file.path == path);
        match is_known || !written.starts_with('/') {
            true => path,
            false => written.to_owned(),
        }
    }

    /// What to write instead of a path that is not there.
    fn instead(&self, key: &str, path: &str) -> String {
        let paths = || self.files.iter().map(|file| file.path.as_str());
        let name = |path: &'_ str| path.rsplit('/').next().map(str::to_owned);
        let elsewhere = paths().find(|known| name(known) == name(path));
        if let Some(near) = elsewhere.or_else(|| nearest(path, paths())) {
            return format!("write {key}: {near}");
        }
        let some: Vec<&str> = paths().take(5).collect();
        let more = if self.files.len() > some.len() {
            ", …"
        } else {
            ""
        };
        match some[..] {
            [] => "copy the file into the folder, which holds none".to_owned(),
            _ => format!(
                "copy the file there, or name one of {}{more}",
                some.join(", ")
            ),
        }
    }

    /// The one file whose name fits the role; nothing (and a problem where that matters) otherwise.
    pub(super) fn guessed(&mut self, role: Role) -> String {
        let key = role.key();
        match guess(role, self.files) {
            Guess::One(path) => return path.to_owned(),
            Guess::Nothing if role == Role::Initrd => {}
            Guess::Nothing => {
                let what = format!(" and no file looks like it ({})", role.patterns());
                let remedy = format!("write {key}: and the name of the file in this folder");
                self.section.lacks(key, &what, remedy);
            }
            Guess::Several(paths) => {
                let remedy = format!("write {key}: and the right one");
                let what = format!(" and several files look like it ({})", listed(&paths));
                self.section.lacks(key, &what, remedy);
            }
        }
        String::new()
    }
}
