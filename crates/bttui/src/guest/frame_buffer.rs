//! The machine's frame buffer, in our memory.

use std::fs::OpenOptions;
use std::os::fd::AsFd;
use std::path::Path;

use anyhow::Context;
use viewer::Screen;

use crate::sys::{self, Mapping};

/// A frame buffer that can be drawn on.
#[derive(Debug)]
pub struct FrameBuffer {
    /// What it looks like.
    pub screen: Screen,
    /// Its memory, all that is visible of it. Slow to read.
    pub memory: Mapping,
}

impl FrameBuffer {
    /// Opens and maps one.
    ///
    /// # Errors
    /// There is none, or it is of a kind that pictures cannot be drawn on.
    pub fn open(path: &Path) -> anyhow::Result<FrameBuffer> {
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .with_context(|| {
                let path = path.display();
                format!(
                    "{path}: this machine's screen shows only text, for there is no driver for its graphics card; on a \
                     BIOS the kernel may have vga=791 on its command line"
                )
            })?;
        let here = || format!("{}", path.display());
        let (var, fix) = sys::screen_info(device.as_fd()).with_context(here)?;
        let screen = Screen::from_fbdev(&var, &fix).with_context(here)?;
        // The mapping outlives the descriptor.
        let memory = Mapping::new(device.as_fd(), screen.bytes()).with_context(here)?;
        Ok(FrameBuffer { screen, memory })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_one_the_remedy_is_named() {
        let error = FrameBuffer::open(Path::new("/nowhere/fb0")).expect_err("nowhere");
        let said = format!("{error:#}");
        assert!(
            said.contains("/nowhere/fb0") && said.contains("vga=791"),
            "{said}"
        );
        let error = FrameBuffer::open(Path::new("/dev/null")).expect_err("no frame buffer");
        assert!(format!("{error:#}").starts_with("/dev/null"), "{error:#}");
    }
}
