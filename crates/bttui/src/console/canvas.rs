//! What stands on one console, so that only what changed is sent.
//!
//! The terminal is never asked anything, since a serial line might not answer.

use std::io::{self, BufWriter};
use std::mem::{Discriminant, discriminant};

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

use super::View;
use crate::screen::Screen;
use crate::tty::Tty;
use crate::ui::{self, Look};

/// A symbol of private use that no screen holds: what is compared with it is painted in any case.
const UNKNOWN: Cell = Cell::new("\u{e000}");

/// One console's surface.
pub(super) struct Canvas {
    backend: CrosstermBackend<BufWriter<Tty>>,
    shown: Buffer,
    screen: Option<(Discriminant<Screen>, bool)>,
}

impl Canvas {
    /// An empty surface; the console is emptied too.
    pub(super) fn new(tty: &Tty, size: Rect) -> io::Result<Canvas> {
        tty.clear()?;
        let backend = CrosstermBackend::new(BufWriter::with_capacity(8192, tty.clone()));
        Ok(Canvas {
            backend,
            shown: Buffer::filled(size, UNKNOWN),
            screen: None,
        })
    }

    /// Draws what changed. Another screen is painted whole, blanks included: that heals what a
    /// message of the kernel tore, and whoever reads a serial line as text finds whole sentences.
    pub(super) fn draw(&mut self, view: &View, look: Look) -> io::Result<()> {
        let app = &view.app;
        let screen = Some((discriminant(&app.screen), app.reading_log.is_some()));
        if std::mem::replace(&mut self.screen, screen) != screen {
            self.shown = Buffer::filled(self.shown.area, UNKNOWN);
        }
        let mut next = Buffer::empty(self.shown.area);
        ui::draw(&mut next, &view.app, view.now, look);
        let mut changes = self.shown.diff_iter(&next).peekable();
        if changes.peek().is_some() {
            self.backend.draw(changes)?;
            Backend::flush(&mut self.backend)?;
        }
        self.shown = next;
        Ok(())
    }
}
