//! How fast folders are hashed, beside SHA-1 alone on the same threads:
//! `cargo run --release -p seeder --example throughput`

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use metainfo::FileEntry;
use sha1::{Digest, Sha1};

const SIZE: usize = 1 << 30;
/// Stays in the processor's cache: what SHA-1 can do at best.
const HOT: usize = 64 << 10;

fn main() -> anyhow::Result<()> {
    let root = tempfile::tempdir()?;
    let noise: Vec<u8> = (0..SIZE)
        .map(|at| (at * 31 + at / 251 + at / 65_537) as u8)
        .collect();
    std::fs::write(root.path().join("image"), &noise)?;
    let files = [FileEntry {
        path: vec!["image".to_owned()],
        length: SIZE as u64,
    }];
    let cores = thread::available_parallelism()?.get();
    for threads in [1, cores] {
        let alone = rate(|| sha1_alone(&noise[..HOT], threads));
        let folder = rate(|| {
            let hashed = seeder::hash_folder(root.path(), "image", &files, threads, &|_| {});
            black_box(hashed.is_ok());
        });
        println!("{threads} threads: SHA-1 alone {alone:.2} GB/s, hash_folder {folder:.2} GB/s");
    }
    Ok(())
}

fn sha1_alone(hot: &[u8], threads: usize) {
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut sha1 = Sha1::new();
                (0..SIZE / HOT / threads).for_each(|_| sha1.update(hot));
                black_box(sha1.finalize());
            });
        }
    });
}

/// 10^9 bytes a second.
fn rate(work: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    work();
    SIZE as f64 / begun.elapsed().as_secs_f64() / 1e9
}
