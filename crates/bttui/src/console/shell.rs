//! A shell on one console, while the menu goes on elsewhere.

use std::io::{Read, Write};
use std::process::Command;

use super::{Lent, Tenant};
use crate::app::Event;
use crate::gate::{Answer, Gate};
use crate::news::Voice;

/// A shell of phase 1, for whoever is admitted.
#[derive(Debug)]
pub(super) struct Shell {
    pub(super) gate: Gate,
    /// Hears of its opening.
    pub(super) voice: Voice,
}

impl Tenant for Shell {
    fn stay(self: Box<Self>, mut console: Lent) -> Option<String> {
        let name = console.name().to_owned();
        let mut refused = || {
            let console = name.clone();
            self.voice.tell_waiting(Event::PinRefused { console });
        };
        match self.gate.admits(console.tty(), &mut refused) {
            Ok(Answer::Admitted) => {}
            Ok(Answer::NotNow(words)) => return words,
            Err(_) => return None,
        }
        let is_remote = false;
        self.voice.tell_waiting(Event::ShellOpened { is_remote });
        console.tty().restore();
        let words = b"A shell of phase 1. \"exit\" goes back to the menu.\r\n";
        let _ = console.tty().write_all(words);
        let mut command = Command::new("/bin/sh");
        command.arg("-i").current_dir("/");
        let ran = console
            .clothe(&mut command)
            .and_then(|()| command.status().map(drop));
        if let Err(error) = ran {
            let tty = console.tty();
            let _ = write!(
                tty,
                "There is no shell: {error}. Enter goes back to the menu.\r\n"
            );
            let _ = tty.read(&mut [0; 64]);
        }
        None
    }

    /// Whoever sits there asks again.
    fn refuse(self: Box<Self>, _why: &str) {}
}
