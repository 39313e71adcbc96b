//! Whether a step must run again: one hash over all its inputs, kept beside its result.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// The inputs of one step, hashed as they are named.
pub(crate) struct Stamp {
    path: PathBuf,
    hash: Sha256,
}

impl Stamp {
    /// No inputs yet; `path` is where the hash of the last run lies.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            hash: Sha256::new(),
        }
    }

    /// A value that is an input by itself.
    pub(crate) fn text(&mut self, text: &str) {
        self.part(text.as_bytes());
    }

    /// A file: its content, and whether it is runnable.
    pub(crate) fn file(&mut self, path: &Path) -> Result<()> {
        let bytes = fs::read(path).with_context(|| format!("{}", path.display()))?;
        let runnable = fs::metadata(path)?.permissions().mode() & 0o100 != 0;
        self.part(&bytes);
        self.part(&[u8::from(runnable)]);
        Ok(())
    }

    /// All files below a folder, with their names.
    pub(crate) fn folder(&mut self, folder: &Path) -> Result<()> {
        let listed = fs::read_dir(folder).with_context(|| format!("{}", folder.display()))?;
        let mut entries: Vec<_> = listed.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            self.part(entry.file_name().as_encoded_bytes());
            if entry.file_type()?.is_dir() {
                self.folder(&entry.path())?;
            } else {
                self.file(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Whether the last run had the same inputs.
    pub(crate) fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|last| last == self.hex())
    }

    /// Remembers these inputs as those of the last run.
    pub(crate) fn write(&self) -> Result<()> {
        fs::write(&self.path, self.hex()).with_context(|| format!("{}", self.path.display()))
    }

    /// With its length before it, so that moving a byte from one part to the next changes the hash.
    fn part(&mut self, bytes: &[u8]) {
        self.hash.update((bytes.len() as u64).to_le_bytes());
        self.hash.update(bytes);
    }

    fn hex(&self) -> String {
        self.hash
            .clone()
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Stamp;
    use std::fs;

    #[test]
    fn a_step_is_current_until_an_input_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, inputs) = (folder.path().join("stamp"), folder.path().join("in"));
        fs::create_dir_all(inputs.join("deep")).unwrap();
        fs::write(inputs.join("deep/a"), "1").unwrap();
        let stamp = || {
            let mut stamp = Stamp::new(path.clone());
            stamp.folder(&inputs).unwrap();
            stamp
        };
        assert!(!stamp().is_current(), "never run");
        stamp().write().unwrap();
        assert!(stamp().is_current());
        fs::write(inputs.join("deep/a"), "2").unwrap();
        assert!(!stamp().is_current(), "content changed");
        fs::write(inputs.join("deep/a"), "1").unwrap();
        fs::rename(inputs.join("deep/a"), inputs.join("deep/b")).unwrap();
        assert!(!stamp().is_current(), "name changed");
        fs::rename(inputs.join("deep/b"), inputs.join("deep/a")).unwrap();
        crate::run::make_executable(&inputs.join("deep/a")).unwrap();
        assert!(!stamp().is_current(), "mode changed");
    }
}
