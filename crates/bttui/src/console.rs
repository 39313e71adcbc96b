//! All consoles at once: the screen with its keyboard and every serial line show the same menu, and
//! a key on any of them acts.
//!
//! Each console has one thread that does everything there: waits for keys, draws the newest picture
//! of the model, lends the console to a shell. A console that is slow or hangs therefore holds up
//! nothing but itself. Pictures are not queued: whoever is late draws only the newest.

use std::fs;
use std::io::{self, BufWriter, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use rustix::event::{PollFd, PollFlags, Timespec};
use tokio::sync::mpsc;

use crate::app::App;
use crate::keys::{Decoder, Key};
use crate::sys;
use crate::tty::Tty;
use crate::ui::{self, Look};

/// More consoles than this are not opened, whatever the kernel's command line names.
const MOST: usize = 8;
/// The silence after which an ESC was the key itself.
const ESCAPE_WAIT: Duration = Duration::from_millis(100);
/// The pause before a console that failed is opened again.
const REOPEN_WAIT: Duration = Duration::from_secs(2);

/// A picture of the model at one moment.
#[derive(Clone, Debug)]
pub struct View {
    /// The model.
    pub app: App,
    /// The moment, on the model's clock.
    pub now: Duration,
}

/// Where a console is and what it can show.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Device {
    /// The device file.
    pub path: PathBuf,
    /// What it can show.
    pub look: Look,
}

/// A key pressed on one of the consoles.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Pressed {
    /// Index of the console.
    pub console: usize,
    /// The key.
    pub key: Key,
}

/// The kernel's consoles, from `/sys/class/tty/console/active`; the first screen if it names none.
pub fn devices() -> Vec<Device> {
    named(&fs::read_to_string("/sys/class/tty/console/active").unwrap_or_default())
}

fn named(active: &str) -> Vec<Device> {
    let mut devices: Vec<Device> = Vec::new();
    for name in active
        .split_whitespace()
        .filter(|name| !name.contains('/'))
        .take(MOST)
    {
        // tty0 stands for whichever screen is in front; the menu lives on the first.
        let name = if name == "tty0" { "tty1" } else { name };
        let device = Device {
            path: PathBuf::from("/dev").join(name),
            look: look(name),
        };
        if !devices.contains(&device) {
            devices.push(device);
        }
    }
    if devices.is_empty() {
        devices.push(Device {
            path: PathBuf::from("/dev/tty1"),
            look: Look::Boxes,
        });
    }
    devices
}

/// Only the Linux console is known to draw boxes; what is behind a serial line is not known.
fn look(name: &str) -> Look {
    let number = name.strip_prefix("tty").unwrap_or_default();
    let is_screen = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    if is_screen { Look::Boxes } else { Look::Ascii }
}

/// The running consoles.
#[derive(Debug)]
pub struct Consoles {
    desks: Vec<Arc<Desk>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

/// What one console's thread finds on its desk.
#[derive(Debug)]
struct Desk {
    orders: Mutex<Orders>,
    bell: PipeWriter,
}

#[derive(Debug, Default)]
struct Orders {
    view: Option<Arc<View>>,
    shell: bool,
    close: bool,
    /// The bell was rung and not yet heard; it holds one ring at most.
    rung: bool,
}

impl Consoles {
    /// Starts one thread for each device. Keys that nobody fetches are dropped.
    ///
    /// # Errors
    /// When the system gives no thread or no pipe.
    pub fn start(devices: Vec<Device>, keys: &mpsc::Sender<Pressed>) -> anyhow::Result<Consoles> {
        let mut consoles = Consoles {
            desks: Vec::new(),
            threads: Vec::new(),
        };
        for (console, device) in devices.into_iter().enumerate() {
            let (heard, bell) = io::pipe().context("no pipe for a console")?;
            let desk = Arc::new(Desk {
                orders: Mutex::default(),
                bell,
            });
            let mut thread = Thread {
                console,
                device,
                desk: Arc::clone(&desk),
                heard,
                keys: keys.clone(),
                view: None,
            };
            let name = format!("console-{console}");
            let handle = std::thread::Builder::new()
                .name(name)
                .spawn(move || thread.run());
            consoles
                .threads
                .push(handle.context("no thread for a console")?);
            consoles.desks.push(desk);
        }
        Ok(consoles)
    }

    /// Shows the model on all consoles, each as soon as it can.
    pub fn show(&self, view: View) {
        let view = Arc::new(view);
        for desk in &self.desks {
            desk.order(|orders| orders.view = Some(Arc::clone(&view)));
        }
    }

    /// Lends one console to a shell until it exits.
    pub fn shell(&self, console: usize) {
        if let Some(desk) = self.desks.get(console) {
            desk.order(|orders| orders.shell = true);
        }
    }

    /// Gives the consoles back as they were.
    pub fn close(self) {
        for desk in &self.desks {
            desk.order(|orders| orders.close = true);
        }
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

impl Desk {
    fn order(&self, change: impl FnOnce(&mut Orders)) {
        let mut orders = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut orders);
        if !std::mem::replace(&mut orders.rung, true) {
            // The pipe is empty here, so this cannot block.
            let _ = (&self.bell).write_all(&[1]);
        }
    }
}

/// One console's thread.
struct Thread {
    console: usize,
    device: Device,
    desk: Arc<Desk>,
    heard: PipeReader,
    keys: mpsc::Sender<Pressed>,
    view: Option<Arc<View>>,
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
    fn run(&mut self) {
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
                    shell(tty, self.device.look);
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

/// Lends the console to a shell and waits for its end.
fn shell(mut tty: Tty, look: Look) {
    tty.restore();
    let _ = tty.write_all(b"A shell of phase 1. \"exit\" goes back to the menu.\r\n");
    let handles = || {
        Some([
            tty.file().try_clone().ok()?,
            tty.file().try_clone().ok()?,
            tty.file().try_clone().ok()?,
        ])
    };
    let Some([input, output, errors]) = handles() else {
        return;
    };
    let mut command = Command::new("/bin/sh");
    command
        .arg("-i")
        .env(
            "TERM",
            if look == Look::Boxes {
                "linux"
            } else {
                "vt102"
            },
        )
        .env("HOME", "/")
        .current_dir("/")
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(errors));
    if let Err(error) = sys::with_terminal(&mut command).status() {
        let _ = write!(
            tty,
            "There is no shell: {error}. Enter goes back to the menu.\r\n"
        );
        let _ = tty.read(&mut [0; 64]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_list_becomes_devices() {
        let boxes = |path: &str| Device {
            path: PathBuf::from(path),
            look: Look::Boxes,
        };
        let ascii = |path: &str| Device {
            path: PathBuf::from(path),
            look: Look::Ascii,
        };
        let table = [
            (
                "ttyS0 tty0\n",
                vec![ascii("/dev/ttyS0"), boxes("/dev/tty1")],
            ),
            ("tty0", vec![boxes("/dev/tty1")]),
            ("tty1 tty0", vec![boxes("/dev/tty1")]),
            ("hvc0", vec![ascii("/dev/hvc0")]),
            ("", vec![boxes("/dev/tty1")]),
            ("../sda", vec![boxes("/dev/tty1")]),
        ];
        for (active, expected) in table {
            assert_eq!(named(active), expected, "{active:?}");
        }
        let many: Vec<String> = (0..100).map(|number| format!("ttyS{number}")).collect();
        assert_eq!(named(&many.join(" ")).len(), MOST);
    }
}
