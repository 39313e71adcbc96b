//! What a payload file was when it was hashed, and whether it still is that. It reads no content.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use seeder::Fingerprint;

/// One payload file as it was when it was hashed.
#[derive(Debug)]
pub struct PayloadFile {
    path: PathBuf,
    was: Fingerprint,
    /// The log heard of its trouble; once is enough, however often machines ask.
    told: AtomicBool,
}

/// Why a payload file is not served.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("is gone")]
    Gone,
    #[error("changed since it was hashed")]
    Changed,
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
}

impl PayloadFile {
    /// The file at `path`, and what it was when it was hashed.
    #[must_use]
    pub fn new(path: PathBuf, was: Fingerprint) -> Self {
        Self {
            path,
            was,
            told: AtomicBool::new(false),
        }
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes when it was hashed.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.was.size
    }

    /// Whether it still is the file that was hashed. Blocks for a look at it.
    #[must_use]
    pub fn is_still_there(&self) -> bool {
        let now = std::fs::metadata(&self.path);
        now.is_ok_and(|now| self.was.is_still(&Fingerprint::of(&now)))
    }

    /// Whether it still is the file that was hashed and can be opened.
    pub(crate) async fn check(&self) -> Result<(), Unfit> {
        let now = tokio::fs::metadata(&self.path).await.map_err(Unfit::from)?;
        if !self.was.is_still(&Fingerprint::of(&now)) {
            return Err(Unfit::Changed);
        }
        tokio::fs::File::open(&self.path).await?;
        Ok(())
    }

    /// Logs `unfit`, the first time this file has any trouble.
    pub(crate) fn tell(&self, unfit: &Unfit) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!("{} {unfit}; it is not served", self.path.display());
        }
    }
}

impl From<io::Error> for Unfit {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => Self::Gone,
            _ => Self::Unreadable(error),
        }
    }
}
