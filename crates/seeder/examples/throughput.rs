//! How fast folders are hashed, beside what the hash functions alone can do on the same threads:
//! `cargo run --release -p seeder --example throughput`
//!
//! Every figure is the best of three. SHA-1 goes over the pieces, SHA-256 over the files; a file's SHA-256 is
//! sequential, so one large file cannot be faster than that on one thread. Needs 9 GiB in the folder for temporary files,
//! and as much memory for their pages: it is not the disk that is measured.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Instant;

use metainfo::FileEntry;
use sha1::{Digest, Sha1};
use sha2::Sha256;

const MIB: u64 = 1 << 20;
/// Stays in the processor's cache: what the functions can do at best.
const HOT: usize = 64 << 10;
/// Bytes that are hashed of it.
const ALONE: u64 = 1024 * MIB;

/// What is hashed: a name, so many files, of so many bytes.
const FOLDERS: [(&str, u64, u64); 3] = [
    ("one file of 4 GiB", 1, 4096 * MIB),
    ("32 files of 128 MiB", 32, 128 * MIB),
    ("16384 files of 64 KiB", 16_384, 64 << 10),
];

fn main() -> anyhow::Result<()> {
    let noise: Vec<u8> = (0..HOT).map(|at| (at * 31 + at / 251) as u8).collect();
    let cores = thread::available_parallelism()?.get();
    for threads in [1, cores] {
        println!("{threads} threads, 10^9 bytes a second:");
        let show = |what: &str, rate: f64| println!("  {what:28} {rate:.2}");
        show(
            "SHA-1 alone",
            alone(threads, || digest::<Sha1>(&noise, threads)),
        );
        show(
            "SHA-256 alone",
            alone(threads, || digest::<Sha256>(&noise, threads)),
        );
        let both = || {
            digest::<Sha1>(&noise, threads);
            digest::<Sha256>(&noise, threads);
        };
        show("both alone", alone(threads, both));
        for (name, count, length) in FOLDERS {
            let root = tempfile::tempdir()?;
            let files = folder(root.path(), count, length, &noise)?;
            show(
                name,
                rate(count * length, || {
                    let hashed =
                        seeder::hash_folder(root.path(), "image", &files, threads, &|_| {});
                    black_box(hashed.is_ok());
                }),
            );
        }
    }
    Ok(())
}

/// Makes a folder and says what is in it.
fn folder(root: &Path, count: u64, length: u64, noise: &[u8]) -> anyhow::Result<Vec<FileEntry>> {
    let mut files = Vec::new();
    for index in 0..count {
        let path = vec![format!("{:03}", index / 100), index.to_string()];
        fs::create_dir_all(root.join(&path[0]))?;
        let mut file = File::create_new(root.join(path.join("/")))?;
        for _ in 0..length / HOT as u64 {
            file.write_all(noise)?;
        }
        files.push(FileEntry { path, length });
    }
    Ok(files)
}

fn alone(threads: usize, digest: impl Fn() + Sync) -> f64 {
    rate(ALONE, || {
        thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(&digest)));
    })
}

fn digest<D: Digest>(hot: &[u8], threads: usize) {
    let mut digest = D::new();
    (0..ALONE as usize / HOT / threads).for_each(|_| digest.update(hot));
    black_box(digest.finalize());
}

/// 10^9 bytes a second, the best of three.
fn rate(bytes: u64, work: impl Fn()) -> f64 {
    let once = || {
        let begun = Instant::now();
        work();
        bytes as f64 / begun.elapsed().as_secs_f64() / 1e9
    };
    (0..3).map(|_| once()).fold(0.0, f64::max)
}
