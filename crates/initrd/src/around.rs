//! An initrd whose contents lie in it already, or are still to come: only what stands between them is made here.
//!
//! A kernel takes one initrd. Where several archives and large files shall be in it, each can be written to its place
//! from the start, and nothing is ever copied to be joined.

use std::collections::BTreeSet;

use cpio::newc::{self, Builder, ModeFileType};

use crate::archive::{Error, check_path};

/// Torrents carry no rights, so every file may be executed.
const MODE: u32 = 0o755;
/// The longest file that [`around`] takes, in bytes: newc has 32 bits for its size.
pub const LONGEST_FILE: u64 = u32::MAX as u64;

/// Bytes that stand between the contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Where they begin, in bytes from the initrd's first.
    pub at: u64,
    /// What stands there.
    pub bytes: Vec<u8>,
}

/// Where the contents lie in one initrd, and what stands between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Around {
    /// Where each archive begins, then each file, in the order they were given.
    pub places: Vec<u64>,
    /// Everything else, in order: headers, padding, the trailer.
    pub gaps: Vec<Gap>,
    /// The initrd's length in bytes.
    pub length: u64,
}

/// One initrd of whole archives with these lengths, and after them an archive of files with these paths and lengths.
///
/// Each archive begins at a multiple of four bytes: the kernel ignores everything behind one that does not. The files
/// are root's and may be executed; folders on the way to them are made with mode 0755.
///
/// # Errors
/// A path that the kernel's unpacker cannot take, one that is there twice or is needed as a folder too, or a file of
/// 4 GiB or more.
pub fn around(archives: &[u64], files: &[(&str, u64)]) -> Result<Around, Error> {
    let mut around = Around {
        places: Vec::with_capacity(archives.len() + files.len()),
        gaps: Vec::new(),
        length: 0,
    };
    for length in archives {
        around.content(*length);
    }
    if files.is_empty() {
        return Ok(around);
    }
    let mut inode = 0;
    for folder in folders(files)? {
        inode += 1;
        let entry = Builder::new(folder).ino(inode).nlink(2).mode(MODE);
        around.bytes(header(
            entry.set_mode_file_type(ModeFileType::Directory),
            0,
        )?);
    }
    for (path, size) in files {
        check_path(path)?;
        let in_header = u32::try_from(*size).map_err(|_| Error::TooLarge {
            path: (*path).to_owned(),
            size: *size,
        })?;
        inode += 1;
        let entry = Builder::new(path).ino(inode).mode(MODE);
        around.bytes(header(
            entry.set_mode_file_type(ModeFileType::Regular),
            in_header,
        )?);
        around.content(*size);
    }
    around.bytes(newc::trailer(Vec::new())?);
    Ok(around)
}

impl Around {
    /// Room for what is not ours, up to the next multiple of four.
    fn content(&mut self, length: u64) {
        self.places.push(self.length);
        self.length = self.length.saturating_add(length);
        let padding = self.length.next_multiple_of(4) - self.length;
        self.bytes(vec![0; padding as usize]);
    }

    fn bytes(&mut self, bytes: Vec<u8>) {
        let at = self.length;
        self.length = self.length.saturating_add(bytes.len() as u64);
        match self.gaps.last_mut() {
            Some(gap) if gap.at + gap.bytes.len() as u64 == at => gap.bytes.extend(bytes),
            _ if bytes.is_empty() => {}
            _ => self.gaps.push(Gap { at, bytes }),
        }
    }
}

/// An entry's header and name. What follows is not written, so the writer pads nothing after it.
fn header(entry: Builder, size: u32) -> Result<Vec<u8>, Error> {
    Ok(entry.write(Vec::new(), size).finish()?)
}

