//! What runs sees its folder through an overlay (overlayfs): the verified files of the download below, memory of
//! its own above. Whatever it writes, removes or renames, the bytes that are shared with others stay as they are.
//!
//! Only in phase 1, below `/run/system`, and all of it is taken away when the [`Overlay`] is dropped.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use catalog::executable::{self, HEAD};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};

use crate::phase1::Phase1;

/// The download, read-only. A path without the characters that overlayfs gives a meaning to, whatever the system is called.
const LOWER: &str = "/run/system/lower";
/// A tmpfs for what is changed.
const ROOM: &str = "/run/system/room";
/// The folder that is seen.
pub const FILES: &str = "/run/system/files";
/// What a program that only writes a little needs, and every machine has.
const LEAST: u64 = 1 << 20;

/// A mounted overlay; dropping it unmounts it and forgets what was written.
#[derive(Debug)]
pub struct Overlay(());

impl Overlay {
    /// Mounts one over a downloaded folder, with memory for at most `writable` bytes of changes.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn mount(_allowed: Phase1, folder: &Path, writable: u64) -> anyhow::Result<Overlay> {
        unmount();
        for path in [LOWER, ROOM, FILES] {
            fs::create_dir_all(path).with_context(|| format!("cannot make {path}"))?;
        }
        // From here on the way back is the same however far it came.
        let overlay = Overlay(());
        rustix::mount::mount_bind(folder, LOWER)
            .with_context(|| format!("cannot bind {} to {LOWER}", folder.display()))?;
        let read_only = MountFlags::BIND | MountFlags::RDONLY;
        rustix::mount::mount_remount(LOWER, read_only, "")
            .with_context(|| format!("cannot make {LOWER} read-only"))?;
        let _ = rustix::mount::mount_change(LOWER, MountPropagationFlags::PRIVATE);
        mount("tmpfs", ROOM, &format!("size={writable},mode=0755"))
            .with_context(|| format!("cannot mount {ROOM}"))?;
        let [upper, work] = ["upper", "work"].map(|name| PathBuf::from(ROOM).join(name));
        for path in [&upper, &work] {
            fs::create_dir(path).with_context(|| format!("cannot make {}", path.display()))?;
        }
        // Other rights for a file are no reason to copy it.
        let options = format!(
            "lowerdir={LOWER},upperdir={},workdir={},metacopy=on",
            upper.display(),
            work.display()
        );
        mount("overlay", FILES, &options).map_err(|error| match error {
            Errno::NODEV => anyhow!("the kernel has no overlayfs (module overlay)"),
            error => anyhow!("cannot mount an overlay: {error}"),
        })?;
        Ok(overlay)
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        unmount();
    }
}

/// How much of the memory that is left may be written to: half. The other half is for what runs.
pub fn writable(available: u64) -> u64 {
    (available / 2).max(LEAST)
}

/// Makes what is a program or a script runnable, since torrents carry no modes. That changes no byte.
///
/// # Errors
/// A file or folder that cannot be read or changed.
pub fn make_runnable(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            make_runnable(&entry.path())?;
        } else if kind.is_file() && executable::looks_runnable(&head(&entry.path(), 4)?) {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o755))?;
        }
    }
    Ok(())
}

/// The first bytes of a file, as many as say what it is.
///
/// # Errors
/// It cannot be read.
pub fn head(path: &Path, most: usize) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut head = Vec::new();
    let most = most.min(HEAD) as u64;
    fs::File::open(path)?.take(most).read_to_end(&mut head)?;
    Ok(head)
}

fn mount(kind: &str, at: &str, options: &str) -> rustix::io::Result<()> {
    let options = CString::new(options).map_err(|_| Errno::INVAL)?;
    rustix::mount::mount(kind, at, kind, MountFlags::empty(), options.as_c_str())
}

/// In the order of their mounting from the last; also what a program that was killed has left.
fn unmount() {
    for path in [FILES, ROOM, LOWER] {
        // Detached where somebody is still inside: memory is freed when the last of them is gone.
        while rustix::mount::unmount(path, UnmountFlags::DETACH).is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_memory_is_for_changes() {
        assert_eq!(writable(4 << 30), 2 << 30);
        assert_eq!(writable(0), LEAST);
        assert_eq!(writable(u64::MAX), u64::MAX / 2);
    }

    #[test]
    fn programs_and_scripts_become_runnable_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("lib")).expect("a folder");
        let table: [(&str, &[u8], u32); 4] = [
            ("tool", b"\x7fELF\x02\x01", 0o755),
            ("lib/helper", b"#!/bin/sh\n", 0o755),
            ("lib/data", b"#! not at all"[1..].as_ref(), 0o644),
            ("empty", b"", 0o644),
        ];
        for (name, bytes, _) in table {
            fs::write(path(name), bytes).expect("a file");
            fs::set_permissions(path(name), fs::Permissions::from_mode(0o644)).expect("its mode");
        }
        make_runnable(folder.path()).expect("all are readable");
        for (name, _, mode) in table {
            let found = fs::metadata(path(name)).expect("the file").permissions();
            assert_eq!(found.mode() & 0o777, mode, "{name}");
        }
        assert!(make_runnable(&path("nothing")).is_err());
    }
}
