//! Whoever gets a console to itself for a while: a shell, a program.

use std::fmt::Debug;
use std::io;
use std::process::{Command, Stdio};

use crate::sys;
use crate::tty::Tty;
use crate::ui::Look;

/// Somebody who wants a console. The menu goes on elsewhere meanwhile.
pub trait Tenant: Debug + Send {
    /// Has the console until it returns, on the console's own thread. What it returns is shown below all that it has
    /// written, and stays until a key is pressed, or for a minute.
    fn stay(self: Box<Self>, console: Lent) -> Option<String>;

    /// There is no console for it, for this reason.
    fn refuse(self: Box<Self>, why: &str);
}

/// A console that is lent. Dropping it empties its screen.
#[derive(Debug)]
pub struct Lent {
    pub(super) tty: Tty,
    pub(super) look: Look,
    pub(super) name: String,
}

impl Lent {
    /// What it is called (`tty1`, `ttyS0`).
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is a screen with a keyboard, not a serial line.
    pub fn is_screen(&self) -> bool {
        self.look == Look::Boxes
    }

    /// The terminal, which is still as the menu has it.
    pub fn tty(&mut self) -> &mut Tty {
        &mut self.tty
    }

    /// Makes a command one that reads and writes here, as the leader of a session of its own whose terminal this is,
    /// and gives it nothing else of this program: no variables but where programs lie and what the terminal is.
    ///
    /// # Errors
    /// The system's, when it gives no more descriptors.
    pub fn clothe(&self, command: &mut Command) -> io::Result<()> {
        let end = || Ok::<_, io::Error>(Stdio::from(self.tty.file().try_clone()?));
        let term = match self.look {
            Look::Boxes => "linux",
            Look::Ascii => "vt102",
        };
        command
            .env_clear()
            .env("PATH", "/sbin:/usr/sbin:/bin:/usr/bin")
            .env("TERM", term)
            .env("HOME", "/")
            .stdin(end()?)
            .stdout(end()?)
            .stderr(end()?);
        sys::with_terminal(command);
        Ok(())
    }
}
