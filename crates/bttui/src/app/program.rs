//! Systems that do not replace phase 1: a program runs on one of the consoles, the machine goes on sharing its
//! folder, and when it ends the menu comes back.
//!
//! Whoever started it finds the menu waiting. A machine that nobody attends shows its countdown again, as after
//! power-on, but never starts anew at once: a program that ends or fails immediately must not keep it busy.

use std::time::Duration;

use catalog::Method;
use report::{ChosenBy, Exit, Step};

use super::{Action, App};
use crate::menu;
use crate::screen::{During, Running, Screen};

/// A program that has ended.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub struct Outcome {
    /// Index into the manifest's systems.
    pub system: usize,
    /// How it ended.
    pub exit: Exit,
}

impl App {
    /// Whether phase 1 stays while the system runs.
    pub fn runs_here(&self, system: usize) -> bool {
        let method = self.systems().get(system).map(|entry| &entry.method);
        matches!(method, Some(Method::Bin { .. } | Method::Qemu { .. }))
    }

    pub(super) fn started(
        &mut self,
        console: String,
        how: String,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        let Screen::Starting { system } = self.screen else {
            return;
        };
        let name = self.systems().get(system).map(|entry| entry.name.clone());
        actions.push(Action::Report(Step::Running {
            system: name.unwrap_or_default(),
            console: console.clone(),
            how: how.clone(),
        }));
        self.reported = now;
        self.screen = Screen::Running(Running {
            system,
            console,
            how,
            since: now,
            progress: self.told.clone(),
            trouble: None,
            is_ending: false,
        });
    }

    pub(super) fn not_started(&mut self, what: String, now: Duration, actions: &mut Vec<Action>) {
        if let Screen::Starting { system } = self.screen {
            self.fail(During::Starting(system), what, now, actions);
        }
    }

    pub(super) fn ended(&mut self, exit: Exit, now: Duration, actions: &mut Vec<Action>) {
        let Screen::Running(Running { system, .. }) = self.screen else {
            return;
        };
        let name = self.systems().get(system).map(|entry| entry.name.clone());
        actions.push(Action::Report(Step::Ended {
            system: name.unwrap_or_default(),
            exit,
        }));
        self.failures = match exit.is_success() {
            true => 0,
            false => self.failures.saturating_add(1),
        };
        let countdown = self.manifest.as_ref().and_then(menu::countdown);
        let countdown = countdown
            .filter(|_| !self.is_attended())
            .map(|countdown| countdown.max(self.pause()));
        self.outcome = Some(Outcome { system, exit });
        self.chosen = None;
        self.screen = Screen::Menu {
            selected: system,
            deadline: countdown.map(|countdown| now + countdown),
        };
        if let Some(manifest) = &self.manifest {
            let seconds = countdown.and_then(|time| i64::try_from(time.as_secs()).ok());
            let shown = menu::shown(manifest, seconds.unwrap_or(-1));
            actions.push(Action::Report(shown));
        }
    }

    /// Somebody at another console has had enough of it.
    pub(super) fn end_program(&mut self, actions: &mut Vec<Action>) {
        if let Screen::Running(running) = &mut self.screen {
            running.is_ending = true;
            actions.push(Action::EndProgram);
        }
        if let Some(choice) = &mut self.chosen {
            choice.by = ChosenBy::Person;
        }
    }
}
