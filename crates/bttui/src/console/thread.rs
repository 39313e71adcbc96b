//! The thread of one console: keys in, the newest picture out, a tenant in between.

use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::sync::mpsc;

use super::canvas::Canvas;
use super::{Desk, Device, Lent, Orders, Pressed, View};
use crate::keys::{Decoder, Key};
use crate::tty::Tty;

/// The silence after which an ESC was the key itself.
const ESCAPE_WAIT: Duration = Duration::from_millis(100);
/// The pause before a console that failed is opened again.
const REOPEN_WAIT: Duration = Duration::from_secs(2);

/// How long a tenant's last words stay where nobody presses a key.
const FAREWELL: Duration = Duration::from_secs(60);

/// One console's thread.
pub(super) struct Thread {
    pub(super) console: usize,
    pub(super) device: Device,
    pub(super) desk: Arc<Desk>,
    pub(super) heard: PipeReader,
    pub(super) keys: mpsc::Sender<Pressed>,
    pub(super) view: Option<Arc<View>>,
    /// What a tenant leaves to be read.
    pub(super) farewell: Option<String>,
}

/// Why a console is left.
enum Left {
    /// It is not needed any more.
    Closed,
    /// There is nobody at the other end; it may come back.
    HungUp,
    /// A tenant ran there, after which the terminal is hung up by the kernel.
    Tenant,
}

impl Thread {
    pub(super) fn run(&mut self) {
        loop {
            let left = Tty::open(&self.device.path).and_then(|tty| self.serve(tty));
            match left {
                Ok(Left::Closed) => return,
                Ok(Left::Tenant) => {}
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
        let mut typed_at = Instant::now();
        let mut size = tty.size();
        if let Some(words) = self.farewell.take()
            && let Some(left) = self.wait_for_reader(&mut tty, &words)?
        {
            return Ok(left);
        }
        let mut canvas = Canvas::new(&tty, size)?;
        loop {
            if tty.size() != size {
                size = tty.size();
                canvas = Canvas::new(&tty, size)?;
            }
            if let Some(view) = &self.view {
                canvas.draw(view, self.device.look)?;
            }
            let timeout = decoder.is_pending().then_some(ESCAPE_WAIT);
            let ready = wait(&tty, &self.heard, timeout)?;
            if ready.bell {
                let orders = self.take_orders();
                if orders.close {
                    return Ok(Left::Closed);
                }
                if let Some(tenant) = orders.tenant {
                    drop(canvas);
                    let (look, name) = (self.device.look, self.device.name());
                    self.farewell = tenant.stay(Lent { tty, look, name });
                    return Ok(Left::Tenant);
                }
            }
            if ready.keys {
                typed_at = Instant::now();
                let mut bytes = [0; 64];
                let count = tty.read(&mut bytes)?;
                if count == 0 {
                    return Ok(Left::HungUp);
                }
                let keys: Vec<Key> = bytes[..count]
                    .iter()
                    .filter_map(|byte| decoder.feed(*byte))
                    .collect();
                if keys.contains(&Key::CtrlL) {
                    canvas = Canvas::new(&tty, size)?;
                }
                self.press(keys);
            } else if decoder.is_pending() && typed_at.elapsed() >= ESCAPE_WAIT {
                self.press(decoder.quiet());
            }
        }
    }

    /// Leaves what a tenant wrote on the screen, with its last words, until somebody has read them. Gives the reason
    /// to leave the console where there is one; an order for another tenant waits on the desk.
    fn wait_for_reader(&mut self, tty: &mut Tty, words: &str) -> io::Result<Option<Left>> {
        write!(tty, "\r\n{words} Press a key for the menu.\r\n")?;
        let until = Instant::now() + FAREWELL;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            let ready = wait(tty, &self.heard, Some(left))?;
            if ready.keys {
                // Together with the rest of a key that sends several bytes.
                let count = tty.read(&mut [0; 64])?;
                return Ok((count == 0).then_some(Left::HungUp));
            }
            if ready.bell {
                let orders = self.take_orders();
                if orders.close {
                    return Ok(Some(Left::Closed));
                }
                if let Some(tenant) = orders.tenant {
                    // Somebody elsewhere has chosen the next one: whoever reads here has had their time.
                    self.desk.order(|orders| orders.tenant = Some(tenant));
                    return Ok(None);
                }
            }
        }
    }

    /// Hands keys to the model; a model that is too busy for them loses them.
    fn press(&self, keys: impl IntoIterator<Item = Key>) {
        for key in keys.into_iter().filter(|key| *key != Key::CtrlL) {
            let _ = self.keys.try_send(Pressed {
                console: self.console,
                key,
            });
        }
    }

    /// Waits before the next attempt; true when the console is to be closed meanwhile.
    fn pause(&mut self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let mut bell = [PollFd::from_borrowed_fd(self.heard.as_fd(), PollFlags::IN)];
            let _ = rustix::event::poll(&mut bell, Some(&timespec(left)));
            // Pictures that arrive meanwhile are kept for later.
            let orders = self.take_orders();
            if let Some(tenant) = orders.tenant {
                let path = self.device.path.display();
                tenant.refuse(&format!("the console {path} cannot be used now"));
            }
            if orders.close {
                return true;
            }
        }
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

struct Ready {
    bell: bool,
    keys: bool,
}

/// Waits for a key or for the bell. A hang-up counts as a key: reading then tells.
fn wait(tty: &Tty, bell: &PipeReader, timeout: Option<Duration>) -> io::Result<Ready> {
    let poll_in = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
    let mut both = [poll_in(tty.file().as_fd()), poll_in(bell.as_fd())];
    let timeout = timeout.map(timespec);
    rustix::event::poll(&mut both, timeout.as_ref())?;
    let [keys, bell] = both.map(|one| !one.revents().is_empty());
    Ok(Ready { bell, keys })
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    }
}
