//! `method: bin-qemu-x86_64`: QEMU with a guest on one of the consoles, while the machine goes on sharing.
//!
//! Where the console is a screen with a frame buffer, the guest has that; elsewhere it speaks on the console itself. QEMU
//! comes from its layer, with its own loader and libraries, and sees the system's folder through an overlay.

use std::fs::{self, File};
use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use catalog::Shell;
use report::Exit;
use rustix::event::{PollFd, PollFlags};
use rustix::process::Signal;

use super::{Ended, FRAME_BUFFER, connect, driver, show};
use crate::app::Event;
use crate::console::{Lent, Tenant};
use crate::news::Voice;
use crate::overlay::{self, Overlay};
use crate::phase1::Phase1;
use crate::program;
use crate::qemu::{self, Display, Guest, LAYER};
use crate::reins::{Reins, exit};
use crate::{facts, leftovers};

/// Where a guest's screen is offered.
const SOCKET: &str = "/run/guest";
/// What QEMU says while the guest has the screen.
const SAID: &str = "/run/guest.log";
/// So much of that is told when it fails, in bytes: its last line or two.
const TOLD: usize = 400;

/// What is to be started.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The system's folder as it was downloaded.
    pub folder: PathBuf,
    /// What the menu calls it.
    pub dispname: String,
    /// The configuration's arguments for QEMU, separated by white space.
    pub args: String,
    /// Who gets a shell here. QEMU's monitor is as good as one.
    pub shell: Shell,
    /// Whether somebody sits at the console.
    pub attended: bool,
}

/// A guest that waits for a console.
#[derive(Debug)]
pub struct Hosted {
    allowed: Phase1,
    plan: Plan,
    voice: Voice,
    reins: Arc<Reins>,
}

impl Hosted {
    /// One that has not begun; `voice` hears of its start and its end.
    pub fn new(allowed: Phase1, plan: Plan, voice: Voice) -> (Hosted, Arc<Reins>) {
        let reins = Arc::new(Reins::default());
        let hosted = Hosted {
            allowed,
            plan,
            voice,
            reins: Arc::clone(&reins),
        };
        (hosted, reins)
    }

    /// Whether QEMU is there.
    pub fn is_possible() -> bool {
        program().exists()
    }

    fn run(&self, console: Lent) -> anyhow::Result<Exit> {
        if !Hosted::is_possible() {
            bail!("QEMU is not on this machine");
        }
        let has_screen = console.is_screen() && self.has_frame_buffer();
        let machine = facts::for_guest(has_screen);
        let guest = qemu::guest(&self.plan.args, machine, Path::new(SOCKET));
        let guest = match self.plan.shell {
            Shell::Yes => guest,
            Shell::No | Shell::Pin(_) => guest.without_monitor(),
        };
        let writable = qemu::writable(machine.available);
        let overlay = Overlay::mount(self.allowed, &self.plan.folder, writable)?;
        let command = command(&guest);
        let status = match guest.display {
            Display::Viewer => self.on_screen(command, &guest, console),
            Display::Console | Display::AsTold => self.on_console(command, &guest, console),
        };
        leftovers::kill(self.allowed, -1, Path::new(overlay::FILES));
        drop(overlay);
        Ok(exit(status?))
    }

    /// Whether this machine's screen shows pixels, where needed with a driver of the layer's.
    fn has_frame_buffer(&self) -> bool {
        let path = Path::new(FRAME_BUFFER);
        if !path.exists() {
            driver::load(self.allowed);
        }
        path.exists()
    }

    /// The guest speaks where it was started.
    fn on_console(
        &self,
        mut command: Command,
        guest: &Guest,
        mut console: Lent,
    ) -> anyhow::Result<ExitStatus> {
        console.clothe(&mut command)?;
        // What a terminal is given is all that is cleared away.
        modules_for(&mut command);
        console.tty().restore();
        let mut child = self.spawn(&mut command)?;
        self.tell_started(&console, guest);
        self.reins.wait(&mut child).context("cannot wait for QEMU")
    }

