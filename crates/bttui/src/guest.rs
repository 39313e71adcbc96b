//! The screen, keyboards and mice of this machine, lent to a guest in QEMU.
//!
//! The guest's picture comes from QEMU's VNC server through a Unix socket and goes to the frame buffer;
//! what is typed and pointed at goes the other way. Crate `viewer` decides all of it; here are the
//! devices: [`frame_buffer`], [`console`] and [`inputs`], and the [`session`] that waits for them.
//!
//! [`Hosted`] is a guest as the menu starts it, with QEMU; the rest shows what somebody else has started.
//! It needs `/dev/fb0`, which a kernel has under UEFI, and on a BIOS if it was started in a graphics mode
//! (`vga=791`) or has a driver for the card, which QEMU's layer brings; and `/dev/input/event*`, the module `evdev`.
//!
//! To see it without the rest, in phase 1's shell: `qemu-system-x86_64 … -vnc unix:/run/guest &` and then
//! `bttui view /run/guest`. `crates/lab/tests/guest` does so in a machine of the lab.

pub mod console;
mod driver;
pub mod frame_buffer;
pub mod inputs;
pub mod session;
mod tenant;

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::signal::unix::{SignalKind, signal};

use crate::phase1::Phase1;
use console::Graphics;
use frame_buffer::FrameBuffer;
use inputs::Inputs;
pub use session::Ended;
use session::Session;
pub use tenant::{Hosted, Plan};

/// How long QEMU may take to open its socket: it starts under emulation, on a machine that still shares.
const OPENS_WITHIN: Duration = Duration::from_secs(20);
/// Between two looks for the socket.
const LOOK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

/// The frame buffer that guests are shown on.
pub const FRAME_BUFFER: &str = "/dev/fb0";

/// Shows the guest until it ends or somebody leaves it; `bell` ends it as well, by being written to or
/// closed. It waits, so it needs a thread of its own.
///
/// # Errors
/// No frame buffer, no console, or a server that is not understood. The console shows text again in every
/// case.
pub fn show(_allowed: Phase1, server: UnixStream, bell: io::PipeReader) -> anyhow::Result<Ended> {
    let frame_buffer = FrameBuffer::open(Path::new(FRAME_BUFFER))?;
    // Whatever console is in front.
    let graphics = Graphics::enter(Path::new("/dev/tty0"))?;
    let inputs = Inputs::new(Path::new("/dev/input"), Instant::now());
    let ended = Session::new(server, frame_buffer, inputs, bell)?.run();
    drop(graphics);
    ended
}

/// `bttui view SOCKET`. Gives the exit code: 0 when the guest has ended or was left.
///
/// # Errors
/// See [`show`].
pub async fn view(allowed: Phase1, socket: &Path) -> anyhow::Result<u8> {
    let (heard, bell) = io::pipe()?;
    let mut terminated = signal(SignalKind::terminate())?;
    let path = socket.to_owned();
    let mut shown = tokio::task::spawn_blocking(move || match connect(&path, &heard)? {
        Some(server) => show(allowed, server, heard),
        None => Ok(Ended::Stopped),
    });
    let ended = tokio::select! {
        ended = &mut shown => ended,
        _ = tokio::signal::ctrl_c() => { drop(bell); shown.await }
        _ = terminated.recv() => { drop(bell); shown.await }
    };
    let said = match ended.context("the viewer stopped")?? {
        Ended::Left => "left: the guest goes on",
        Ended::EndWanted => "left: the guest is to end",
        Ended::Gone => "the guest has ended",
        Ended::Stopped => "stopped",
    };
    let _ = writeln!(io::stderr(), "{said}");
    Ok(0)
}

/// Connects as soon as somebody listens there; gives nothing when the bell rings before.
///
/// # Errors
/// Nobody listens there, or nobody may.
pub fn connect(socket: &Path, bell: &io::PipeReader) -> anyhow::Result<Option<UnixStream>> {
    let until = Instant::now() + OPENS_WITHIN;
    loop {
        match UnixStream::connect(socket) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::ConnectionRefused
                ) && Instant::now() < until =>
            {
                let mut rung = [PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN)];
                rustix::event::poll(&mut rung, Some(&LOOK))?;
                if !rung[0].revents().is_empty() {
                    return Ok(None);
                }
            }
            other => {
                let server = other.with_context(|| format!("{}", socket.display()))?;
                return Ok(Some(server));
            }
        }
    }
}
