//! The screens: one function that draws the model, one file per panel.
//!
//! Sixteen colours, no braille, and everything that a colour says is said in characters too, so
//! that a serial line shows the same as a screen. Drawing reads the model and changes nothing.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::{App, Screen};

mod failed;
mod fetching;
mod log;
mod menu;
mod notice;
mod panel;
mod running;
mod sharing;
pub mod text;

/// What a console can show.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Look {
    /// The Linux console and terminals known to speak UTF-8: box drawing.
    Boxes,
    /// A serial line, whose far end may be anything: ASCII alone.
    Ascii,
}

/// On a lower screen the machine's facts make room for what matters more.
const FACTS_FROM_HEIGHT: u16 = 16;

/// Draws the whole screen.
pub fn draw(screen: &mut Buffer, app: &App, now: Duration, look: Look) {
    let area = screen.area;
    let rows = Rows::of(area, app.facts.is_some());
    panel::title(screen, rows.title, app);
    if let Some(facts) = rows.facts {
        panel::facts(screen, facts, app, look);
    }
    let (status, keys) = match &app.screen {
        _ if app.reading_log.is_some() => log::draw(screen, rows.main, app, look),
        Screen::Waiting { since, why } => notice::waiting(
            screen,
            rows.main,
            app,
            why,
            now.saturating_sub(*since),
            look,
        ),
        Screen::Reading => notice::reading(screen, rows.main, app, look),
        Screen::Menu { selected, deadline } => {
            menu::draw(screen, rows.main, app, *selected, *deadline, now, look)
        }
        Screen::Fetching {
            system,
            since,
            progress,
            trouble,
        } => {
            let view = fetching::View {
                system: *system,
                progress,
                trouble: trouble.as_deref(),
            };
            fetching::draw(
                screen,
                rows.main,
                app,
                &view,
                now.saturating_sub(*since),
                look,
            )
        }
        Screen::Sharing {
            system,
            sharing,
            progress,
        } => {
            let view = fetching::View {
                system: *system,
                progress,
                trouble: None,
            };
            sharing::draw(screen, rows.main, app, &view, sharing, now, look)
        }
        Screen::Starting { system } => notice::starting(screen, rows.main, app, *system, look),
        Screen::Running(running) => running::draw(screen, rows.main, app, running, now, look),
        Screen::Failed(failure) => failed::draw(screen, rows.main, app, failure, now, look),
    };
    panel::status(screen, rows.status, &status);
    panel::keys(screen, rows.keys, &keys);
}

/// The screen from top to bottom.
struct Rows {
    title: Rect,
    main: Rect,
    facts: Option<Rect>,
    status: Rect,
    keys: Rect,
}

impl Rows {
    fn of(area: Rect, with_facts: bool) -> Rows {
        let row = |y: u16, height: u16| {
            Rect {
                x: area.x,
                y,
                width: area.width,
                height,
            }
            .intersection(area)
        };
        let with_facts = with_facts && area.height >= FACTS_FROM_HEIGHT;
        let facts_height = if with_facts { 4 } else { 0 };
        let bottom = area.bottom();
        let main_top = area.y.saturating_add(1);
        let facts_top = bottom.saturating_sub(2 + facts_height).max(main_top);
        Rows {
            title: row(area.y, 1),
            main: row(main_top, facts_top - main_top),
            facts: with_facts.then(|| row(facts_top, facts_height)),
            status: row(bottom.saturating_sub(2), 1),
            keys: row(bottom.saturating_sub(1), 1),
        }
    }
}
