//! All consoles at once: the screen with its keyboard and every serial line show the same menu, and
//! a key on any of them acts.
//!
//! Each console has one thread that does everything there: waits for keys, draws the newest picture
//! of the model, lends the console to a tenant (a shell, a program). A console that is slow or hangs therefore holds up
//! nothing but itself. Pictures are not queued: whoever is late draws only the newest.

use std::fs;
use std::io::{self, PipeWriter, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use tokio::sync::mpsc;

use crate::app::App;
use crate::gate::Gate;
use crate::keys::Key;
use crate::news::Voice;
use crate::ui::Look;

mod canvas;
mod shell;
mod tenant;
mod thread;

use shell::Shell;
pub use tenant::{Lent, Tenant};
use thread::Thread;

/// More consoles than this are not opened, whatever the kernel's command line names.
const MOST: usize = 8;

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

impl Device {
    fn name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
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
    looks: Vec<Look>,
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
    tenant: Option<Box<dyn Tenant>>,
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
            looks: Vec::new(),
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
                farewell: None,
            };
            let name = format!("console-{console}");
            consoles.looks.push(thread.device.look);
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

    /// Lends one console to whoever asks for a shell there, until it exits or they are not admitted. `voice` hears
    /// of its opening.
    pub fn shell(&self, console: usize, gate: Gate, voice: Voice) {
        if let Some(desk) = self.desks.get(console) {
            // A program that is about to get it comes first.
            desk.order(|orders| {
                orders
                    .tenant
                    .get_or_insert_with(|| Box::new(Shell { gate, voice }));
            });
        }
    }

    /// Lends a console to a tenant; without a number the kernel's own, which is the last that it names. One
    /// that has a tenant takes the next one when the first has left.
    pub fn lend(&self, console: Option<usize>, tenant: Box<dyn Tenant>) {
        let console = console.unwrap_or(self.desks.len().saturating_sub(1));
        match self.desks.get(console) {
            Some(desk) => desk.order(|orders| orders.tenant = Some(tenant)),
            None => tenant.refuse("there is no such console"),
        }
    }

    /// The first that is a screen with a keyboard.
    pub fn screen(&self) -> Option<usize> {
        self.looks.iter().position(|look| *look == Look::Boxes)
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
