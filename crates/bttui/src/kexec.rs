//! From phase 1 into the chosen system: the kernel, its initrd, the command line, and the jump. Explains in plain words what the running kernel refuses.
//!
//! The running kernel reads the files itself and refuses those that anybody has open for writing,
//! so the download must have been stopped before. A large initrd's file is emptied as soon as it was read ([`release`]).
//!
//! kexec_load, the older call, is not used: it needs no less memory (both copy everything once more, and both refuse what
//! is larger than half of it), a kernel under lockdown refuses it, and phase 1's kernel has the newer one.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow};
use rustix::io::Errno;

use crate::facts;
use crate::phase1::Phase1;
use crate::sys;
use crate::verdict::UEFI_32_BITS;

mod release;

/// How often, and how long after, a file that is still being closed is tried again.
const BUSY_ATTEMPTS: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(50);

/// What is said where loading failed after its file was emptied ([`release`]).
const FETCHED_AGAIN: &str =
    " Its initrd's file was emptied meanwhile to make room: another attempt fetches it again.";

/// What is to be started.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The system's folder.
    pub folder: PathBuf,
    /// The kernel, relative to it.
    pub kernel: String,
    /// The initrd, if there is one.
    pub initrd: Option<PathBuf>,
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
    let initrd = plan.initrd.as_deref().map(open).transpose()?;
    let sizes = Sizes {
        kernel: size(&kernel),
        initrd: initrd.as_ref().map_or(0, size),
    };
    let load = || load_when_closed(&kernel, initrd.as_ref(), &plan.cmdline);
    let (loaded, emptied) = match &plan.initrd {
        // A file that is read twice is not to be emptied between.
        Some(path) if sizes.initrd >= release::WORTH && *path != kernel_path => {
            release::once_read(path, load)
        }
        _ => (load(), false),
    };
    loaded.map_err(|error| {
        let why = explain(
            &error,
            &plan.kernel,
            sizes,
            facts::memory_available(),
            facts::uses_32_bit_uefi(),
        );
        let again = if emptied { FETCHED_AGAIN } else { "" };
        anyhow!("{why}{again}")
    })
}

/// Hands the files to the kernel, once nobody writes to them any more.
fn load_when_closed(kernel: &File, initrd: Option<&File>, cmdline: &str) -> io::Result<()> {
    let mut attempts = 0;
    loop {
        match sys::kexec_file_load(kernel.as_fd(), initrd.map(AsFd::as_fd), cmdline) {
            Err(error) if is_busy(&error) && attempts < BUSY_ATTEMPTS => attempts += 1,
            result => return result,
        }
        std::thread::sleep(BUSY_PAUSE);
    }
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

fn explain(error: &io::Error, kernel: &str, sizes: Sizes, available: u64, uefi32: bool) -> String {
    let memory = format!(
        "the kernel has {}, the initrd {}. Both have to fit once more into the {} of memory that are free, and may take no more than half of all memory.",
        report::bytes(sizes.kernel),
        report::bytes(sizes.initrd),
        report::bytes(available),
    );
    let why = match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOEXEC) if uefi32 => {
            UEFI_32_BITS.to_owned()
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
            (Errno::ADDRNOTAVAIL, "half of all memory"),
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
