//! What the model does when something did not work: it tells the server, shows the reason, and goes on by itself.
//!
//! No failure is a question that a room without people stops at. Where nobody chose, it is tried again after pauses that
//! grow; where somebody did, they are asked, and taken to be gone when they have not answered for ten minutes. What
//! certainly cannot run here is not tried at all: after the same time the menu is back, as after power-on.

use std::time::Duration;

use report::Step;

use super::{Action, App};
use crate::screen::{During, Failure, Screen};

/// The pauses between the attempts of a machine that nobody attends; the last one repeats.
const BACK_OFF: [u64; 5] = [5, 10, 20, 40, 60];
/// How long a person has to answer.
const PERSON_IS_GONE: Duration = Duration::from_secs(600);

impl App {
    pub(super) fn broken(&mut self, what: String, now: Duration, actions: &mut Vec<Action>) {
        let during = match self.screen {
            Screen::Reading => During::Reading,
            Screen::Fetching { system, .. } | Screen::Sharing { system, .. } => {
                During::Fetching(system)
            }
            // The download of a program that runs, or is about to: it has every byte already.
            Screen::Starting { system } if self.runs_here(system) => return,
            Screen::Running(ref mut running) => {
                running.trouble = Some(what);
                return;
            }
            Screen::Starting { system } => During::Starting(system),
            _ => return, // too late to matter
        };
        self.fail(during, what, now, actions);
    }

    pub(super) fn fail(
        &mut self,
        during: During,
        what: String,
        now: Duration,
        actions: &mut Vec<Action>,
    ) {
        let pause = match during {
            // Trying again cannot help where nothing was tried; who is asked here can only choose something else.
            During::Unsupported(_) => PERSON_IS_GONE,
            // A person decides for themselves, as long as they are there.
            _ if self.is_attended() => PERSON_IS_GONE,
            _ => self.pause(),
        };
        self.failures += 1;
        actions.push(Action::Report(Step::Failed {
            during: self.describe(during),
            what: what.clone(),
        }));
        self.screen = Screen::Failed(Failure {
            during,
            what,
            retry_at: Some(now + pause),
        });
    }

    /// How long a machine that nobody attends waits before it tries again.
    pub(super) fn pause(&self) -> Duration {
        Duration::from_secs(BACK_OFF[self.failures.min(BACK_OFF.len() - 1)])
    }

    /// What was being done, for people and for the server's journal.
    pub fn describe(&self, during: During) -> String {
        let name = |system: usize| {
            self.systems()
                .get(system)
                .map_or("?", |entry| entry.dispname.as_str())
        };
        match during {
            During::Reading => "reading what the server offers".to_owned(),
            During::Fetching(system) => format!("fetching {}", name(system)),
            During::Starting(system) | During::Unsupported(system) => {
                format!("starting {}", name(system))
            }
        }
    }

    pub(super) fn retry(&mut self, now: Duration, actions: &mut Vec<Action>) {
        let Screen::Failed(Failure { during, .. }) = self.screen else {
            return;
        };
        match during {
            During::Reading => {
                self.screen = Screen::Reading;
                actions.extend([Action::Report(Step::Retry), Action::ReadOffers]);
            }
            During::Fetching(system) | During::Starting(system) => {
                actions.push(Action::Report(Step::Retry));
                self.begin(system, now, actions);
            }
            During::Unsupported(_) => {}
        }
    }
}
