//! The second screen, which is a process of its own: init starts it, and anew whenever it ends.
//!
//! It has no way to the menu, which keeps the log; what happens here stands in the kernel's messages, as the remote look
//! shows them.

use std::fs::OpenOptions;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use catalog::Shell;

use super::{Answer, Gate};
use crate::offers;
use crate::phase1::{OFFERS, Phase1};
use crate::tty::Tty;

/// Where a line becomes one of the kernel's messages.
const MESSAGES: &str = "/dev/kmsg";
/// What comes before it. Its priority is 7, the lowest, which the kernel keeps and does not write over the menu on its
/// consoles (Documentation/ABI/testing/dev-kmsg of Linux; `console_loglevel` is 7 at most where nobody asks for more).
const PREFIX: &str = "<7>bttui: ";

/// Waits for Enter, asks, and becomes the shell.
///
/// # Errors
/// What the console says, or that there is no shell.
pub fn second_screen(_allowed: Phase1) -> anyhow::Result<()> {
    let gate = Gate::new(offers::shell(Path::new(OFFERS)));
    let mut tty = Tty::open(Path::new("/proc/self/fd/0"))?;
    let words = match gate.rule {
        Shell::No => {
            "There is no shell here (shell: no in Boottorrent.yaml). The menu is on the first screen."
        }
        Shell::Yes | Shell::Pin(_) => "Press Enter for a shell. The menu is on the first screen.",
    };
    loop {
        write!(tty, "{words}\r\n")?;
        let mut byte = [0];
        while byte[0] != b'\r' && byte[0] != b'\n' {
            if tty.read(&mut byte)? == 0 {
                return Ok(());
            }
        }
        let mut refused = || note("a PIN was refused on the second screen");
        match gate.admits(&mut tty, &mut refused)? {
            Answer::Admitted => break,
            Answer::NotNow(words) => {
                tty.clear()?;
                if let Some(words) = words {
                    write!(tty, "{words}\r\n")?;
                }
            }
        }
    }
    note("a shell was opened on the second screen");
    drop(tty);
    Err(Command::new("/bin/sh").arg0("-sh").exec().into())
}

/// A line among the kernel's messages. One that cannot be written is lost: no shell depends on it.
fn note(what: &str) {
    if let Ok(mut messages) = OpenOptions::new().write(true).open(MESSAGES) {
        // The kernel takes one write as one message.
        let _ = messages.write_all(format!("{PREFIX}{what}\n").as_bytes());
    }
}
