//! Every way to share the work out gives the hashes that the plainest way gives.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use sha1::Sha1;
use tempfile::TempDir;

use super::work::{Reached, Task};
use super::*;

const PIECE: u64 = 64 << 10;

/// A folder of files that have these lengths.
struct World {
    root: TempDir,
    info: Info,
    contents: Vec<Vec<u8>>,
}

impl World {
    fn new(lengths: &[u64]) -> Self {
        let root = TempDir::new().unwrap();
        let byte = |file: usize, at: u64| (at ^ (at >> 8) ^ (at >> 16) ^ file as u64) as u8;
        let content =
            |(file, length): (usize, &u64)| (0..*length).map(|at| byte(file, at)).collect();
        let contents: Vec<Vec<u8>> = lengths.iter().enumerate().map(content).collect();
        let mut files = Vec::new();
        for (index, content) in contents.iter().enumerate() {
            let name = format!("{index:05}");
            fs::write(root.path().join(&name), content).unwrap();
            files.push(FileEntry {
                path: vec![name],
                length: content.len() as u64,
            });
        }
        let info = empty_info("name", &files).unwrap();
        assert_eq!(u64::from(info.piece_length), PIECE);
        Self {
            root,
            info,
            contents,
        }
    }

    fn hash(&self, batch: u32, threads: usize) -> Result<(Vec<[u8; 20]>, Vec<Sha256>), Error> {
        let payload = Payload::look(self.root.path(), &self.info.files)?;
        hash_all(&self.info, &payload, batch, threads, &|_| {})
    }

    /// All bytes in one buffer, cut into pieces; every file in one go.
    fn plainly(&self) -> (Vec<[u8; 20]>, Vec<Sha256>) {
        let pieces = self.contents.concat();
        let pieces = pieces.chunks(PIECE as usize);
        let file = |content: &Vec<u8>| Sha256(sha2::Sha256::digest(content).into());
        (
            pieces.map(|piece| Sha1::digest(piece).into()).collect(),
            self.contents.iter().map(file).collect(),
        )
    }

