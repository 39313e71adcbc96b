//! One terminal device: opened, put into raw mode, and always put back, also by a panic.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use ratatui::layout::Rect;
use rustix::fs::OFlags;
use rustix::termios::{
    ControlModes, InputModes, LocalModes, OptionalActions, OutputModes, Termios,
};

/// What a terminal that does not know its size is taken for.
const USUAL: Rect = Rect {
    x: 0,
    y: 0,
    width: 80,
    height: 24,
};
/// Nobody's terminal is larger; a size beyond this is a driver's mistake and would cost memory.
const LARGEST: u16 = 500;

/// UTF-8 on the Linux console, default colours, cursor off, an empty screen.
const ENTER: &[u8] = b"\x1b%G\x1b[0m\x1b[?25l\x1b[2J\x1b[H";
/// Default colours, cursor on, an empty screen.
const LEAVE: &[u8] = b"\x1b[0m\x1b[?25h\x1b[2J\x1b[H";

/// How long the words of a panic stay on the screen at least.
const READING_TIME: Duration = Duration::from_secs(5);

/// Terminals in raw mode, for the panic hook.
static RAW: Mutex<Vec<Weak<Device>>> = Mutex::new(Vec::new());

/// A terminal in raw mode; dropping it restores what was before.
#[derive(Clone, Debug)]
pub struct Tty(Arc<Device>);

#[derive(Debug)]
struct Device {
    file: File,
    before: Termios,
}

impl Tty {
    /// Opens a device and puts it into raw mode.
    ///
    /// # Errors
    /// What the system says, for example that there is no hardware behind the device.
    pub fn open(path: &Path) -> io::Result<Tty> {
        // Not as the controlling terminal: Ctrl+C is a key here, never a signal. Without blocking:
        // a serial line may otherwise wait for a modem.
        let flags = (OFlags::NOCTTY | OFlags::NONBLOCK).bits();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags as i32)
            .open(path)?;
        let blocking = rustix::fs::fcntl_getfl(&file)? - OFlags::NONBLOCK;
        Tty::over(file, blocking)
    }

    fn over(file: File, flags: OFlags) -> io::Result<Tty> {
        let mut before = rustix::termios::tcgetattr(&file)?;
        // A program that was killed may have left it without lines, and the next one expects them.
        before.input_modes |= InputModes::ICRNL;
        before.output_modes |= OutputModes::OPOST | OutputModes::ONLCR;
        before.local_modes |=
            LocalModes::ICANON | LocalModes::ECHO | LocalModes::ECHOE | LocalModes::ISIG;
        let mut raw = before.clone();
        raw.make_raw();
        raw.control_modes |= ControlModes::CLOCAL;
        rustix::termios::tcsetattr(&file, OptionalActions::Now, &raw)?;
        rustix::fs::fcntl_setfl(&file, flags)?;
        let device = Arc::new(Device { file, before });
        if let Ok(mut known) = RAW.lock() {
            known.retain(|other| other.strong_count() > 0);
            known.push(Arc::downgrade(&device));
        }
        Ok(Tty(device))
    }

    /// The size in characters; 80x24 where the terminal does not know.
    pub fn size(&self) -> Rect {
        match rustix::termios::tcgetwinsize(&self.0.file) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Rect {
                x: 0,
                y: 0,
                width: size.ws_col.min(LARGEST),
                height: size.ws_row.min(LARGEST),
            },
            _ => USUAL,
        }
    }

    /// Empties the screen.
    ///
    /// # Errors
    /// What the device says.
    pub fn clear(&self) -> io::Result<()> {
        (&self.0.file).write_all(ENTER)
    }

    /// The device itself, for waiting on it and for handing it to a shell.
    pub fn file(&self) -> &File {
        &self.0.file
    }

    /// Puts the terminal back as it was, with an empty screen.
    pub fn restore(&self) {
        self.0.restore();
    }
}

impl Read for Tty {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0.file).read(buffer)
    }
}

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.0.file).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Device {
    /// A terminal that is gone cannot be restored, and nothing is lost by it.
    fn restore(&self) {
        let _ = rustix::termios::tcsetattr(&self.file, OptionalActions::Now, &self.before);
        let _ = (&self.file).write_all(LEAVE);
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.restore();
    }
}

/// Empties all screens but for one line, for the kernel that is going to write to them next.
pub fn leave_all(last_words: &str) {
    let Ok(known) = RAW.lock() else { return };
    for device in known.iter().filter_map(Weak::upgrade) {
        let _ = (&device.file).write_all(LEAVE);
        let _ = write!(&device.file, "{last_words}\r\n");
    }
}

/// Makes a panic put every terminal back and say there what happened, since with it the program
/// ends at once.
pub fn restore_on_panic() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // The lock may be held by the very thread that panicked: then the terminals stay as they are.
        if let Ok(known) = RAW.try_lock() {
            for device in known.iter().filter_map(Weak::upgrade) {
                device.restore();
                let _ = write!(&device.file, "bttui stopped: {panic}\r\n");
                // Running its destructor here would wipe the message.
                std::mem::forget(device);
            }
        }
        usual(panic);
        // In phase 1 init starts the program again at once, and that clears the screen.
        std::thread::sleep(READING_TIME);
    }));
}
