//! What there is for a system's files: memory, for the file system of all downloads is that, and what is there already.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::memory::Memory;
use crate::{facts, joined};

/// What this machine has for a system's folder in the file system of all downloads, which is memory.
pub fn available(to: &Path, system: &str) -> Memory {
    let room = rustix::fs::statvfs(to).map(|fs| fs.f_bavail.saturating_mul(fs.f_frsize));
    let available = match facts::memory_available() {
        0 => u64::MAX,
        available => available,
    };
    let free = room.unwrap_or(u64::MAX).min(available);
    let initrd = std::fs::metadata(joined::file(to, system));
    let there = folder_size(&to.join(system)) + initrd.map_or(0, |file| file.blocks() * 512);
    Memory {
        total: facts::memory_total(),
        free: free.saturating_add(there),
    }
}

/// Bytes that a folder's files occupy already.
pub fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_size(&entry.path()),
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::memory::Need;

    #[test]
    fn what_this_machine_has_is_known_and_what_is_there_counts_as_free() {
        let to = tempfile::tempdir().expect("a directory");
        let folder = to.path().join("tiny");
        fs::create_dir_all(&folder).expect("a folder");
        fs::write(folder.join("boot"), vec![7; 1 << 20]).expect("a file");
        fs::write(joined::file(to.path(), "tiny"), vec![7; 1 << 20]).expect("a file");
        let found = available(to.path(), "tiny");
        assert!(found.total > 64 << 20, "{found:?}");
        assert!(found.free >= 2 << 20, "{found:?}");
        assert!(found.free < u64::MAX, "{found:?}");
        let need = Need {
            files: u64::MAX,
            ..Need::default()
        };
        assert!(need.fits(found).is_err());
    }
}
