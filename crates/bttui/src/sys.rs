//! The two things that the safe crates do not wrap: loading a kernel, and giving a shell a
//! terminal of its own. The only unsafe code of this program; it decides nothing.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// `KEXEC_FILE_NO_INITRAMFS` of `linux/kexec.h`: the initrd descriptor is not looked at.
const NO_INITRAMFS: libc::c_ulong = 0x4;

/// Hands a kernel, its initrd and its command line to the running kernel (kexec_file_load(2)).
///
/// # Errors
/// The kernel's own errno. `ETXTBSY` means that one of the files is still open for writing.
pub fn kexec_file_load(
    kernel: BorrowedFd<'_>,
    initrd: Option<BorrowedFd<'_>>,
    cmdline: &str,
) -> io::Result<()> {
    let cmdline =
        CString::new(cmdline).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let (initrd_fd, flags) = match initrd {
        Some(fd) => (fd.as_raw_fd(), 0),
        None => (-1, NO_INITRAMFS),
    };
    // SAFETY: both descriptors are open for the length of the call because they are borrowed, and
    // the command line is a NUL-terminated buffer of exactly the length given; the kernel copies
    // it and keeps no pointer.
    let result = unsafe {
        libc::syscall(
            libc::SYS_kexec_file_load,
            kernel.as_raw_fd() as libc::c_long,
            initrd_fd as libc::c_long,
            cmdline.as_bytes_with_nul().len(),
            cmdline.as_ptr(),
            flags,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Makes the command the leader of a session of its own whose terminal is its standard input, so
/// that Ctrl+C and job control work in it.
pub fn with_terminal(command: &mut Command) -> &mut Command {
    let take = || {
        rustix::process::setsid()?;
        // Refused where another session has this terminal: then the shell lacks job control only.
        let _ = rustix::process::ioctl_tiocsctty(rustix::stdio::stdin());
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes two system calls and touches neither the
    // heap nor any lock.
    unsafe { command.pre_exec(take) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    /// A kernel must never be loaded by a test: an empty file is refused by every kernel, with or
    /// without root.
    #[test]
    fn a_file_that_is_no_kernel_is_refused() {
        let file = tempfile::tempfile().expect("a file");
        let error = kexec_file_load(file.as_fd(), None, "quiet").expect_err("not a kernel");
        assert!(error.raw_os_error().is_some(), "{error}");
    }

    #[test]
    fn a_command_line_with_a_nul_is_refused_before_the_call() {
        let file = tempfile::tempfile().expect("a file");
        let error = kexec_file_load(file.as_fd(), None, "a\0b").expect_err("not a string");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
