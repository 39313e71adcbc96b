//! Leases across restarts: a text file for each subnet in the state folder, so that a laptop that
//! is carried between two rooms knows the machines of both.
//!
//! What the lines say is [`pxe::record`]'s business; here they are read and written, and nothing is
//! decided.
//!
//! A line is with the kernel before the ACK leaves, so a killed server loses nothing. It is not
//! forced to the disk, which would make a room that is switched on at once queue for the disk. A power
//! failure may take the leases of the last seconds: those machines get the same address by their
//! MAC's hash, or ask to keep the one they have, and nobody gets an address at which one answers.

mod file;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context;
use pxe::record::BEGIN;
use pxe::{Change, Moment, Responder};

use self::file::LeaseFile;

/// The time, by both clocks.
#[derive(Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Begins now.
    #[must_use]
    pub fn begin() -> Self {
        Self(Instant::now())
    }

    /// Now.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment {
            run: self.run(),
            wall: wall(),
        }
    }

    /// Now, on the clock that leases go by.
    #[must_use]
    pub fn run(&self) -> Duration {
        BEGIN + self.0.elapsed()
    }
}

/// Seconds since 1970 by the computer's clock.
pub(crate) fn wall() -> i64 {
    match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        // A computer without a battery may think so.
        Err(before) => i64::try_from(before.duration().as_secs()).map_or(i64::MIN, |s| -s),
    }
}

/// Writes leases down for the DHCP door. The work is done on threads that may wait for a disk.
#[derive(Clone, Debug)]
pub struct Keeper(Arc<Mutex<LeaseFile>>);

impl Keeper {
    /// Gives `responder` back the leases that an earlier run wrote down in `state` for its subnet.
    ///
    /// # Errors
    /// Only when the runtime ends meanwhile. Whatever is wrong with the file is a warning.
    pub async fn open(
        state: PathBuf,
        mut responder: Responder,
        at: Moment,
    ) -> anyhow::Result<(Self, Responder)> {
        let work = move || {
            let file = LeaseFile::open(&state, &mut responder, at);
            (Self(Arc::new(Mutex::new(file))), responder)
        };
        let opened = tokio::task::spawn_blocking(work).await;
        opened.context("reading the leases ended early")
    }

    /// Writes `changes` down; once it is done, machines may be told.
    pub async fn write(&self, changes: &[Change], at: Moment) {
        let (file, changes) = (Arc::clone(&self.0), changes.to_vec());
        let work = move || {
            let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
            file.write(&changes, at);
        };
        if tokio::task::spawn_blocking(work).await.is_err() {
            tracing::error!("leases were not written down");
        }
    }
}
