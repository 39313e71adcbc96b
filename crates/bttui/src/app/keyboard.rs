//! What a person's keys mean on each screen.

use std::time::Duration;

use catalog::Shell;
use report::{ChosenBy, ShellFrom, Step};

use super::{App, Choice};
use crate::event::Action;
use crate::keys::Key;
use crate::menu;
use crate::screen::Screen;

impl App {
    pub(super) fn key(
        &mut self,
        console: usize,
        key: Key,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        if self.log_key(key) {
            return;
        }
        let count = self.systems().len();
        if key == Key::CtrlS {
            self.ask_for_shell(console, actions);
            return;
        }
        match &mut self.screen {
            Screen::Menu { selected, deadline } => match key {
                Key::Enter if count > 0 => {
                    let system = *selected;
                    self.failures = 0;
                    let choice = Choice {
                        system,
                        by: ChosenBy::Person,
                        console: Some(console),
                    };
                    self.choose(choice, now, actions);
                }
                // Whoever moves about is choosing: the countdown must not choose over them.
                _ => {
                    if menu::moved(selected, key, count) || key == Key::CtrlC {
                        *deadline = None;
                    }
                }
            },
            Screen::Sharing { system, .. } if key == Key::Enter => {
                let system = *system;
                self.start(system, actions);
            }
            Screen::Fetching { .. } | Screen::Sharing { .. } if key == Key::Escape => {
                self.leave(actions);
            }
            Screen::Running(_) if matches!(key, Key::Char('x' | 'X')) => {
                self.end_program(actions);
            }
            Screen::Failed(failure) => match key {
                Key::CtrlC => failure.retry_at = None,
                Key::Char('r' | 'R') => self.retry(now, actions),
                Key::Char('s' | 'S') => self.ask_for_shell(console, actions),
                Key::Char('m' | 'M') | Key::Escape if count > 0 => self.leave(actions),
                _ => {}
            },
            _ => {}
        }
    }

    /// The console is lent to whoever asks, where the configuration lets anybody have a shell; a PIN is asked for there.
    fn ask_for_shell(&mut self, console: usize, actions: &mut Vec<Action>) {
        match &self.shell {
            Shell::No => return,
            Shell::Yes => self.hold(),
            // Whoever does not know it changes nothing, not even by asking.
            Shell::Pin(_) => {}
        }
        actions.push(Action::Shell(console));
    }

    /// Whoever has a shell on a console is there; the server's is no person at the machine.
    pub(super) fn shell_opened(&mut self, is_remote: bool, actions: &mut Vec<Action>) {
        let from = match is_remote {
            true => ShellFrom::Server,
            false => {
                self.hold();
                ShellFrom::Machine
            }
        };
        actions.push(Action::Report(Step::Shell { from }));
    }

    /// Somebody is here: nothing starts by itself any more on this screen.
    fn hold(&mut self) {
        match &mut self.screen {
            Screen::Menu { deadline, .. } => *deadline = None,
            Screen::Failed(failure) => failure.retry_at = None,
            _ => {}
        }
    }

    /// Back to the menu, which then waits: a person asked for it.
    fn leave(&mut self, actions: &mut Vec<Action>) {
        let selected = self.chosen.take().map_or(0, |choice| choice.system);
        self.failures = 0;
        self.screen = Screen::Menu {
            selected,
            deadline: None,
        };
        // The server must not go on counting this machine among those that are fetching.
        if let Some(manifest) = &self.manifest {
            actions.push(Action::Report(menu::shown(manifest, -1)));
        }
        actions.push(Action::Abandon);
    }
}
