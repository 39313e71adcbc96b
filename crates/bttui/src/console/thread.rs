//! The thread of one console: keys in, the newest picture out, a shell in between.

use std::io::{self, BufWriter, PipeReader, Read};
use std::os::fd::AsFd;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::sync::mpsc;

use super::{Desk, Device, Orders, Pressed, View, shell};
use crate::keys::{Decoder, Key};
use crate::tty::Tty;
use crate::ui;

/// The silence after which an ESC was the key itself.
const ESCAPE_WAIT: Duration = Duration::from_millis(100);
/// The pause before a console that failed is opened again.
const REOPEN_WAIT: Duration = Duration::from_secs(2);

/// One console's thread.
pub(super) struct Thread {
    pub(super) console: usize,
    pub(super) device: Device,
    pub(super) desk: Arc<Desk>,
    pub(super) heard: PipeReader,
    pub(super) keys: mpsc::Sender<Pressed>,
    pub(super) view: Option<Arc<View>>,
}

/// Why a console is left.
enum Left {
    /// It is not needed any more.
    Closed,
    /// There is nobody at the other end; it may come back.
    HungUp,
    /// A shell ran there, after which the terminal is hung up by the kernel.
    Shell,
}

impl Thread {
    pub(super) fn run(&mut self) {
        loop {
            let left = Tty::open(&self.device.path).and_then(|tty| self.serve(tty));
            match left {
                Ok(Left::Closed) => return,
                Ok(Left::Shell) => {}
                Ok(Left::HungUp) | Err(_) => {
                    if self.pause(REOPEN_WAIT) {
                        return;
                    }
                }
            }
        }
    }

    /// Keys in, pictures out, until something ends it. An error means that the console is gone.
    fn serve(&mut self, mut tty: Tty) -> io::Result<Left> {
        let mut decoder = Decoder::default();
        let mut size = tty.size();
        let mut canvas = canvas(&tty, size)?;
        loop {
            if tty.size() != size {
                size = tty.size();
                canvas = self::canvas(&tty, size)?;
            }
            if let Some(view) = &self.view {
                canvas.draw(|frame| ui::draw(frame, &view.app, view.now, self.device.look))?;
            }
            let timeout = decoder.is_pending().then_some(ESCAPE_WAIT);
            let ready = wait(&tty, &self.heard, timeout)?;
            if ready.bell {
                let orders = self.take_orders();
                if orders.close {
                    return Ok(Left::Closed);
                }
                if orders.shell {
                    drop(canvas);
                    shell::lend(tty, self.device.look);
                    return Ok(Left::Shell);
                }
            }
            let mut bytes = [0; 64];
            let count = if ready.keys { tty.read(&mut bytes)? } else { 0 };
            if ready.keys && count == 0 {
                return Ok(Left::HungUp);
            }
            let quiet = if ready.is_quiet() {
                decoder.quiet()
            } else {
                None
            };
            for key in bytes[..count]
                .iter()
                .filter_map(|byte| decoder.feed(*byte))
                .chain(quiet)
            {
                if key == Key::CtrlL {
                    canvas = self::canvas(&tty, size)?;
                } else {
                    let _ = self.keys.try_send(Pressed {
                        console: self.console,
                        key,
                    });
                }
            }
        }
    }

    /// Waits before the next attempt; true when the console is to be closed meanwhile.
    fn pause(&mut self, pause: Duration) -> bool {
        let timeout = Timespec {
            tv_sec: pause.as_secs() as i64,
            tv_nsec: 0,
        };
        // Pictures that arrive meanwhile would only end the wait early, so the whole of it is taken
        // first: closing waits for it.
        let _ = rustix::event::poll(&mut [], Some(&timeout));
        self.take_orders().close
    }

    fn take_orders(&mut self) -> Orders {
        let mut orders = self
            .desk
            .orders
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::take(&mut *orders);
        if taken.rung {
            let _ = (&self.heard).read(&mut [0]);
        }
        drop(orders);
        if taken.view.is_some() {
            self.view.clone_from(&taken.view);
        }
        taken
    }
}

type Canvas = Terminal<CrosstermBackend<BufWriter<Tty>>>;

/// An empty drawing surface of a fixed size: the terminal is never asked anything, since a serial
/// line might not answer.
fn canvas(tty: &Tty, size: Rect) -> io::Result<Canvas> {
    tty.clear()?;
    let backend = CrosstermBackend::new(BufWriter::with_capacity(8192, tty.clone()));
    Terminal::with_options(
        backend,
        TerminalOptions {
            viewport: Viewport::Fixed(size),
        },
    )
}

struct Ready {
    bell: bool,
    keys: bool,
}

impl Ready {
    /// Nothing came within the time.
    fn is_quiet(&self) -> bool {
        !self.bell && !self.keys
    }
}

/// Waits for a key or for the bell. A hang-up counts as a key: reading then tells.
fn wait(tty: &Tty, bell: &PipeReader, timeout: Option<Duration>) -> io::Result<Ready> {
    let poll_in = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
    let mut both = [poll_in(tty.file().as_fd()), poll_in(bell.as_fd())];
    let timeout = timeout.map(|time| Timespec {
        tv_sec: 0,
        tv_nsec: i64::from(time.subsec_nanos()),
    });
    rustix::event::poll(&mut both, timeout.as_ref())?;
    let [keys, bell] = both.map(|one| !one.revents().is_empty());
    Ok(Ready { bell, keys })
}
