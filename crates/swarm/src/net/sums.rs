//! Whether whole files are what somebody promised: their SHA-256, taken while they arrive.
//!
//! The pieces' hashes are SHA-1, and they say that the bytes are those of the torrent. This says that the
//! torrent's files are those that the promise was made of. Each file is followed from its beginning:
//! as soon as its next piece is verified, what is there without a gap is hashed, so that little is
//! left to do after the last byte. One file at a time as long as there is something to fetch, since the
//! processors have pieces to hash; then all at once.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Arc;

use metainfo::Sha256;
use sha2::Digest;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Error;
use super::storage::{HASHED, Storage};
use super::wanted::places;
use crate::core::Bitfield;

/// What is known of the promises: nothing yet, or that all were kept, or which one was not.
pub(super) type Verdict = Option<Result<(), Error>>;

/// The files that are followed.
pub(super) struct Sums {
    storage: Arc<Storage>,
    /// Files that wait for a piece.
    waiting: Vec<Follower>,
    wanted: Bitfield,
    verdict: watch::Sender<Verdict>,
}

/// One file, hashed up to some byte.
struct Follower {
    file: usize,
    promised: Sha256,
    /// Where it begins among the torrent's bytes.
    start: u64,
    length: u64,
    done: u64,
    hash: sha2::Sha256,
}

impl Sums {
    /// Follows the files that something is promised of, by their index, of a download of these pieces.
    pub(super) fn new(
        storage: Arc<Storage>,
        wanted: Bitfield,
        promised: &BTreeMap<usize, Sha256>,
    ) -> (Self, watch::Receiver<Verdict>) {
        let starts: BTreeMap<usize, u64> = places(storage.info())
            .map(|place| (place.file, place.start))
            .collect();
        let files = storage.info().files.iter().enumerate();
        let waiting = files.filter_map(|(file, entry)| {
            Some(Follower {
                file,
                promised: *promised.get(&file)?,
                start: starts.get(&file).copied().unwrap_or(0),
                length: entry.length,
                done: 0,
                hash: sha2::Sha256::new(),
            })
        });
        let waiting = waiting.collect();
        let (verdict, told) = watch::channel(None);
        let sums = Self {
            storage,
            waiting,
            wanted,
            verdict,
        };
        (sums, told)
    }

    /// Works until all files are hashed, one is not what was promised, or `stop`.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        let followed = tokio::select! {
            followed = self.follow(&stop) => followed,
            () = stop.cancelled() => return,
        };
        self.verdict.send_replace(Some(followed));
    }

    /// A file of which something more can be hashed.
    fn ready(&self, verified: &Bitfield) -> Option<usize> {
        let more =
            |file: &Follower| file.is_done() || file.reach(&self.storage, verified) > file.done;
        self.waiting.iter().position(more)
    }

    async fn follow(&mut self, stop: &CancellationToken) -> Result<(), Error> {
        let mut verified = self.storage.verified();
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let mut jobs: JoinSet<Result<Follower, Error>> = JoinSet::new();
        loop {
            let now = verified.borrow_and_update().clone();
            let arrived = now.count_common(&self.wanted) == self.wanted.ones();
            let most = if arrived { processors } else { 1 };
            while jobs.len() < most
                && let Some(at) = self.ready(&now)
            {
                let (file, storage) = (self.waiting.swap_remove(at), Arc::clone(&self.storage));
                let (to, stop) = (file.reach(&self.storage, &now), stop.clone());
                jobs.spawn_blocking(move || file.hash(&storage, to, &stop));
            }
            if jobs.is_empty() && self.waiting.is_empty() {
                return Ok(());
            }
            tokio::select! {
                Some(ended) = jobs.join_next() => {
                    // It ends without a result only when the runtime is being shut down.
                    let file = ended.unwrap_or(Err(Error::Stopped))?;
                    if file.is_done() {
                        file.judge(&self.storage)?;
                    } else {
                        self.waiting.push(file);
                    }
                }
                // The storage has the other end, and we have the storage.
                _ = verified.changed() => {}
            }
        }
    }
}

impl Follower {
    /// Hashed to its end, as an empty one is from the start.
    fn is_done(&self) -> bool {
        self.done == self.length
    }

    /// Up to which byte of it all is verified.
    fn reach(&self, storage: &Storage, verified: &Bitfield) -> u64 {
        let piece_length = u64::from(storage.info().piece_length);
        let mut end = self.start + self.done;
        while end < self.start + self.length && verified.has((end / piece_length) as u32) {
            end = (end / piece_length + 1) * piece_length;
        }
        (end - self.start).min(self.length)
    }

    /// Takes in the bytes up to `to`, or fewer when everything is to stop.
    fn hash(mut self, storage: &Storage, to: u64, stop: &CancellationToken) -> Result<Self, Error> {
        let mut bytes = vec![0; (to - self.done).min(u64::from(HASHED)) as usize];
        while self.done < to && !stop.is_cancelled() {
            let length = (to - self.done).min(bytes.len() as u64) as usize;
            storage.read_file(self.file, self.done, &mut bytes[..length])?;
            self.hash.update(&bytes[..length]);
            self.done += length as u64;
        }
        Ok(self)
    }

    fn judge(self, storage: &Storage) -> Result<(), Error> {
        let found = Sha256(self.hash.finalize().into());
        if found == self.promised {
            return Ok(());
        }
        Err(Error::Sum {
            path: storage.path(self.file),
            found,
            promised: self.promised,
        })
    }
}
