//! The one initrd that a kernel takes, of several files that the system names.
//!
//! They are fetched to their places in one file from the start, and shared on from there. What stands between them (the
//! padding behind an archive, the headers of files that are handed on) is written before the kernel reads it. Nothing
//! is ever copied to be joined: in a machine's memory a second copy of a large image may be what does not fit.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use catalog::Method;
use catalog::manifest::Entry;
use initrd::Gap;
use metainfo::Info;
use swarm::net::{Joined, Wanted};

/// Several files that will be one initrd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Where each is fetched to.
    pub joined: Joined,
    gaps: Vec<Gap>,
}

impl Parts {
    /// The parts of a system's initrd, when the downloads are below `to`. `None` where it is one file, or there is none.
    ///
    /// # Errors
    /// A file that the torrent does not have, or one that cannot be in an initrd.
    pub fn of(info: &Info, entry: &Entry, to: &Path) -> anyhow::Result<Option<Parts>> {
        let Method::Kexec { initrd, files, .. } = &entry.method else {
            return Ok(None);
        };
        if initrd.len() < 2 && files.is_empty() {
            return Ok(None);
        }
        let index = |path: &String| -> anyhow::Result<usize> {
            match Wanted::named(info, [path.as_str()])? {
                Wanted::Files(files) => files.first().copied().context("no file"),
                Wanted::Everything => Ok(0),
            }
        };
        let named: Vec<usize> = initrd
            .iter()
            .chain(files)
            .map(index)
            .collect::<anyhow::Result<_>>()?;
        let length = |index: &usize| info.files.get(*index).map_or(0, |file| file.length);
        let lengths: Vec<u64> = named.iter().map(length).collect();
        let (archives, handed_on) = lengths.split_at(initrd.len());
        let handed_on: Vec<(&str, u64)> = files
            .iter()
            .map(String::as_str)
            .zip(handed_on.iter().copied())
            .collect();
        let around = initrd::around(archives, &handed_on)?;
        Ok(Some(Parts {
            joined: Joined {
                path: file(to, &entry.name),
                length: around.length,
                at: named.into_iter().zip(around.places).collect(),
            },
            gaps: around.gaps,
        }))
    }

    /// Writes what stands between the files, once they are there; hands back the initrd's path.
    ///
    /// # Errors
    /// The file is not there, or cannot be written.
    pub fn complete(&self) -> anyhow::Result<&Path> {
        let path = &self.joined.path;
        let what = || format!("cannot write {}", path.display());
        let file = File::options().write(true).open(path).with_context(what)?;
        for gap in &self.gaps {
            file.write_all_at(&gap.bytes, gap.at).with_context(what)?;
        }
        Ok(path)
    }
}

/// Where the parts of a system's initrd lie together: beside its folder, whose names are the system's own.
pub fn file(to: &Path, system: &str) -> PathBuf {
    to.join(format!("{system}.initrd"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::initrd::{Archive, Kind, entries};
    use metainfo::FileEntry;
    use std::fs;

    fn info(files: &[(&str, u64)]) -> Info {
        let entry = |(path, length): &(&str, u64)| FileEntry {
            path: path.split('/').map(str::to_owned).collect(),
            length: *length,
        };
        Info {
            name: "live".into(),
            piece_length: 65536,
            pieces: vec![[0; 20]; 1],
            files: files.iter().map(entry).collect(),
            private: false,
            single_file: false,
        }
    }

    fn entry(initrd: &[&str], files: &[&str]) -> Entry {
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        Entry {
            name: "live".into(),
            dispname: "Live".into(),
            method: Method::Kexec {
                kernel: "vmlinuz".into(),
                initrd: owned(initrd),
                files: owned(files),
                cmdline: String::new(),
            },
            torrent: "live.torrent".into(),
            size: 0,
            signed: None,
            unfit: None,
            inferred: false,
            info_hash: String::new(),
            files: Vec::new(),
        }
    }

    #[test]
    fn one_initrd_and_none_are_no_parts() {
        let info = info(&[("a", 5)]);
        for initrd in [&[][..], &["a"]] {
            let parts = Parts::of(&info, &entry(initrd, &[]), Path::new("/os")).expect("sound");
            assert_eq!(parts, None);
        }
        let missing = Parts::of(&info, &entry(&["a", "b"], &[]), Path::new("/os"));
        let said = format!("{:#}", missing.expect_err("b is missing"));
        assert!(said.contains("has no file b"), "{said}");
    }

    #[test]
    fn parts_and_what_stands_between_them_are_an_initrd() {
        let to = tempfile::tempdir().expect("a directory");
        let mut archive = Archive::new();
        archive.file("init", b"#!/bin/sh\n", 0o755);
        let archive = archive.finish().expect("an archive");
        // Not in the order of the torrent, and with a length that needs padding.
        let info = info(&[
            ("live/root.squashfs", 7),
            ("b", 3),
            ("a", archive.len() as u64),
        ]);
        let system = entry(&["a"], &["live/root.squashfs"]);
        let parts = Parts::of(&info, &system, to.path()).expect("sound");
        let parts = parts.expect("two files");
        assert!(parts.complete().is_err(), "nothing is fetched yet");
        let file = File::create(&parts.joined.path).expect("a file");
        file.set_len(parts.joined.length).expect("its length");
        assert_eq!(parts.joined.at.keys().copied().collect::<Vec<_>>(), [0, 2]);
        file.write_all_at(b"squash!", parts.joined.at[&0])
            .expect("written");
        file.write_all_at(&archive, parts.joined.at[&2])
            .expect("written");
        let all = fs::read(parts.complete().expect("complete")).expect("the initrd");
        assert_eq!(entries(&all).expect("newc")[0].path, "init");
        let behind = entries(&all[archive.len()..]).expect("newc");
        assert_eq!(behind[1].path, "live/root.squashfs");
        assert_eq!(behind[1].kind, Kind::File(b"squash!".to_vec()));
    }
}
