//! What the safe crates do not wrap: loading a kernel, giving a shell a terminal of its own, waiting on one, and the
//! screen, its console and input devices as the kernel's ioctls have them. The only unsafe code of this
//! program; it decides nothing.
#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use tokio::io::unix::AsyncFd;

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

/// A file that tokio waits on, such as the near end of a terminal.
///
/// # Errors
/// The system's; a file of a disk cannot be waited on.
pub fn waited_on(file: File) -> io::Result<AsyncFd<File>> {
    // SAFETY: a `File` owns its descriptor and names the same one for as long as it lives, which is within the result.
    Ok(unsafe { AsyncFd::register(file) }?)
}

/// `FBIOGET_VSCREENINFO` and `FBIOGET_FSCREENINFO` of `linux/fb.h`.
const SCREEN_INFO: [libc::Ioctl; 2] = [0x4600, 0x4602];
/// `KDSETMODE` and `KDGETMODE` of `linux/kd.h`.
const CONSOLE_MODE: [libc::Ioctl; 2] = [0x4b3a, 0x4b3b];
/// `EVIOCGRAB` of `linux/input.h`.
const INPUT_GRAB: libc::Ioctl = 0x4004_4590;
/// `_IOC(_IOC_READ, 'E', 0, 0)`: what input devices tell, before number and length are filled in.
const INPUT_READ: libc::Ioctl = 0x8000_4500;

/// A question to an input device, by its number in `linux/input.h`.
#[derive(Copy, Clone, Debug)]
pub enum Input {
    /// `EVIOCGPROP`: what kind of thing it is.
    Properties,
    /// `EVIOCGKEY`: which keys are down.
    Down,
    /// `EVIOCGBIT`: which codes it has of a type of event.
    Codes(u8),
    /// `EVIOCGABS`: value, least, most and more of an axis; 24 bytes.
    Axis(u8),
}

/// The kernel's `fb_var_screeninfo` and `fb_fix_screeninfo` of a frame buffer.
///
/// # Errors
/// The kernel's own errno; `ENOTTY` where it is no frame buffer.
pub fn screen_info(fd: BorrowedFd<'_>) -> io::Result<([u8; 160], [u8; 80])> {
    // SAFETY: the two requests fill structures of 160 and 80 bytes on a 64-bit machine.
    unsafe { Ok((fill(fd, SCREEN_INFO[0])?, fill(fd, SCREEN_INFO[1])?)) }
}

/// Asks an input device. What the answer is shorter than `N` stays zero.
///
/// # Errors
/// The kernel's own errno.
pub fn input<const N: usize>(fd: BorrowedFd<'_>, question: Input) -> io::Result<[u8; N]> {
    let number = match question {
        Input::Properties => 0x09,
        Input::Down => 0x18,
        Input::Codes(kind) => 0x20 + libc::Ioctl::from(kind & 0x1f),
        Input::Axis(axis) => 0x40 + libc::Ioctl::from(axis & 0x3f),
    };
    // Fourteen bits of the request are for the length.
    let length = (N.min(0x3fff) as libc::Ioctl) << 16;
    // SAFETY: the kernel writes no more than the length that is part of the request, which is at most N.
    unsafe { fill(fd, INPUT_READ | length | number) }
}

/// Has an input device speak to nobody else, or again to everybody.
///
/// # Errors
/// The kernel's own errno; `EBUSY` where somebody else grabbed it.
pub fn input_grab(fd: BorrowedFd<'_>, grab: bool) -> io::Result<()> {
    // SAFETY: the request takes a number, not a pointer.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), INPUT_GRAB, libc::c_ulong::from(grab)) };
    outcome(result)
}

/// What a virtual console shows: `KD_TEXT` is 0, `KD_GRAPHICS` is 1.
///
/// # Errors
/// The kernel's own errno; `ENOTTY` where it is no virtual console.
pub fn console_mode(fd: BorrowedFd<'_>) -> io::Result<u32> {
    // SAFETY: the request fills an int.
    let mode = unsafe { fill::<4>(fd, CONSOLE_MODE[1])? };
    Ok(u32::from_ne_bytes(mode))
}

/// Changes what a virtual console shows.
///
/// # Errors
/// The kernel's own errno.
pub fn set_console_mode(fd: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    // SAFETY: the request takes a number, not a pointer.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), CONSOLE_MODE[0], libc::c_ulong::from(mode)) };
    outcome(result)
}

/// # Safety
/// The request must write at most `N` bytes.
unsafe fn fill<const N: usize>(fd: BorrowedFd<'_>, request: libc::Ioctl) -> io::Result<[u8; N]> {
    let mut bytes = [0_u8; N];
    // SAFETY: the buffer outlives the call and has N bytes, which the caller says is enough.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), request, bytes.as_mut_ptr()) };
    outcome(result).map(|()| bytes)
}

fn outcome(result: libc::c_int) -> io::Result<()> {
    match result {
        ..0 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// A device's memory in ours, unmapped when it is dropped.
#[derive(Debug)]
pub struct Mapping {
    start: *mut u8,
    length: usize,
}

// SAFETY: the mapping belongs to this value alone, and memory knows no threads.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps the first `length` bytes of a frame buffer for reading and writing.
    ///
    /// # Errors
    /// The kernel's own errno.
    pub fn new(fd: BorrowedFd<'_>, length: usize) -> io::Result<Mapping> {
        // SAFETY: a new mapping at a place of the kernel's choice touches no memory that is in use.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                fd.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Mapping {
            start: start.cast(),
            length,
        })
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: so many bytes are mapped as long as this value lives.
        unsafe { std::slice::from_raw_parts(self.start, self.length) }
    }
}

impl DerefMut for Mapping {
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, writable, and borrowed from the only value that has it.
        unsafe { std::slice::from_raw_parts_mut(self.start, self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: it was mapped with this length, and nobody can have a borrow of it any more.
        unsafe { libc::munmap(self.start.cast(), self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn a_mapping_is_the_files_memory() {
        let mut file = tempfile::tempfile().expect("a file");
        file.set_len(8192).expect("its length");
        let mut mapping = Mapping::new(file.as_fd(), 5000).expect("a mapping");
        assert_eq!(mapping.len(), 5000);
        mapping[4999] = 7;
        drop(mapping);
        let mut bytes = Vec::new();
        io::Read::read_to_end(&mut file, &mut bytes).expect("its bytes");
        assert_eq!(bytes.iter().position(|byte| *byte == 7), Some(4999));
    }

    #[test]
    fn what_is_no_such_device_says_so() {
        let file = tempfile::tempfile().expect("a file");
        let answers = [
            screen_info(file.as_fd()).map(|_| ()),
            input::<24>(file.as_fd(), Input::Axis(0)).map(|_| ()),
            input_grab(file.as_fd(), true),
            console_mode(file.as_fd()).map(|_| ()),
            set_console_mode(file.as_fd(), 0),
        ];
        for answer in answers {
            let error = answer.expect_err("a file");
            assert_eq!(error.raw_os_error(), Some(libc::ENOTTY));
        }
        let null = std::fs::File::open("/dev/null").expect("it");
        assert!(Mapping::new(null.as_fd(), 10).is_err());
    }

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
