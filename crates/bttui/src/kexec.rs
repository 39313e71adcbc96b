//! From phase 1 into the chosen system: the kernel, its initrds joined into one, the command line,
//! and the jump. Explains in plain words what the running kernel refuses.
//!
//! The running kernel reads the files itself and refuses those that anybody has open for writing,
//! so the download must have been stopped before.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::io::Errno;

use crate::facts;
use crate::phase1::Phase1;
use crate::sys;

/// What the measured need is: memory for the initrd where it lies, once more in the kernel's
/// buffer, in its segments, and unpacked (FACTS: 150 MB needed 768 MB).
const TIMES_INITRD: u64 = 5;

/// How often, and how long after, a file that is still being closed is tried again.
const BUSY_ATTEMPTS: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// What is to be started, with paths relative to its folder.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The system's folder.
    pub folder: PathBuf,
    /// The kernel.
    pub kernel: String,
    /// The initrds, in order.
    pub initrds: Vec<String>,
    /// The new kernel's command line.
    pub cmdline: String,
}

/// Loads the new kernel; the running one goes on until [`jump`].
///
/// # Errors
/// A file that cannot be read, or what the kernel refuses, explained.
pub fn load(_allowed: Phase1, plan: &Plan) -> anyhow::Result<()> {
    let kernel_path = plan.folder.join(&plan.kernel);
    let kernel = open(&kernel_path)?;
    let initrd = initrd(plan)?;
    let sizes = Sizes {
        kernel: size(&kernel),
        initrd: initrd.as_ref().map_or(0, size),
    };
    let mut attempts = 0;
    let loaded = loop {
        let result = sys::kexec_file_load(
            kernel.as_fd(),
            initrd.as_ref().map(AsFd::as_fd),
            &plan.cmdline,
        );
        match result {
            Err(error) if is_busy(&error) && attempts < BUSY_ATTEMPTS => attempts += 1,
            result => break result,
        }
        std::thread::sleep(BUSY_PAUSE);
    };
    loaded.map_err(|error| {
        anyhow!(explain(
            &error,
            &plan.kernel,
            sizes,
            facts::memory_available(),
            facts::uses_32_bit_uefi(),
        ))
    })
}

/// A file is still open for writing: the download's last thread may be about to close it.
fn is_busy(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::TXTBSY.raw_os_error())
}

/// Leaves this kernel for the loaded one. What was written is flushed first, although phase 1 has
/// no disk of the machine mounted: a person in the shell may have.
///
/// # Errors
/// The kernel's refusal, for example because nothing was loaded. On success it does not return.
pub fn jump(_allowed: Phase1) -> anyhow::Result<Infallible> {
    rustix::fs::sync();
    rustix::system::reboot(rustix::system::RebootCommand::Kexec)
        .context("the kernel refused the jump into the new one")?;
    Err(anyhow!("the jump into the new kernel came back"))
}

/// Restarts the machine, firmware first.
///
/// # Errors
/// The kernel's refusal. On success it does not return.
pub fn restart(_allowed: Phase1) -> anyhow::Result<Infallible> {
    rustix::fs::sync();
    rustix::system::reboot(rustix::system::RebootCommand::Restart)
        .context("the kernel refused to restart the machine")?;
    Err(anyhow!("the machine did not restart"))
}

#[derive(Copy, Clone, Debug)]
struct Sizes {
    kernel: u64,
    initrd: u64,
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("cannot read {}", path.display()))
}

fn size(file: &File) -> u64 {
    file.metadata().map_or(0, |metadata| metadata.len())
}

/// The one initrd as it is, without a copy; several joined into one file beside the downloads.
fn initrd(plan: &Plan) -> anyhow::Result<Option<File>> {
    let paths: Vec<PathBuf> = plan
        .initrds
        .iter()
        .map(|name| plan.folder.join(name))
        .collect();
    match paths.as_slice() {
        [] => Ok(None),
        [one] => open(one).map(Some),
        several => {
            let mut joined = plan.folder.clone().into_os_string();
            joined.push(".initrd");
            let joined = PathBuf::from(joined);
            let result = join(several, &joined).and_then(|()| open(&joined));
            // The open descriptor keeps the bytes; the name must not stay behind.
            let _ = std::fs::remove_file(&joined);
            result.map(Some)
        }
    }
}

/// Joins archives into one, each beginning at a multiple of four bytes: the kernel silently ignores
/// everything behind an archive that does not.
fn join(parts: &[PathBuf], to: &Path) -> anyhow::Result<()> {
    let mut joined = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
    for path in parts {
        let mut part = open(path)?;
        let copied = io::copy(&mut part, &mut joined)
            .with_context(|| format!("cannot join {} to the others", path.display()))?;
        let padding = copied.next_multiple_of(4) - copied;
        joined.write_all(&[0; 3][..padding as usize])?;
    }
    Ok(())
}

