//! The log that the model keeps of itself, and its place on the screen.
//!
//! What the server is told is what happened here; only the figures of a download, told every second, are no news.

use std::time::Duration;

use report::Step;

use super::{Action, App};
use crate::keys::Key;
use crate::screen::Screen;

/// How far Page Up and Page Down go, in lines.
const PAGE: usize = 10;

impl App {
    /// Notes what the server is being told.
    pub(super) fn record(&mut self, actions: &[Action], now: Duration) {
        let server = self.server();
        for action in actions {
            match action {
                Action::Report(Step::Progress(_)) => {}
                Action::Report(step) => {
                    let line = match server {
                        Some(server) => step.line_at(server),
                        None => step.line(),
                    };
                    self.log.push(now, &line);
                }
                _ => {}
            }
        }
    }

    /// Takes a key that is about the log; says whether it was one.
    pub(super) fn log_key(&mut self, key: Key) -> bool {
        let is_log = matches!(key, Key::Char('l' | 'L'));
        let Some(up) = self.reading_log else {
            if is_log {
                self.reading_log = Some(0);
                // Whoever reads is there, and may want to choose afterwards.
                if let Screen::Menu { deadline, .. } = &mut self.screen {
                    *deadline = None;
                }
            }
            return is_log;
        };
        let most = self.log.lines().count().saturating_sub(1);
        self.reading_log = match key {
            Key::CtrlS => return false,
            Key::Up => Some(up.saturating_add(1).min(most)),
            Key::Down => Some(up.saturating_sub(1)),
            Key::PageUp => Some(up.saturating_add(PAGE).min(most)),
            Key::PageDown => Some(up.saturating_sub(PAGE)),
            Key::Home => Some(most),
            Key::End => Some(0),
            Key::Escape | Key::Enter | Key::Char('l' | 'L') => None,
            // What is not seen is not chosen.
            _ => Some(up),
        };
        true
    }
}
