//! All keyboards and pointers of this machine, also those plugged in later, grabbed while a guest has them.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use viewer::evdev::{self, ABS_X, ABS_Y};
use viewer::{Capabilities, Device};

use crate::sys::{self, Input};

/// More than these are not opened.
const MOST: usize = 64;
/// Between two looks for new ones.
const LOOK: Duration = Duration::from_secs(3);
/// Between two looks while somebody holds a key of one.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// A key that is held longer is stuck, or somebody's cat.
const HELD: Duration = Duration::from_secs(2);

/// The types of events in `linux/input-event-codes.h`.
const EV_KEY: u8 = 1;
const EV_REL: u8 = 2;
const EV_ABS: u8 = 3;

/// A device that was grabbed. Closing it lets it go.
#[derive(Debug)]
pub struct Grabbed {
    name: OsString,
    file: File,
    /// What it is, and what it said.
    pub device: Device,
}

impl Grabbed {
    /// For waiting on it.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Reads what it said, whole records.
    ///
    /// # Errors
    /// `WouldBlock` when it said nothing; anything else means that it is gone.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.file).read(buffer)
    }

    /// Sets a keyboard's lights.
    pub fn light(&self, lights: u8) {
        if self.device.is_keyboard() {
            // A keyboard without lights takes them, too.
            let _ = (&self.file).write_all(&evdev::lights(lights));
        }
    }
}

/// The devices that were found.
#[derive(Debug)]
pub struct Inputs {
    /// Each of them, in the order in which they were found.
    pub all: Vec<Grabbed>,
    folder: PathBuf,
    began: Instant,
    next_look: Instant,
}

impl Inputs {
    /// Those that the kernel puts into a folder, usually `/dev/input`. None yet; [`Inputs::look`] finds
    /// them.
    pub fn new(folder: &Path, now: Instant) -> Inputs {
        Inputs {
            all: Vec::new(),
            folder: folder.to_owned(),
            began: now,
            next_look: now,
        }
    }

    /// How long until the next look is due.
    pub fn wait(&self, now: Instant) -> Duration {
        self.next_look.saturating_duration_since(now)
    }

    /// Looks for new devices, when it is time to.
    ///
    /// A device of which a key is held is left to the console until the key is up: otherwise the console
    /// would never hear of that, and a Shift or Ctrl would stay down there.
    pub fn look(&mut self, now: Instant) {
        if now < self.next_look {
            return;
        }
        self.next_look = now + LOOK;
        for name in names(&self.folder) {
            if self.all.len() >= MOST || self.all.iter().any(|known| known.name == name) {
                continue;
            }
            // Gone again, or somebody else has it: the next look tells.
            let Ok(Some(found)) = open(&self.folder, name) else {
                continue;
            };
            if is_held(&found) && now.duration_since(self.began) < HELD {
                self.next_look = now + LOOK_AGAIN;
            } else if sys::input_grab(found.fd(), true).is_ok() {
                self.all.push(found);
            }
        }
    }
}

/// `event0`, `event1` and so on.
fn names(folder: &Path) -> Vec<OsString> {
    let listed = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = listed
        .map(|entry| entry.file_name())
        .filter(|name| name.as_encoded_bytes().starts_with(b"event"))
        .collect();
    names.sort();
    names
}

/// Opens a device, if it is a keyboard or a pointer.
fn open(folder: &Path, name: OsString) -> io::Result<Option<Grabbed>> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(folder.join(&name))?;
    let fd = file.as_fd();
    let range = |axis: u16| -> (i32, i32) {
        // struct input_absinfo: value, minimum, maximum.
        let axis = sys::input::<24>(fd, Input::Axis(axis as u8)).unwrap_or_default();
        let number =
            |at: usize| i32::from_le_bytes([axis[at], axis[at + 1], axis[at + 2], axis[at + 3]]);
        (number(4), number(8))
    };
    let can = Capabilities {
        keys: sys::input(fd, Input::Codes(EV_KEY))?,
        relative: sys::input(fd, Input::Codes(EV_REL))?,
        absolute: sys::input(fd, Input::Codes(EV_ABS))?,
        properties: sys::input(fd, Input::Properties)?,
        ranges: [range(ABS_X), range(ABS_Y)],
    };
    let device = Device::of(&can);
    Ok(device.map(|device| Grabbed { name, file, device }))
}

fn is_held(found: &Grabbed) -> bool {
    let down = sys::input::<{ viewer::device::KEY_BYTES }>(found.fd(), Input::Down);
    down.is_ok_and(|down| down.iter().any(|byte| *byte != 0))
}