    fn file(&self, index: usize) -> PathBuf {
        self.root.path().join(format!("{index:05}"))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    /// Lengths around those of pieces and batches.
    #[test]
    fn every_file_and_piece_is_hashed(
        lengths in prop::collection::vec(
            (0..7_u64, prop_oneof![Just(0_u64), Just(1), Just(PIECE - 1), 0..PIECE]),
            0..12,
        ),
        batch in 1..4_u32,
        threads in 1..5_usize,
    ) {
        let lengths: Vec<u64> = lengths.iter().map(|(pieces, more)| pieces / 2 * PIECE + more).collect();
        let world = World::new(&lengths);
        prop_assert_eq!(world.hash(batch, threads).unwrap(), world.plainly());
    }
}

#[test]
fn empty_folders_and_files() {
    for lengths in [&[][..], &[0], &[0, 0, 0], &[0, 1, 0]] {
        let world = World::new(lengths);
        for threads in [0, 1, 3] {
            assert_eq!(world.hash(1, threads).unwrap(), world.plainly());
        }
    }
}

/// One after the other takes all there is, and leaves nothing.
#[test]
fn every_batch_is_taken_once_and_every_long_file_owned_once() {
    // In batches of one piece: whole files, two long ones that meet in a batch, whole ones, a long one.
    let lengths = [
        10,
        20,
        5 * PIECE,
        3 * PIECE,
        0,
        PIECE / 2,
        PIECE / 3,
        2 * PIECE,
    ];
    let world = World::new(&lengths);
    let (payload, pieces) = (world.info.total_length(), world.plainly().0.len() as u32);
    assert_eq!(payload.div_ceil(PIECE), u64::from(pieces));
    let work = Work::new(&world.info, pieces, 1, 100);
    let (mut batches, mut files) = (BTreeSet::new(), Vec::new());
    let mut owners = Vec::new();
    while let Some(task) = work.next() {
        match task {
            Task::Batch(batch) => assert!(batches.insert(batch), "{batch} twice"),
            Task::Own(owner) => {
                files.push(owner.file);
                owners.push(owner);
            }
        }
    }
    assert_eq!(files, [2, 3, 7]);
    assert!(batches.iter().copied().eq(0..pieces));
    for owner in owners {
        for batch in work.batches(owner.file) {
            assert_eq!(work.reach(owner, batch), Reached::Taken);
        }
    }
}

/// Who helps stays near the owner and then goes on to the next file; who finds nothing waits for an owner.
#[test]
fn nobody_is_far_ahead_of_an_owner() {
    let world = World::new(&[20 * PIECE, 20 * PIECE]);
    let work = Work::new(&world.info, 40, 1, 2);
    let own = || match work.next() {
        Some(Task::Own(owner)) => owner,
        other => panic!("{other:?}"),
    };
    let batch = || match work.next() {
        Some(Task::Batch(batch)) => batch,
        other => panic!("{other:?}"),
    };
    let first = own();
    assert_eq!(first.file, 0);
    assert_eq!(work.reach(first, 0), Reached::Free);
    assert_eq!(
        [batch(), batch(), batch()],
        [1, 2, 3],
        "two for each thread"
    );
    let second = own();
    assert_eq!(second.file, 1);
    assert_eq!([batch(), batch(), batch(), batch()], [20, 21, 22, 23]);
    assert_eq!(work.reach(first, 1), Reached::Taken);
    assert_eq!(batch(), 4);
    thread::scope(|scope| {
        let waits = scope.spawn(batch);
        assert_eq!(work.reach(second, 20), Reached::Taken);
        assert_eq!(work.reach(second, 21), Reached::Taken);
        assert_eq!(waits.join().unwrap(), 24);
    });
    thread::scope(|scope| {
        let waits = scope.spawn(|| while work.next().is_some() {});
        work.fail();
        waits.join().unwrap();
    });
    assert_eq!(work.reach(first, 2), Reached::Stop);
}

/// The owner goes on only when the other thread has taken all it may, so that one waits again and again.
#[test]
fn who_waits_for_an_owner_is_woken() {
    const BATCHES: u32 = 2000;
    let file = FileEntry {
        path: vec!["long".to_owned()],
        length: u64::from(BATCHES) * PIECE,
    };
    let work = Work::new(&empty_info("name", &[file]).unwrap(), BATCHES, 1, 1);
    let Some(Task::Own(owner)) = work.next() else {
        panic!("the file has no owner yet")
    };
    assert_eq!(work.reach(owner, 0), Reached::Free);
    let taken = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            while work.next().is_some() {
                taken.fetch_add(1, Ordering::Relaxed);
            }
        });
        for batch in 1..BATCHES {
            let begun = Instant::now();
            while taken.load(Ordering::Relaxed) < batch {
                if begun.elapsed() > Duration::from_secs(10) {
                    work.fail();
                    panic!("nobody takes batch {batch}");
                }
                thread::yield_now();
            }
            assert_eq!(work.reach(owner, batch), Reached::Taken);
        }
    });
}

/// Whoever waits for an owner that has failed waits no longer.
#[test]
fn a_file_that_changes_or_a_panic_ends_all_threads() {
    let world = World::new(&[40 * PIECE, 40 * PIECE]);
    let payload = Payload::look(world.root.path(), &world.info.files).unwrap();
    let hash = |progress: &(dyn Fn(u64) + Sync)| hash_all(&world.info, &payload, 1, 4, progress);
    let panics = catch_unwind(AssertUnwindSafe(|| {
        hash(&|_| panic!("a broken progress bar"))
    }));
    assert!(panics.is_err());

    let told = AtomicU64::new(0);
    let cut = |bytes| {
        if told.fetch_add(bytes, Ordering::Relaxed) == 10 * PIECE {
            fs::write(world.file(0), "shorter").unwrap();
        }
    };
    let failed = hash(&cut).unwrap_err();
    assert!(matches!(failed, Error::Changed { file, .. } if file == world.file(0)));
}
