//! A shell on one console, while the menu goes on elsewhere.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::sys;
use crate::tty::Tty;
use crate::ui::Look;

/// Lends the console to a shell and waits for its end.
pub(super) fn lend(mut tty: Tty, look: Look) {
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
