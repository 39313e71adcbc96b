//! The consoles on a pseudo terminal: what is drawn arrives, what is typed arrives, a shell gets a
//! terminal of its own, and afterwards everything is as before.

#[path = "worlds/scenes.rs"]
#[allow(dead_code)]
mod scenes;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use bttui::app::Event;
use bttui::console::{Consoles, Device, Lent, Pressed, Tenant, View};
use bttui::gate::Gate;
use bttui::keys::Key;
use bttui::news::Voice;
use bttui::ui::Look;
use catalog::Shell;
use catalog::shell::{PinHash, SALT};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::pty::OpenptFlags;
use rustix::termios::{LocalModes, tcgetattr};
use tokio::sync::mpsc;

/// Waiting longer than this for anything is a failure.
const PATIENCE: Duration = Duration::from_secs(20);

/// The far end of a pseudo terminal, and all that was read from it.
struct Far {
    end: File,
    near: PathBuf,
    /// Keeps the near end open, so that closing it elsewhere is no hang-up.
    _held: File,
    /// What nobody has waited for yet.
    text: String,
    /// Everything that came.
    all: String,
}

impl Far {
    fn open() -> Far {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let end: OwnedFd = rustix::pty::openpt(flags).expect("a pseudo terminal");
        rustix::pty::grantpt(&end).expect("granted");
        rustix::pty::unlockpt(&end).expect("unlocked");
        let near = rustix::pty::ptsname(&end, Vec::new()).expect("a name");
        let near = PathBuf::from(near.to_str().expect("plain ASCII"));
        let _held = hold(&near);
        Far {
            end: File::from(end),
            near,
            _held,
            text: String::new(),
            all: String::new(),
        }
    }

    /// Reads until the text has come.
    fn wait_for(&mut self, wanted: &str) {
        let until = Instant::now() + PATIENCE;
        let end = loop {
            if let Some(at) = self.text.find(wanted) {
                break at + wanted.len();
            }
            assert!(
                Instant::now() < until,
                "no {wanted:?} in:\n{}",
                self.text.escape_debug()
            );
            let mut one = [PollFd::from_borrowed_fd(self.end.as_fd(), PollFlags::IN)];
            let moment = Timespec {
                tv_sec: 0,
                tv_nsec: 100_000_000,
            };
            rustix::event::poll(&mut one, Some(&moment)).expect("poll");
            let mut bytes = [0; 4096];
            if one[0].revents().contains(PollFlags::IN) {
                let count = self.end.read(&mut bytes).unwrap_or(0);
                let text = String::from_utf8_lossy(&bytes[..count]);
                self.text.push_str(&text);
                self.all.push_str(&text);
            }
        };
        // What came in the same breath is for the next wait.
        self.text.drain(..end);
    }

    fn type_in(&mut self, text: &[u8]) {
        self.end.write_all(text).expect("typed");
    }

    fn has_line_mode(&self) -> bool {
        tcgetattr(&self.end)
            .expect("modes")
            .local_modes
            .contains(LocalModes::ICANON)
    }
}

fn hold(near: &PathBuf) -> File {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOCTTY.bits() as i32;
    File::options()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(near)
        .expect("the near end")
}

fn menu() -> View {
    View {
        app: scenes::menu(scenes::three()),
        now: scenes::seconds(6),
    }
}

fn start(far: &Far) -> (Consoles, mpsc::Receiver<Pressed>) {
    let (keys, pressed) = mpsc::channel(16);
    let device = Device {
        path: far.near.clone(),
        look: Look::Ascii,
    };
    (
        Consoles::start(vec![device], &keys).expect("a console"),
        pressed,
    )
}

#[test]
fn a_console_draws_reads_keys_and_is_given_back() {
    let mut far = Far::open();
    let (consoles, mut pressed) = start(&far);
    consoles.show(menu());
    far.wait_for("Memory test");
    assert!(!far.has_line_mode(), "raw while the menu is on it");
    far.type_in(b"\x1b[B\x03\r");
    for key in [Key::Down, Key::CtrlC, Key::Enter] {
        assert_eq!(pressed.blocking_recv(), Some(Pressed { console: 0, key }));
    }
    // Late guests ask for a new picture.
    far.type_in(b"\x0c");
    far.wait_for("Memory test");
    // The Escape key is told from the start of an arrow by the silence behind it.
    far.type_in(b"\x1b");
    assert_eq!(
        pressed.blocking_recv(),
        Some(Pressed {
            console: 0,
            key: Key::Escape
        })
    );
    consoles.close();
    assert!(far.has_line_mode(), "as it was before");
    far.wait_for("\x1b[?25h");
}

