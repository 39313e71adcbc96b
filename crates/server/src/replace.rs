//! Files of the state folder that are written anew: at once and whole, so that whenever we are killed, or the power
//! fails, the old one or the new one is there.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Puts a file with `text` in the place of the one at `path`, and makes its folder. The new file stays open, to be added
/// to.
///
/// # Errors
/// It cannot be written; the old one is as it was.
pub(crate) fn replace(path: &Path, text: &str) -> io::Result<File> {
    let folder = path.parent().unwrap_or(path);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let new = named(path, ".new");
    // Left by a run that was killed right here.
    let _ = fs::remove_file(&new);
    let mut file = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(&new)?;
    let replaced = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, path));
    if replaced.is_err() {
        let _ = fs::remove_file(&new);
    }
    replaced.map(|()| file)
}

/// The file beside `path` whose name goes on with `end`.
pub(crate) fn named(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}
