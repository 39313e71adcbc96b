//! The bytes that every machine wants, the same for every engine, and the torrent of them.
//!
//! They lie in memory, as everything that is measured does: no disk limits anybody.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, ensure};
use lab::Scratch;
use metainfo::{FileEntry, Info, Torrent};
use nix::sys::statvfs::statvfs;
use sha1::{Digest, Sha1};
use sha2::Sha256;

/// Where files are memory (tmpfs).
pub(super) const MEMORY: &str = "/dev/shm";
/// What else than copies of the payload must fit: programs at work, logs.
const BESIDE: u64 = 1 << 30;

/// The system of the room, and its one file.
const SYSTEM: &str = "bench";
const FILE: &str = "vmlinuz";
const CONFIG: &str = "method: kexec\nkernel: vmlinuz\n";

/// A folder with systems as bt-server wants it, with one system of one file in it.
pub(super) struct Payload {
    scratch: Scratch,
    sum: [u8; 32],
    torrent: Torrent,
}

impl Payload {
    /// Makes `length` bytes, always the same.
    pub(super) fn make(length: u64) -> Result<Payload> {
        let scratch = Scratch::new_in(Path::new(MEMORY))?;
        let bytes = lab::noise(length.try_into()?);
        let folder = scratch.path().join("oss").join(SYSTEM);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("config.yaml"), CONFIG)?;
        fs::write(folder.join(FILE), &bytes)?;
        Ok(Payload {
            scratch,
            sum: Sha256::digest(&bytes).into(),
            torrent: torrent(&bytes),
        })
    }

    /// The folder of all systems, which is also the one that holds the torrent's folder.
    pub(super) fn oss(&self) -> PathBuf {
        self.scratch.path().join("oss")
    }

    /// The file itself.
    pub(super) fn file(&self) -> PathBuf {
        Payload::below(&self.oss())
    }

    /// The name of the system.
    pub(super) fn system(&self) -> &'static str {
        SYSTEM
    }

    /// Its torrent, without a tracker.
    pub(super) fn torrent(&self) -> &Torrent {
        &self.torrent
    }

    /// Where the file is when a BitTorrent client was told to put the torrent into `folder`.
    pub(super) fn below(folder: &Path) -> PathBuf {
        folder.join(SYSTEM).join(FILE)
    }

    /// Makes sure that each of `files` holds these bytes.
    pub(super) fn verify_all(&self, files: &[&Path]) -> Result<()> {
        let threads = thread::available_parallelism()?.get();
        let part = files.len().div_ceil(threads).max(1);
        thread::scope(|scope| {
            let parts: Vec<_> = files
                .chunks(part)
                .map(|part| scope.spawn(|| part.iter().try_for_each(|file| self.verify(file))))
                .collect();
            parts
                .into_iter()
                .try_for_each(|part| part.join().expect("verifying does not panic"))
        })
    }

    fn verify(&self, file: &Path) -> Result<()> {
        let mut open = File::open(file).with_context(|| format!("{}", file.display()))?;
        let (mut sum, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
        loop {
            match open.read(&mut buffer)? {
                0 => break,
                n => sum.update(&buffer[..n]),
            }
        }
        let sum: [u8; 32] = sum.finalize().into();
        ensure!(
            sum == self.sum,
            "{}: a machine has other bytes than the server",
            file.display()
        );
        Ok(())
    }
}

/// The torrent that bt-server makes of the same folder.
fn torrent(bytes: &[u8]) -> Torrent {
    let length = bytes.len() as u64;
    let piece_length = metainfo::piece_length(length);
    let pieces = bytes.chunks(piece_length as usize);
    Torrent::new(Info {
        name: SYSTEM.to_owned(),
        piece_length,
        pieces: pieces.map(|piece| Sha1::digest(piece).into()).collect(),
        files: vec![FileEntry {
            path: vec![FILE.to_owned()],
            length,
        }],
        private: false,
        single_file: false,
    })
}

/// Makes sure that `copies` of `length` bytes fit into memory.
pub(super) fn need_memory(copies: u64, length: u64) -> Result<()> {
    let needed = copies * length + BESIDE;
    let files = statvfs(MEMORY).with_context(|| format!("{MEMORY} is needed for the files"))?;
    let free = (files.blocks_available() * files.fragment_size()).min(available()?);
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    println!(
        "Memory: {copies} copies of the payload and 1 GiB beside need {:.1} GiB of {:.1} that are free.",
        gib(needed),
        gib(free)
    );
    ensure!(
        needed <= free,
        "not enough memory: fewer --clients or a smaller --size"
    );
    Ok(())
}

/// What the kernel could still give away, in bytes.
fn available() -> Result<u64> {
    let text = fs::read_to_string("/proc/meminfo")?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib: u64 = kib.context("no MemAvailable in /proc/meminfo")?.parse()?;
    Ok(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_byte_is_found() {
        let payload = Payload::make(100_000).unwrap();
        let copies = tempfile::tempdir().unwrap();
        let (good, bad) = (copies.path().join("good"), copies.path().join("bad"));
        let mut bytes = fs::read(payload.file()).unwrap();
        fs::write(&good, &bytes).unwrap();
        bytes[77_777] ^= 1;
        fs::write(&bad, &bytes).unwrap();
        payload.verify_all(&[&good, &good, &good]).unwrap();
        let error = payload.verify_all(&[&good, &good, &bad]).unwrap_err();
        assert!(error.to_string().contains("bad"), "{error:#}");
    }
}
