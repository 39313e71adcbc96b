//! A small operating system worth booting: Debian's kernel and an init of our own that says who it
//! is, on which machine, and whether every byte of it arrived.
//!
//! It is made from what the build of phase 1 left in its folder and needs nothing else. Its initrd
//! carries incompressible bytes, so that a swarm has something to share.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use initrd::Archive;
use sha2::{Digest, Sha256};

/// Drivers of the machines of the lab.
const DRIVERS: [&str; 3] = ["virtio_pci", "virtio_net", "e1000"];

/// PID 1. `@NAME@` and `@MODULES@` are filled in.
const INIT: &str = include_str!("target_os/init.sh");
/// Where its init finds the bytes that it compares.
const PAYLOAD: &str = "payload";
/// What udhcpc calls with its lease.
const LEASE: &str = "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\n\
    ifconfig \"$interface\" \"$ip\" netmask \"$subnet\"\necho \"$ip\" >>/run/addresses\n";

/// An operating system of two files, as a folder below `oss` would hold it.
#[derive(Clone, Debug)]
pub struct TargetOs {
    name: String,
    kernel: Vec<u8>,
    /// What runs.
    init: Vec<u8>,
    /// What the payload must be, an archive too.
    sum: Vec<u8>,
    payload: Vec<u8>,
}

impl TargetOs {
    /// What its init prints on the serial console and on the screen, followed by its name, the
    /// machine's hardware address, its address (several if DHCP gave it another under another
    /// client identifier), the state of the padding and the command line.
    pub const MARKER: &str = "bt-target: hello from";
    /// In the marker's line when every byte of the padding is right.
    pub const INTACT: &str = "payload intact";

    /// Makes one called `name` from `phase1`, the folder where phase 1 was built
    /// (`target/phase1`), with `padding` bytes of incompressible payload, the same on every run.
    ///
    /// # Errors
    /// Phase 1 was not built, or no longer has the parts this is made of.
    pub fn build(phase1: &Path, name: &str, padding: usize) -> Result<TargetOs> {
        let kernel = phase1.join("image/bzImage");
        let kernel = fs::read(&kernel)
            .with_context(|| format!("{}: build phase 1 first", kernel.display()))?;
        let busybox = newest(&phase1.join("unpacked"), "busybox-static")?.join("bin/busybox");
        let modules = newest(&phase1.join("modules/lib/modules"), "")?;

        let mut archive = Archive::new();
        for folder in ["proc", "sys", "dev", "run", "bin", "modules"] {
            archive.dir(folder, 0o755);
        }
        archive.file("bin/busybox", &fs::read(busybox)?, 0o755);
        archive.symlink("bin/sh", "busybox");
        let mut loaded = Vec::new();
        let table = fs::read_to_string(modules.join("modules.dep"))?;
        for path in in_loading_order(&table, &DRIVERS) {
            let file = path.rsplit('/').next().unwrap_or(path);
            archive.file(
                &format!("modules/{file}"),
                &fs::read(modules.join(path))?,
                0o644,
            );
            loaded.push(file);
        }
        let init = INIT
            .replace("@NAME@", name)
            .replace("@MODULES@", &loaded.join(" "));
        archive.file("init", init.as_bytes(), 0o755);
        archive.file("lease", LEASE.as_bytes(), 0o755);
        let payload = noise(padding);
        let line = format!("{}  /{PAYLOAD}\n", hex(&Sha256::digest(&payload)));
        let mut sum = Archive::new();
        sum.file("payload.sha256", line.as_bytes(), 0o644);
        // Not compressed: the noise would not shrink, and the kernel starts sooner.
        Ok(TargetOs {
            name: name.to_owned(),
            kernel,
            init: archive.finish().context("cannot pack the initrd")?,
            sum: sum.finish().context("cannot pack the sum")?,
            payload,
        })
    }

    /// Bytes a machine has to fetch to start it, but for some hundred of the payload's archive.
    pub fn size(&self) -> u64 {
        let parts = [&self.kernel, &self.init, &self.sum, &self.payload];
        parts.iter().map(|part| part.len() as u64).sum()
    }

    /// Writes it as the folder `oss/NAME`, with a config.yaml that starts it by kexec from a kernel and an initrd.
    pub fn write_to(&self, oss: &Path) -> Result<()> {
        let mut payload = Archive::new();
        payload.file(PAYLOAD, &self.payload, 0o644);
        let payload = payload.finish().context("cannot pack the payload")?;
        let initrd = [&self.init[..], &self.sum, &payload].concat();
        self.write(oss, &[("initrd.img", &initrd)], "initrd: initrd.img\n", "")
    }

    /// The same of two initrds and a file that is handed on with them, and with `words` behind its command line.
    pub fn write_in_parts(&self, oss: &Path, words: &str) -> Result<()> {
        let files: [(&str, &[u8]); 3] = [
            (PAYLOAD, &self.payload),
            ("sum.img", &self.sum),
            ("system.img", &self.init),
        ];
        let keys = format!("initrd: [system.img, sum.img]\ninitrd_files: {PAYLOAD}\n");
        self.write(oss, &files, &keys, words)
    }

    fn write(&self, oss: &Path, files: &[(&str, &[u8])], keys: &str, words: &str) -> Result<()> {
        let folder = oss.join(&self.name);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("vmlinuz"), &self.kernel)?;
        for (name, bytes) in files {
            fs::write(folder.join(name), bytes)?;
        }
        let config = format!(
            "dispname: A small Debian\nmethod: kexec\nkernel: vmlinuz\n{keys}\
             cmdline: console=tty0 console=ttyS0,115200 quiet {words}\n"
        );
        fs::write(folder.join("config.yaml"), config)?;
        Ok(())
    }
}

/// The folder whose name starts so; the one written last where an update left several.
fn newest(folder: &Path, start: &str) -> Result<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder)
        .with_context(|| format!("{}: build phase 1 first", folder.display()))?
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(start))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    found.sort();
    let (_, path) = found
        .pop()
        .with_context(|| format!("nothing called {start}* in {}", folder.display()))?;
    Ok(path)
}

/// The files of `drivers` and of all they need, each after those it needs, from a modules.dep:
/// `FILE: NEEDED…`, where what is needed first stands last. What is not in it is built in.
fn in_loading_order<'a>(table: &'a str, drivers: &[&str]) -> Vec<&'a str> {
    let mut order = Vec::new();
    for driver in drivers {
        let file = format!("/{driver}.ko");
        let line = table
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(path, _)| path.ends_with(&file));
        let Some((path, needed)) = line else { continue };
        for one in needed.split_whitespace().rev().chain([path]) {
            if !order.contains(&one) {
                order.push(one);
            }
        }
    }
    order
}

/// Bytes that no compressor shortens, always the same (Marsaglia's xorshift).
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn drivers_come_after_what_they_need() {
        let table = "k/a.ko: k/b.ko k/c.ko\nk/b.ko: k/c.ko\nk/c.ko:\nk/d.ko: k/c.ko\n";
        let order = in_loading_order(table, &["a", "d", "built-in"]);
        assert_eq!(order, ["k/c.ko", "k/b.ko", "k/a.ko", "k/d.ko"]);
    }

    #[test]
    fn noise_is_the_same_every_time_and_never_repeats() {
        let noise = noise(80_003);
        assert_eq!(noise.len(), 80_003);
        assert_eq!(noise, super::noise(80_003));
        let words: HashSet<&[u8]> = noise.chunks_exact(8).collect();
        assert_eq!(words.len(), 10_000);
    }
}