fn explain(error: &io::Error, kernel: &str, sizes: Sizes, available: u64, uefi32: bool) -> String {
    let memory = format!(
        "the kernel has {}, the initrd {}; {} of memory are free, and about {} times the initrd is needed.",
        report::bytes(sizes.kernel),
        report::bytes(sizes.initrd),
        report::bytes(available),
        TIMES_INITRD,
    );
    let why = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOEXEC) if uefi32 => {
            "the UEFI of this machine has 32 bits, and a kernel that uses it cannot start another one. Boot phase 1 with efi=noruntime on its command line, as this server's grub.cfg does.".to_owned()
        }
        Some(Errno::NOEXEC) => {
            format!("{kernel} is not a kernel that this machine can start. It must be a bzImage for 64-bit PCs (not an ELF vmlinux, not a 32-bit kernel).")
        }
        Some(Errno::PERM | Errno::ACCESS) => {
            "the running kernel does not allow it. With Secure Boot on, only a kernel with a signature that the firmware trusts can be started.".to_owned()
        }
        Some(Errno::KEYREJECTED | Errno::BADMSG | Errno::NOKEY | Errno::NODATA) => {
            format!("{kernel} has no signature that this machine trusts. Use the distribution's signed kernel, or turn Secure Boot off.")
        }
        Some(Errno::NOMEM) => format!("there is not enough memory: {memory}"),
        Some(Errno::INVAL) => format!("the running kernel found no place for it (or the kernel file is damaged): {memory}"),
        Some(Errno::ADDRNOTAVAIL) => format!("no free range of memory is long enough: {memory}"),
        Some(Errno::TXTBSY) => "one of its files is still open for writing.".to_owned(),
        Some(Errno::BUSY) => "another kernel is being loaded at this moment.".to_owned(),
        Some(Errno::NOSYS) => "the running kernel cannot start another one (it lacks kexec_file_load).".to_owned(),
        _ => "the running kernel refused it.".to_owned(),
    };
    format!("The new kernel could not be loaded: {why} [{error}]")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn joined_initrds_begin_at_multiples_of_four() {
        let folder = tempfile::tempdir().expect("a directory");
        let part = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::write(&path, bytes).expect("a part");
            path
        };
        let parts = [part("a", b"12345"), part("b", b"1234"), part("c", b"1")];
        let joined = folder.path().join("joined");
        join(&parts, &joined).expect("joined");
        assert_eq!(
            fs::read(&joined).expect("joined"),
            b"12345\0\0\x0012341\0\0\0"
        );
    }

    #[test]
    fn one_initrd_is_not_copied_and_several_leave_no_file_behind() {
        let folder = tempfile::tempdir().expect("a directory");
        let system = folder.path().join("tiny");
        fs::create_dir(&system).expect("a system");
        for name in ["a", "b"] {
            fs::write(system.join(name), name).expect("an initrd");
        }
        let plan = |initrds: &[&str]| Plan {
            folder: system.clone(),
            kernel: "k".to_owned(),
            initrds: initrds.iter().map(|name| (*name).to_owned()).collect(),
            cmdline: String::new(),
        };
        assert!(initrd(&plan(&[])).expect("none").is_none());
        assert_eq!(
            size(&initrd(&plan(&["a"])).expect("one").expect("a file")),
            1
        );
        assert_eq!(
            size(&initrd(&plan(&["a", "b"])).expect("two").expect("a file")),
            8
        );
        let left = fs::read_dir(folder.path()).expect("the folder").count();
        assert_eq!(left, 1, "only the system itself");
        let error = initrd(&plan(&["a", "missing"])).expect_err("missing");
        assert!(format!("{error:#}").contains("missing"), "{error:#}");
    }

    #[test]
    fn every_refusal_is_explained_in_words() {
        let sizes = Sizes {
            kernel: 8 << 20,
            initrd: 150 << 20,
        };
        let table = [
            (Errno::NOEXEC, "not a kernel that this machine can start"),
            (Errno::PERM, "Secure Boot"),
            (Errno::KEYREJECTED, "signature"),
            (Errno::NOMEM, "157.3 MB"),
            (Errno::INVAL, "671.1 MB"),
            (Errno::ADDRNOTAVAIL, "5 times"),
            (Errno::TXTBSY, "open for writing"),
            (Errno::NOSYS, "kexec_file_load"),
            (Errno::IO, "refused"),
        ];
        for (errno, expected) in table {
            let text = explain(&io::Error::from(errno), "vmlinuz", sizes, 640 << 20, false);
            assert!(text.contains(expected), "{errno}: {text}");
        }
        let text = explain(&io::Error::from(Errno::NOEXEC), "vmlinuz", sizes, 1, true);
        assert!(
            text.contains("32 bits") && text.contains("efi=noruntime"),
            "{text}"
        );
    }
}
