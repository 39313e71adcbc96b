//! Whether another user could read a file, from its owner and mode bits alone.
//!
//! This process is root while it checks, so trying would always succeed; and changing the user to
//! try would have to be undone. Access control lists and supplementary groups are not looked at:
//! a refusal here may be too strict there, never too lax for ordinary folders.

use std::{fs::Metadata, os::unix::fs::MetadataExt};

/// The user the server drops to. It has no groups but its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reader {
    /// User id.
    pub(crate) uid: u32,
    /// Group id.
    pub(crate) gid: u32,
}

/// What a file's metadata says about rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// Owner's user id.
    pub(crate) uid: u32,
    /// Group id.
    pub(crate) gid: u32,
    /// Mode bits.
    pub(crate) mode: u32,
}

/// The right to read a file.
pub(crate) const READ: u32 = 0o4;
/// The right to write to a file, or to make and remove what is in a folder.
pub(crate) const WRITE: u32 = 0o2;
/// The right to pass through a folder.
pub(crate) const ENTER: u32 = 0o1;
/// The rights to list a folder and reach what is in it.
pub(crate) const LIST: u32 = READ | ENTER;

impl Reader {
    /// Whether the rights hold all of `need` for this user. The first class that fits decides, as
    /// in the kernel: an owner without the right is refused even where everyone else has it.
    pub(crate) fn may(self, need: u32, rights: Rights) -> bool {
        let class = if self.uid == 0 {
            return true;
        } else if self.uid == rights.uid {
            rights.mode >> 6
        } else if self.gid == rights.gid {
            rights.mode >> 3
        } else {
            rights.mode
        };
        class & need == need
    }
}

impl From<&Metadata> for Rights {
    fn from(metadata: &Metadata) -> Rights {
        Rights {
            uid: metadata.uid(),
            gid: metadata.gid(),
            mode: metadata.mode(),
        }
    }
}

impl std::fmt::Display for Rights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "mode {:04o}, owner {}:{}",
            self.mode & 0o7777,
            self.uid,
            self.gid
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_class_that_fits_decides() {
        let nobody = Reader {
            uid: 65534,
            gid: 65534,
        };
        let table = [
            // (mode, owner, group, need, allowed)
            (0o644, 0, 0, READ, true),
            (0o640, 0, 0, READ, false),
            (0o640, 0, 65534, READ, true),
            (0o600, 65534, 0, READ, true),
            (0o044, 65534, 65534, READ, false),
            (0o604, 0, 65534, READ, false),
            (0o755, 0, 0, LIST, true),
            (0o711, 0, 0, LIST, false),
            (0o711, 0, 0, ENTER, true),
            (0o700, 0, 0, ENTER, false),
        ];
        for (mode, uid, gid, need, allowed) in table {
            let rights = Rights { uid, gid, mode };
            assert_eq!(nobody.may(need, rights), allowed, "{rights}, need {need:o}");
        }
        let root = Reader { uid: 0, gid: 0 };
        assert!(root.may(
            LIST,
            Rights {
                uid: 1,
                gid: 1,
                mode: 0
            }
        ));
    }
}
