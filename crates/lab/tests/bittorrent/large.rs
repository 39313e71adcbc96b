//! A file of more than 4 GiB: hashed, served from beyond 4 GiB, and fetched, byte for byte.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::fetch::Fetch;
use crate::tree::noise;
use crate::world::World;

const SYSTEM: &str = "big";
/// 4 GiB, 100 MiB and three bytes.
const SIZE: u64 = (4 << 30) + (100 << 20) + 3;
/// Where 32 bits end, with and without a sign.
const EDGES: [u64; 2] = [1 << 31, 1 << 32];
/// Bytes before and after each edge that are not zero.
const AROUND: u64 = 1000;
/// For some gigabytes on a computer that is busy with something else.
const LONG: Duration = Duration::from_secs(150);

/// A file of zeros with marks where a number may be cut off. It takes no room on the disk.
fn image(path: &Path) {
    let file = File::create(path).unwrap();
    file.set_len(SIZE).unwrap();
    for (edge, seed) in EDGES.into_iter().zip(1..) {
        let mark = noise(seed, 2 * AROUND as usize);
        file.write_all_at(&mark, edge - AROUND).unwrap();
    }
    file.write_all_at(b"end", SIZE - 3).unwrap();
}

/// Asserts that two files are the same, byte for byte.
fn assert_equal(left: &Path, right: &Path) {
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    assert_eq!(size(left), size(right), "{}", right.display());
    let (mut a, mut b) = (File::open(left).unwrap(), File::open(right).unwrap());
    let (mut from_a, mut from_b) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    let mut at = 0;
    while at < size(left) {
        let length = (size(left) - at).min(1 << 20) as usize;
        a.read_exact(&mut from_a[..length]).unwrap();
        b.read_exact(&mut from_b[..length]).unwrap();
        assert!(from_a[..length] == from_b[..length], "within 1 MiB of {at}");
        at += length as u64;
    }
}

#[test]
#[ignore = "needs root, 5 GB of disk and target/dist/bt-server; cargo xtask test runs it"]
fn a_file_of_more_than_4_gib_arrives_whole() {
    let begun = Instant::now();
    let mut world = World::open(|oss| {
        let folder = oss.join(SYSTEM);
        fs::create_dir(&folder).unwrap();
        image(&folder.join("disk.img"));
        // These lie beyond the image in the torrent.
        fs::write(folder.join("initrd.img"), noise(3, 3 << 20)).unwrap();
        fs::write(folder.join("vmlinuz"), noise(4, 70_000)).unwrap();
    });
    println!(
        "serving after {:.1?}; {}",
        begun.elapsed(),
        world.said_of_hashing()
    );
    let source = world.room.scratch().join("oss").join(SYSTEM);
    let disk = File::open(source.join("disk.img")).unwrap();
    for (first, last) in [
        (EDGES[0] - AROUND, EDGES[0] + AROUND - 1),
        (EDGES[1] - AROUND, EDGES[1] + AROUND - 1),
        (EDGES[1] + 70, EDGES[1] + 80),
        (SIZE - 10, SIZE - 1),
    ] {
        let mut there = vec![0; (last - first + 1) as usize];
        disk.read_exact_at(&mut there, first).unwrap();
        let served = world.get_part("/oss/big/disk.img", first, last);
        assert!(served == there, "{first}-{last} is served wrong");
    }

    let host = world.host(2);
    // Not in the room's folder, which may lie in memory.
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let to = place.path().join("to");
    let fetched = Fetch::start(&host, &world.offer(SYSTEM), &to).wait(LONG);
    let rate = fetched.total as f64 / fetched.seconds / 1e6;
    println!(
        "fetched {} bytes in {:.1} s, {rate:.0} MB/s",
        fetched.total, fetched.seconds
    );
    for file in ["disk.img", "initrd.img", "vmlinuz"] {
        assert_equal(&source.join(file), &to.join(SYSTEM).join(file));
    }
    println!("{:.1?} in all", begun.elapsed());
}
