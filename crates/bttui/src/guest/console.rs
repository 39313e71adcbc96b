//! The virtual console in front: while a guest is shown the kernel keeps its text and its cursor off the
//! screen.

use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, Once};

use anyhow::Context;
use rustix::fs::OFlags;

use crate::sys;

/// `KD_GRAPHICS` of `linux/kd.h`.
const GRAPHICS: u32 = 1;

/// The console that shows graphics and what it showed before, for the panic hook.
static SHOWN: Mutex<Option<(File, u32)>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// A console that shows no text; dropping it, or a panic anywhere, brings the text back.
#[derive(Debug)]
pub struct Graphics(());

impl Graphics {
    /// Takes the text off a console.
    ///
    /// # Errors
    /// It is no virtual console, or this program may not.
    pub fn enter(path: &Path) -> anyhow::Result<Graphics> {
        let here = || format!("{}: no graphics on this console", path.display());
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlags::NOCTTY.bits() as i32)
            .open(path)
            .with_context(here)?;
        let before = sys::console_mode(device.as_fd()).with_context(here)?;
        HOOK.call_once(restore_on_panic);
        if let Ok(mut shown) = SHOWN.lock() {
            sys::set_console_mode(device.as_fd(), GRAPHICS).with_context(here)?;
            *shown = Some((device, before));
        }
        Ok(Graphics(()))
    }
}

impl Drop for Graphics {
    fn drop(&mut self) {
        restore();
    }
}

/// A console that is gone needs nothing.
fn restore() {
    // The lock may be held by the very thread that panicked, then the console stays as it is.
    if let Ok(mut shown) = SHOWN.try_lock()
        && let Some((device, before)) = shown.take()
    {
        let _ = sys::set_console_mode(device.as_fd(), before);
    }
}

/// The text first, so that what other hooks say can be read: in phase 1 the program ends with a panic
/// without running destructors.
fn restore_on_panic() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        restore();
        others(panic);
    }));
}