#[test]
fn a_shell_takes_the_console_and_gives_it_back() {
    let mut far = Far::open();
    let (consoles, mut pressed) = start(&far);
    consoles.show(menu());
    far.wait_for("Memory test");
    let (voice, mut news) = Voice::new();
    consoles.shell(0, Gate::new(Shell::Yes), voice);
    far.wait_for("goes back to the menu");
    far.type_in(b"echo mar''ker; tty\n");
    far.wait_for("marker");
    let told = news.blocking_recv().map(|news| news.event);
    assert!(
        matches!(told, Some(Event::ShellOpened { is_remote: false })),
        "{told:?}"
    );
    let near = far.near.display().to_string();
    far.wait_for(&near);
    // Ctrl+C is the shell's own affair: it interrupts what runs there, and no key reaches the menu.
    far.type_in(b"sh -c \"echo go''ing; exec sleep 1000\"\n");
    far.wait_for("going");
    far.type_in(b"\x03");
    far.type_in(b"echo a''wake\n");
    far.wait_for("awake");
    far.type_in(b"exit\n");
    far.wait_for("Memory test");
    assert!(
        pressed.try_recv().is_err(),
        "what was typed there is not for the menu"
    );
    far.type_in(b"\x1bOA");
    assert_eq!(
        pressed.blocking_recv(),
        Some(Pressed {
            console: 0,
            key: Key::Up
        })
    );
    consoles.close();
}

/// A program that tells what it was given.
#[derive(Debug)]
struct Teller(std::sync::mpsc::Sender<String>);

impl Tenant for Teller {
    fn stay(self: Box<Self>, mut console: Lent) -> Option<String> {
        let mut command = Command::new("/bin/sh");
        let script =
            "env | sort | grep -v -e ^PWD -e ^SHLVL -e ^_=; read -r line; echo \"read $line\"";
        command.arg("-c").arg(script);
        console.clothe(&mut command).expect("clothes");
        console.tty().restore();
        let name = console.name().to_owned();
        command.status().expect("a shell");
        self.0.send(name).expect("somebody listens");
        Some("It has ended.".to_owned())
    }

    fn refuse(self: Box<Self>, why: &str) {
        self.0.send(why.to_owned()).expect("somebody listens");
    }
}

#[test]
fn a_tenant_s_last_words_stay_until_a_key() {
    let mut far = Far::open();
    let (consoles, mut pressed) = start(&far);
    consoles.show(menu());
    far.wait_for("Memory test");
    let (tell, told) = std::sync::mpsc::channel();
    consoles.lend(None, Box::new(Teller(tell)));
    far.wait_for("HOME=/\r\nPATH=/sbin:/usr/sbin:/bin:/usr/bin\r\nTERM=vt102\r\n");
    assert!(far.has_line_mode());
    far.type_in(b"some words\n");
    far.wait_for("It has ended. Press a key for the menu.");
    assert!(told.recv().is_ok_and(|name| far.near.ends_with(name)));
    far.type_in(b"\x1b[B");
    far.wait_for("Memory test");
    assert!(pressed.try_recv().is_err(), "that key was for the words");
    // No such console, and none behind the device.
    let (tell, told) = std::sync::mpsc::channel();
    consoles.lend(Some(7), Box::new(Teller(tell.clone())));
    assert!(told.recv().is_ok_and(|why| why.contains("no such console")));
    consoles.close();
    let (keys, _pressed) = mpsc::channel(16);
    let nowhere = Device {
        path: PathBuf::from("/nonexistent"),
        look: Look::Ascii,
    };
    let consoles = Consoles::start(vec![nowhere], &keys).expect("a thread");
    consoles.lend(Some(0), Box::new(Teller(tell)));
    assert!(told.recv().is_ok_and(|why| why.contains("/nonexistent")));
    consoles.close();
}

