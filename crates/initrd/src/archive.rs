//! Writing an archive.

use std::collections::BTreeMap;
use std::io::Write;

use cpio::newc::{self, Builder, ModeFileType};

/// The kernel's PATH_MAX, which bounds a name and a link's target in its unpacker
/// (init/initramfs.c), NUL included; longer ones are left out there without a word.
const PATH_MAX: usize = 4096;
/// The trailer's name ends an archive, so no entry can have it.
const TRAILER: &str = "TRAILER!!!";

/// Why an archive cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path that is empty, leaves the archive's root, or that the kernel would not unpack.
    #[error("{0:?} cannot be a path in an initrd")]
    Path(String),
    /// A symbolic link's target that is empty, or that the kernel would not unpack.
    #[error("{path:?} cannot be a link to {target:?}")]
    Target {
        /// The link.
        path: String,
        /// Its target.
        target: String,
    },
    /// newc has 32 bits for a file's size.
    #[error("{path:?} has {size} bytes, and newc cannot hold a file of 4 GiB or more")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// A file stands where a folder is needed.
    #[error("{0:?} is needed as a folder, but is something else")]
    NotAFolder(String),
    /// The writer failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// The two kinds of device node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Device {
    /// A character device, such as `/dev/console`.
    Character,
    /// A block device.
    Block,
}

/// An archive being put together. Paths are relative to the root, with or without a leading slash;
/// folders on the way are made with mode 0755; what is put twice at one path is there once, the
/// later one.
#[derive(Debug, Default)]
pub struct Archive {
    nodes: BTreeMap<String, Node>,
}

#[derive(Debug)]
struct Node {
    mode: u32,
    what: What,
}

#[derive(Debug)]
enum What {
    Folder,
    File(Vec<u8>),
    Symlink(String),
    Device {
        kind: Device,
        major: u32,
        minor: u32,
    },
}

impl Archive {
    /// An empty archive.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a folder. `mode` is the permission bits, such as 0o755.
    pub fn dir(&mut self, path: &str, mode: u32) {
        self.put(path, mode, What::Folder);
    }

    /// Adds a file with these bytes.
    pub fn file(&mut self, path: &str, bytes: &[u8], mode: u32) {
        self.put(path, mode, What::File(bytes.to_vec()));
    }

    /// Adds a symbolic link to `target`, which is kept as it is.
    pub fn symlink(&mut self, path: &str, target: &str) {
        self.put(path, 0o777, What::Symlink(target.to_owned()));
    }

    /// Adds a device node.
    pub fn device(&mut self, path: &str, kind: Device, major: u32, minor: u32, mode: u32) {
        self.put(path, mode, What::Device { kind, major, minor });
    }

    fn put(&mut self, path: &str, mode: u32, what: What) {
        let path = path.trim_matches('/').to_owned();
        self.nodes.insert(path, Node { mode, what });
    }

    /// The archive's bytes: folders before what is in them, a multiple of four long, so that
    /// another archive may follow it uncompressed.
    ///
    /// # Errors
    /// A path or a file that newc or the kernel's unpacker cannot take. Nothing is cut short
    /// silently.
    pub fn finish(mut self) -> Result<Vec<u8>, Error> {
        self.make_folders()?;
        let mut bytes = Vec::new();
        for (index, (path, node)) in self.nodes.iter().enumerate() {
            // The kernel takes equal inode numbers for hard links of one file.
            let inode = u32::try_from(index + 1).unwrap_or(u32::MAX);
            write(&mut bytes, path, inode, node)?;
        }
        newc::trailer(&mut bytes)?;
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        Ok(bytes)
    }

    /// Adds every folder on the way to an entry that was not added by itself.
    fn make_folders(&mut self) -> Result<(), Error> {
        let mut missing = Vec::new();
        for (path, node) in &self.nodes {
            check(path, node)?;
            for (cut, _) in path.match_indices('/') {
                let parent = &path[..cut];
                match self.nodes.get(parent).map(|node| &node.what) {
                    None => missing.push(parent.to_owned()),
                    Some(What::Folder) => {}
                    Some(_) => return Err(Error::NotAFolder(parent.to_owned())),
                }
            }
        }
        for path in missing {
            self.dir(&path, 0o755);
        }
        Ok(())
    }
}

/// Whether the kernel would unpack something at this path.
pub(crate) fn check_path(path: &str) -> Result<(), Error> {
    let sound = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    match sound && !path.contains('\0') && path.len() < PATH_MAX && path != TRAILER {
        true => Ok(()),
        false => Err(Error::Path(path.to_owned())),
    }
}

fn check(path: &str, node: &Node) -> Result<(), Error> {
    check_path(path)?;
    match &node.what {
        What::Symlink(target)
            if target.is_empty() || target.contains('\0') || target.len() >= PATH_MAX =>
        {
            Err(Error::Target {
                path: path.to_owned(),
                target: target.clone(),
            })
        }
        _ => Ok(()),
    }
}

fn write(out: &mut Vec<u8>, path: &str, inode: u32, node: &Node) -> Result<(), Error> {
    // `mode` overwrites all bits, so the file type is set after it.
    let entry = Builder::new(path).ino(inode).mode(node.mode & 0o7777);
    let (entry, bytes): (Builder, &[u8]) = match &node.what {
        What::Folder => (
            entry.nlink(2).set_mode_file_type(ModeFileType::Directory),
            &[],
        ),
        What::File(bytes) => (entry.set_mode_file_type(ModeFileType::Regular), bytes),
        What::Symlink(target) => (
            entry.set_mode_file_type(ModeFileType::Symlink),
            target.as_bytes(),
        ),
        What::Device { kind, major, minor } => {
            let kind = match kind {
                Device::Character => ModeFileType::Char,
                Device::Block => ModeFileType::Block,
            };
            (
                entry
                    .set_mode_file_type(kind)
                    .rdev_major(*major)
                    .rdev_minor(*minor),
                &[],
            )
        }
    };
    let size = u32::try_from(bytes.len()).map_err(|_| Error::TooLarge {
        path: path.to_owned(),
        size: bytes.len() as u64,
    })?;
    // The writer's `finish` does not notice a short write; `write_all` of everything at once does.
    let mut writer = entry.write(out, size);
    writer.write_all(bytes)?;
    writer.finish()?;
    Ok(())
}