/// Every folder on the way to a file, each before those in it.
fn folders<'a>(files: &[(&'a str, u64)]) -> Result<BTreeSet<&'a str>, Error> {
    let mut named = BTreeSet::new();
    let twice = files.iter().find(|(path, _)| !named.insert(*path));
    if let Some((path, _)) = twice {
        return Err(Error::Path((*path).to_owned()));
    }
    let mut folders = BTreeSet::new();
    for (path, _) in files {
        for (cut, _) in path.match_indices('/') {
            if named.contains(&path[..cut]) {
                return Err(Error::NotAFolder(path[..cut].to_owned()));
            }
            folders.insert(&path[..cut]);
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Archive, Kind, entries};

    /// The initrd as it lies there once everything is in its place.
    fn filled(around: &Around, contents: &[&[u8]]) -> Vec<u8> {
        let mut all = vec![0xee; around.length as usize];
        for gap in &around.gaps {
            all[gap.at as usize..][..gap.bytes.len()].copy_from_slice(&gap.bytes);
        }
        for (place, bytes) in around.places.iter().zip(contents) {
            all[*place as usize..][..bytes.len()].copy_from_slice(bytes);
        }
        all
    }

    #[test]
    fn files_are_found_in_the_archive_that_is_made_around_them() {
        let files: [(&str, &[u8]); 3] = [
            ("live/filesystem.squashfs", b"12345"),
            ("live/deep/er", b""),
            ("motd", b"1234"),
        ];
        let sizes = files.map(|(path, bytes)| (path, bytes.len() as u64));
        let around = around(&[], &sizes).expect("an archive");
        let all = filled(&around, &files.map(|(_, bytes)| bytes));
        assert_eq!(all.len() % 4, 0);
        let found = entries(&all).expect("newc");
        let kinds: Vec<_> = found
            .iter()
            .map(|entry| (entry.path.as_str(), &entry.kind))
            .collect();
        let file = |bytes: &[u8]| Kind::File(bytes.to_vec());
        assert_eq!(
            kinds,
            [
                ("live", &Kind::Folder),
                ("live/deep", &Kind::Folder),
                ("live/filesystem.squashfs", &file(b"12345")),
                ("live/deep/er", &file(b"")),
                ("motd", &file(b"1234")),
            ]
        );
        assert!(found.iter().all(|entry| entry.mode & 0o7777 == 0o755));
    }

    #[test]
    fn archives_come_first_and_each_begins_at_a_multiple_of_four() {
        let mut archive = Archive::new();
        archive.file("init", b"#!/bin/sh", 0o755);
        let first = archive.finish().expect("an archive");
        let compressed = crate::gzip(&first, 9);
        let sizes = [compressed.len() as u64, first.len() as u64];
        let around = around(&sizes, &[("image", 3)]).expect("an initrd");
        assert!(around.places.iter().all(|place| place % 4 == 0));
        let all = filled(&around, &[&compressed, &first, b"abc"]);
        let second = &all[around.places[1] as usize..];
        assert_eq!(entries(second).expect("newc")[0].path, "init");
        let third = &all[around.places[1] as usize + first.len()..];
        assert_eq!(
            entries(third).expect("newc")[0].kind,
            Kind::File(b"abc".to_vec())
        );
    }

    #[test]
    fn one_archive_alone_is_left_as_it_is_but_for_its_end() {
        let around = around(&[5], &[]).expect("an initrd");
        assert_eq!(around.places, [0]);
        assert_eq!(around.length, 8);
        assert_eq!(
            around.gaps,
            [Gap {
                at: 5,
                bytes: vec![0; 3]
            }]
        );
    }

    #[test]
    fn what_no_kernel_would_unpack_is_refused() {
        for files in [
            &[("../out", 1)][..],
            &[("", 1)],
            &[("/a", 1)],
            &[("a", 1), ("a", 2)],
            &[("a", 1), ("a/b", 2)],
            &[("TRAILER!!!", 1)],
        ] {
            assert!(around(&[], files).is_err(), "{files:?}");
        }
        let said = around(&[], &[("a", LONGEST_FILE + 1)]).expect_err("too large");
        assert!(said.to_string().contains("4 GiB"), "{said}");
        assert!(around(&[], &[("a", LONGEST_FILE)]).is_ok());
    }
}