/// A console without hardware behind it neither stops the others nor the end.
#[test]
fn a_console_that_cannot_be_opened_is_left_out() {
    let mut far = Far::open();
    let (keys, _pressed) = mpsc::channel(16);
    let device = |path: PathBuf| Device {
        path,
        look: Look::Ascii,
    };
    let devices = vec![
        device(PathBuf::from("/dev/null")),
        device(PathBuf::from("/nonexistent")),
        device(far.near.clone()),
    ];
    let consoles = Consoles::start(devices, &keys).expect("consoles");
    consoles.show(menu());
    far.wait_for("Memory test");
    consoles.close();
}

/// A gate whose PIN is 2468, with its count of attempts in this folder.
fn gate(folder: &Path) -> Gate {
    let hash = PinHash::of("2468", &[7; SALT]).expect("a hash");
    Gate {
        rule: Shell::Pin(hash),
        attempts: folder.join("attempts"),
    }
}

#[test]
fn a_pin_stands_before_the_shell_and_is_never_shown() {
    let mut far = Far::open();
    let (consoles, _pressed) = start(&far);
    let folder = tempfile::tempdir().expect("a directory");
    let gate = gate(folder.path());
    let (voice, mut news) = Voice::new();
    let ask = || consoles.shell(0, gate.clone(), voice.clone());
    consoles.show(menu());
    far.wait_for("Memory test");
    // Whoever leaves is back at the menu.
    ask();
    far.wait_for("PIN for a shell");
    far.type_in(b"\x1b");
    far.wait_for("Memory test");
    ask();
    far.wait_for("PIN for a shell");
    far.type_in(b"1357\r");
    far.wait_for("That is not the PIN.");
    far.wait_for("the next one is in");
    far.wait_for("PIN for a shell");
    let told = news.blocking_recv().map(|news| news.event);
    let name = far.near.file_name().expect("a name").to_string_lossy();
    assert!(
        matches!(&told, Some(Event::PinRefused { console }) if *console == name),
        "{told:?}"
    );
    assert!(news.try_recv().is_err(), "nobody was admitted yet");
    far.type_in(b"2468\r");
    far.wait_for("A shell of phase 1");
    far.type_in(b"echo mar''ker; exit\n");
    far.wait_for("marker");
    far.wait_for("Memory test");
    let told = news.blocking_recv().map(|news| news.event);
    assert!(
        matches!(told, Some(Event::ShellOpened { is_remote: false })),
        "{told:?}"
    );
    assert!(!far.all.contains("1357") && !far.all.contains("2468"));
    consoles.close();
}

/// The last wrong PIN is as far in the future as numbers go, so that its pause never gets shorter.
#[test]
fn a_pause_after_wrong_pins_holds_up_nobody() {
    let mut far = Far::open();
    let (consoles, mut pressed) = start(&far);
    let folder = tempfile::tempdir().expect("a directory");
    let gate = gate(folder.path());
    let wrong = |count: u32| {
        fs::write(&gate.attempts, format!("{count} {}", u64::MAX)).expect("the count");
    };
    let (voice, mut news) = Voice::new();
    let ask = || consoles.shell(0, gate.clone(), voice.clone());
    consoles.show(menu());
    far.wait_for("Memory test");
    // A short one ends with Escape as well, and nobody is asked.
    wrong(4);
    ask();
    far.wait_for("the next one is in 8 s (Esc goes back).");
    far.type_in(b"\x1b");
    far.wait_for("Memory test");
    assert!(!far.all.contains("PIN for a shell"));
    // A long one is not waited for: how long it is stays to be read.
    wrong(7);
    ask();
    far.wait_for("the next one is in 1 min 04 s: ask again then. Press a key for the menu.");
    far.type_in(b"x");
    far.wait_for("Memory test");
    assert!(!far.all.contains("PIN for a shell"));
    // At another console a PIN is wrong while the right one is typed here.
    wrong(0);
    ask();
    far.wait_for("PIN for a shell");
    wrong(1);
    far.type_in(b"2468\r");
    far.wait_for("Too early");
    far.wait_for("the next one is in");
    far.type_in(b"\x1b");
    far.wait_for("Memory test");
    assert!(!far.all.contains("That is not the PIN."));
    assert!(
        news.try_recv().is_err(),
        "nothing was refused, and nobody admitted"
    );
    assert!(pressed.try_recv().is_err(), "no key was for the menu");
    consoles.close();
}
