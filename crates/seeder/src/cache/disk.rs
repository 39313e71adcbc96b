//! Whose word is taken for that a file is the same: the file systems that the payload is on.
//!
//! A fingerprint says something because nobody can set its ctime: the kernel puts it there, to the nanosecond, at every
//! change. That is not so everywhere. Images (squashfs, iso9660, erofs) have the times their maker wrote and number
//! their inodes in order, so two images that are built alike and mounted at the same place one after the other look the
//! same, file for file; on vfat and exfat the ctime is the mtime, which everybody sets; a FUSE file system says what it
//! likes. The number that statfs(2) has for a file system does not help there, for the kernel makes it of the device's
//! number, and both images were on `/dev/loop0`. So:
//!
//! - Believed are [`NUMBERED`] and [`UNNUMBERED`] file systems only; on others folders are hashed at every start.
//! - Not even there a ctime in whole seconds is: no clock of a kernel stops there by chance, but tools do that make an
//!   image of a file system (`mkfs.ext4 -d`), and so it looks when an image shines through an overlay or NFS. The
//!   price: ext3, and ext4 with inodes of 128 bytes, are hashed at every start too.
//! - Where the number is made of a UUID, which stays through mounts and reboots, it must be the same too: ext4 and btrfs
//!   (seen on 6.18), and tmpfs, which has a new one for each mount, as it has new files. Those of xfs and f2fs are made
//!   of the device's number, and an overlay's is that of its upper layer: they may be others after a reboot without any
//!   harm, so they are left out.

use std::fmt;
use std::io;

use rustix::fs::{statfs, statvfs};

use crate::Fingerprint;
use crate::payload::Payload;

/// File systems that are believed, by their type in statfs(2), and whose number there counts too.
const NUMBERED: [u32; 3] = [
    0xef53,      // ext4, and ext2 and ext3
    0x9123_683e, // btrfs
    0x0102_1994, // tmpfs
];
/// Those that are believed and whose number may be another one after a reboot.
const UNNUMBERED: [u32; 6] = [
    0x5846_5342, // xfs
    0x794c_7630, // overlay
    0xf2f5_2010, // f2fs
    0xca45_1a4e, // bcachefs
    0x2fc1_2fc1, // zfs
    0x6969,      // NFS: the times are its server's
];

/// What tells a file system from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    /// Its type in statfs(2).
    pub(super) kind: u32,
    /// Its number there; 0 where that means nothing.
    pub(super) number: u64,
}

/// Why a folder is not remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// It is on a file system of this type.
    Kind(u32),
    /// A file's ctime is no kernel's.
    WholeSeconds,
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => {
                let name = match kind {
                    0x7371_7368 => "squashfs",
                    0x9660 => "iso9660",
                    0x1501_3346 => "udf",
                    0xe0f5_e1e2 => "erofs",
                    0x4d44 => "vfat",
                    0x2011_bab0 => "exfat",
                    0x6573_5546 => "fuse",
                    0x0102_1997 => "9p",
                    _ => return write!(f, "a file system of type {kind:#x}"),
                };
                f.write_str(name)
            }
            Self::WholeSeconds => f.write_str("a file system that knows whole seconds only"),
        }
    }
}

/// The file systems of all these files, in the order in which they first appear.
///
/// # Errors
/// One of them cannot be asked. Within: why what they say of the files is not believed.
pub(super) fn of(payload: &Payload) -> io::Result<Result<Vec<Disk>, Doubt>> {
    let mut seen: Vec<(u64, Disk)> = Vec::new();
    for (path, file) in payload.looked_at() {
        let known = seen.iter().find(|(device, _)| *device == file.device);
        let kind = match known {
            Some((_, disk)) => disk.kind,
            None => {
                // Types are numbers of 32 bits, whatever the field's width and sign.
                let kind = statfs(path)?.f_type as u32;
                let number = match NUMBERED.contains(&kind) {
                    true => statvfs(path)?.f_fsid,
                    false => 0,
                };
                seen.push((file.device, Disk { kind, number }));
                kind
            }
        };
        if let Some(doubt) = doubt(kind, file) {
            return Ok(Err(doubt));
        }
    }
    Ok(Ok(seen.into_iter().map(|(_, disk)| disk).collect()))
}

/// Why a file on a file system of this type may be another one although it looks the same.
fn doubt(kind: u32, file: Fingerprint) -> Option<Doubt> {
    if !NUMBERED.contains(&kind) && !UNNUMBERED.contains(&kind) {
        return Some(Doubt::Kind(kind));
    }
    (file.changed.1 == 0).then_some(Doubt::WholeSeconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kernels_clock_is_believed() {
        let changed = |nanos| Fingerprint {
            size: 1,
            modified: (1_800_000_000, 0),
            changed: (1_800_000_000, nanos),
            inode: 12,
            device: 1,
        };
        for kind in NUMBERED.into_iter().chain(UNNUMBERED) {
            assert_eq!(doubt(kind, changed(1)), None);
            assert_eq!(doubt(kind, changed(0)), Some(Doubt::WholeSeconds));
        }
        // squashfs, iso9660, udf, erofs, vfat, exfat, fuse, 9p, ntfs3, ramfs's and none.
        for kind in [
            0x7371_7368,
            0x9660,
            0x1501_3346,
            0xe0f5_e1e2,
            0x4d44,
            0x2011_bab0,
            0x6573_5546,
            0x0102_1997,
            0x7366_746e,
            0,
        ] {
            assert_eq!(doubt(kind, changed(1)), Some(Doubt::Kind(kind)));
        }
    }
}
