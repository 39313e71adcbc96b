//! Who hashes what: shares a payload out to threads.
//!
//! Pieces can be hashed in any order, a file's SHA-256 only from its first byte to its last. The payload is
//! cut into batches of neighbouring pieces. Who takes a batch reads it once and hashes from that its
//! pieces, and the files that lie wholly in it. A file that reaches over several batches has an owner, who
//! walks through all of them in order: one that nobody has taken it takes, and hashes pieces and file
//! from one reading; of one that somebody has taken it reads the file's bytes again.
//!
//! That they are read again from memory, and not from the disk, is why nobody takes batches far ahead of an
//! owner. And why threads first help the owners there are, in the payload's order, and go on to another
//! long file only when these cannot keep up: from a slow disk it is all read in one go, from a fast
//! one several files at a time.
//!
//! Knows nothing of bytes, and never reads any.

use std::ops::{Range, RangeInclusive};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use metainfo::Info;

/// How many batches may be taken ahead of an owner, for each thread: twice what the threads are at, so
/// that they need not wait for an owner who is as fast as the disk.
const AHEAD: u32 = 2;

/// What a thread does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Hash this batch's pieces and whole files.
    Batch(u32),
    /// Own a long file.
    Own(Owner),
}

/// Who owns a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    /// The file's index.
    pub(super) file: usize,
    stretch: usize,
}

/// What an owner finds where it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// A batch that nobody had taken, and that is the owner's now.
    Free,
    /// A batch that somebody else takes care of.
    Taken,
    /// Hashing has failed elsewhere.
    Stop,
}

/// A payload that is being shared out.
#[derive(Debug)]
pub(super) struct Work {
    /// All pieces, and those of a batch.
    pieces: u32,
    batch: u32,
    /// Batches that may be taken ahead of an owner.
    ahead: u32,
    /// The first and the last batch of every file.
    files: Vec<(u32, u32)>,
    state: Mutex<State>,
    /// An owner has come further, or hashing has failed.
    moved: Condvar,
}

#[derive(Debug)]
struct State {
    /// Together all batches, each once, in order.
    stretches: Vec<Stretch>,
    /// In those before nothing is left to take.
    first: usize,
    failed: bool,
}

/// Neighbouring batches: those of one long file, but not the one in which an earlier one ends; or some
/// between long files.
#[derive(Debug)]
struct Stretch {
    long: Option<Long>,
    /// The batches that are not taken.
    left: Range<u32>,
}

#[derive(Debug)]
struct Long {
    file: usize,
    /// Where its owner is, if it has one.
    owner_at: Option<u32>,
}

impl Work {
    /// Shares out the payload of `info`, which has `pieces` pieces, to `threads`, `batch` pieces at a time.
    pub(super) fn new(info: &Info, pieces: u32, batch: u32, threads: u32) -> Self {
        let batch_bytes = u64::from(batch) * u64::from(info.piece_length);
        let mut start = 0;
        let reach = |length: u64| {
            let first = start / batch_bytes;
            start += length;
            // There are no more batches than pieces.
            (first as u32, (start.saturating_sub(1) / batch_bytes) as u32)
        };
        let files: Vec<_> = info
            .files
            .iter()
            .map(|file| file.length)
            .map(reach)
            .collect();
        let state = State {
            stretches: stretches(&files, pieces.div_ceil(batch)),
            first: 0,
            failed: false,
        };
        Self {
            pieces,
            batch,
            ahead: threads.saturating_mul(AHEAD),
            files,
            state: Mutex::new(state),
            moved: Condvar::new(),
        }
    }

    /// The next task; waits for one where all that is left is too far ahead of an owner. `None`: all is
    /// taken, or hashing has failed.
    pub(super) fn next(&self) -> Option<Task> {
        let mut state = self.state();
        while !state.failed && state.is_left() {
            if let Some(task) = state.take(self.ahead) {
                return Some(task);
            }
            state = self
                .moved
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        None
    }

    /// An owner has done all before `batch`.
    pub(super) fn reach(&self, owner: Owner, batch: u32) -> Reached {
        let mut state = self.state();
        if state.failed {
            return Reached::Stop;
        }
        self.moved.notify_all();
        let stretch = &mut state.stretches[owner.stretch];
        if let Some(long) = &mut stretch.long {
            long.owner_at = Some(batch);
        }
        if stretch.left.start != batch {
            return Reached::Taken;
        }
        stretch.left.start += 1;
        Reached::Free
    }

    /// Ends the work of all threads.
    pub(super) fn fail(&self) {
        self.state().failed = true;
        self.moved.notify_all();
    }

    /// The pieces of a batch.
    pub(super) fn pieces(&self, batch: u32) -> Range<u32> {
        let first = batch.saturating_mul(self.batch);
        first..self.pieces.min(first.saturating_add(self.batch))
    }

    /// The batches that have bytes of a file.
    pub(super) fn batches(&self, file: usize) -> RangeInclusive<u32> {
        let (first, last) = self.files[file];
        first..=last
    }

    /// Whether a file has an owner; others lie wholly in a batch.
    pub(super) fn is_long(&self, file: usize) -> bool {
        let (first, last) = self.files[file];
        first < last
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All batches as stretches. A batch in which one long file ends and another begins is the first one's.
fn stretches(files: &[(u32, u32)], batches: u32) -> Vec<Stretch> {
    let mut all = Vec::new();
    let mut next = 0;
    for (file, &(first, last)) in files.iter().enumerate() {
        if first >= last {
            continue;
        }
        if next < first {
            let left = next..first;
            all.push(Stretch { long: None, left });
        }
        let long = Some(Long {
            file,
            owner_at: None,
        });
        let left = next.max(first)..last + 1;
        all.push(Stretch { long, left });
        next = last + 1;
    }
    if next < batches {
        let left = next..batches;
        all.push(Stretch { long: None, left });
    }
    all
}

impl State {
    /// Whether a batch is not taken. A stretch whose file has no owner has all of its batches.
    fn is_left(&mut self) -> bool {
        let gone = |stretch: &Stretch| stretch.left.is_empty();
        while self.stretches.get(self.first).is_some_and(gone) {
            self.first += 1;
        }
        self.first < self.stretches.len()
    }

    /// The first task that nobody is at and that is not too far `ahead`.
    fn take(&mut self, ahead: u32) -> Option<Task> {
        let stretches = self.stretches.iter_mut().enumerate().skip(self.first);
        for (stretch, Stretch { long, left }) in stretches {
            let limit = match long {
                None => left.end,
                Some(Long {
                    file,
                    owner_at: at @ None,
                }) => {
                    *at = Some(left.start);
                    let file = *file;
                    return Some(Task::Own(Owner { file, stretch }));
                }
                Some(Long {
                    owner_at: Some(at), ..
                }) => at.saturating_add(ahead),
            };
            if left.start < limit
                && let Some(batch) = left.next()
            {
                return Some(Task::Batch(batch));
            }
        }
        None
    }
}