    /// The guest has the machine's screen, keyboards and mice.
    fn on_screen(
        &self,
        mut command: Command,
        guest: &Guest,
        mut console: Lent,
    ) -> anyhow::Result<ExitStatus> {
        let _ = fs::remove_file(SOCKET);
        let said = File::create(SAID).with_context(|| format!("cannot write {SAID}"))?;
        command
            .env_clear()
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .process_group(0);
        modules_for(&mut command);
        let (heard, bell) = io::pipe()?;
        let mut child = self.spawn(&mut command)?;
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| {
                let status = self.reins.wait(&mut child);
                drop(bell);
                status
            });
            let shown = self.show(&heard, guest, &mut console);
            if shown.is_err() {
                self.reins.signal(Signal::KILL);
            }
            let status = waiting
                .join()
                .map_err(|_| anyhow!("nobody waited for QEMU"))?
                .context("cannot wait for QEMU")?;
            match shown? {
                true => Ok(status),
                false => Err(anyhow!("QEMU {}: {}", exit(status), last_words())),
            }
        })
    }

    /// Shows the guest until it has ended; whether there was one.
    fn show(&self, heard: &PipeReader, guest: &Guest, console: &mut Lent) -> anyhow::Result<bool> {
        let socket = Path::new(SOCKET);
        let Some(mut server) = connect(socket, heard)? else {
            return Ok(false);
        };
        self.tell_started(console, guest);
        loop {
            match show(self.allowed, server, heard.try_clone()?)? {
                Ended::Gone | Ended::Stopped => return Ok(true),
                Ended::EndWanted => {
                    self.reins.signal(Signal::TERM);
                    wait_for(heard)?;
                    return Ok(true);
                }
                Ended::Left if self.goes_on(heard, console)? => {}
                Ended::Left => return Ok(true),
            }
            match connect(socket, heard)? {
                Some(again) => server = again,
                None => return Ok(true),
            }
        }
    }

    /// Somebody has left the guest for a moment. Whether it is to be shown again, once that is known.
    fn goes_on(&self, heard: &PipeReader, console: &mut Lent) -> anyhow::Result<bool> {
        let tty = console.tty();
        tty.clear()?;
        write!(
            tty,
            "{}\r\n",
            words_beside(&self.plan.dispname, &self.plan.shell)
        )?;
        loop {
            let mut both = [
                PollFd::from_borrowed_fd(heard.as_fd(), PollFlags::IN),
                PollFd::from_borrowed_fd(tty.file().as_fd(), PollFlags::IN),
            ];
            rustix::event::poll(&mut both, None)?;
            if !both[0].revents().is_empty() {
                return Ok(false);
            }
            let mut bytes = [0; 64];
            let count = tty.read(&mut bytes)?;
            let typed = &bytes[..count];
            if typed.contains(&b'\r') || typed.contains(&b'\n') {
                return Ok(true);
            }
            if typed.contains(&b'x') {
                self.reins.signal(Signal::TERM);
            }
            if count == 0 {
                bail!("the console is gone");
            }
        }
    }

    fn spawn(&self, command: &mut Command) -> anyhow::Result<Child> {
        let child = command.spawn().context("QEMU cannot be run")?;
        self.reins.set(&child);
        Ok(child)
    }

    fn tell_started(&self, console: &Lent, guest: &Guest) {
        self.voice.tell_waiting(Event::Started {
            console: console.name().to_owned(),
            how: guest.accelerator.told().to_owned(),
        });
    }
}

impl Tenant for Hosted {
    fn stay(self: Box<Self>, console: Lent) -> Option<String> {
        let ended = self.run(console);
        let plan = &self.plan;
        program::told(&self.voice, &plan.dispname, plan.attended, ended)
    }

    fn refuse(self: Box<Self>, why: &str) {
        self.voice.tell_waiting(Event::NotStarted {
            what: why.to_owned(),
        });
    }
}

/// What is said beside a guest that somebody has left for a moment.
fn words_beside(name: &str, shell: &Shell) -> String {
    let shell = match shell {
        Shell::No => "",
        Shell::Yes => " Ctrl+Alt+F2 is a shell, Ctrl+Alt+F1 this.",
        Shell::Pin(_) => " Ctrl+Alt+F2 is a shell, with the PIN; Ctrl+Alt+F1 is this.",
    };
    format!("{name} goes on. Enter shows it again, x ends it.{shell}")
}

fn program() -> PathBuf {
    Path::new(LAYER).join("usr/bin/qemu-system-x86_64")
}

/// QEMU by its own loader, with its own libraries: phase 1 has none.
fn command(guest: &Guest) -> Command {
    let mut command = Command::new(format!("{LAYER}/lib64/ld-linux-x86-64.so.2"));
    command
        .arg("--library-path")
        .arg(format!("{LAYER}/usr/lib/x86_64-linux-gnu"))
        .arg(program())
        .args(&guest.arguments)
        .current_dir(overlay::FILES);
    command
}

/// QEMU looks for its modules beside the program of its process, which is the loader.
fn modules_for(command: &mut Command) {
    command.env(
        "QEMU_MODULE_DIR",
        format!("{LAYER}/usr/lib/x86_64-linux-gnu/qemu"),
    );
}

fn wait_for(bell: &PipeReader) -> io::Result<()> {
    let mut rung = [PollFd::from_borrowed_fd(bell.as_fd(), PollFlags::IN)];
    rustix::event::poll(&mut rung, None)?;
    Ok(())
}

/// The end of what QEMU said, in one line.
fn last_words() -> String {
    let said = fs::read(SAID).unwrap_or_default();
    let end = &said[said.len().saturating_sub(TOLD)..];
    let text = String::from_utf8_lossy(end);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use catalog::shell::{PinHash, SALT};

    use super::*;

    #[test]
    fn a_shell_is_named_where_there_is_one() {
        let pin = PinHash::of("2468", &[7; SALT]).expect("a hash");
        for (shell, expected) in [
            (Shell::No, None),
            (Shell::Yes, Some("Ctrl+Alt+F2 is a shell, Ctrl+Alt+F1")),
            (Shell::Pin(pin), Some("is a shell, with the PIN")),
        ] {
            let said = words_beside("Windows", &shell);
            assert!(said.starts_with("Windows goes on. Enter"), "{said}");
            match expected {
                Some(words) => assert!(said.contains(words), "{said}"),
                None => assert!(!said.contains("shell") && !said.contains("F2"), "{said}"),
            }
        }
    }
}
