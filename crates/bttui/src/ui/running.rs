//! A program runs on another console: which, since when, and what is shared meanwhile.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::fetching::{figures, name};
use super::panel::{self, ALARM, PLAIN};
use super::{Look, text};
use crate::app::App;
use crate::screen::Running;

pub(super) fn draw(
    screen: &mut Buffer,
    area: Rect,
    app: &App,
    running: &Running,
    now: Duration,
    look: Look,
) -> (String, Vec<(&'static str, &'static str)>) {
    let name = name(app, running.system);
    let inner = panel::frame(screen, area, &format!("{name} is running"), look);
    let how = match running.how.as_str() {
        "" => String::new(),
        how => format!("{how}, "),
    };
    let where_it_is = format!(
        "It runs {how}on the console {} of this machine, which goes on sharing it with others. When it ends, the menu comes back.",
        running.console
    );
    let row = panel::prose(screen, inner, 1, &where_it_is, PLAIN);
    let row = figures(screen, inner, row + 1, app, &running.progress);
    if let Some(trouble) = &running.trouble {
        panel::prose(screen, inner, row + 1, trouble, ALARM);
    }
    let elapsed = text::duration(now.saturating_sub(running.since));
    let (status, own) = match running.is_ending {
        true => (format!("{elapsed} so far. It was asked to end."), None),
        false => (format!("{elapsed} so far."), Some(("x", "end it"))),
    };
    (status, panel::with_common(app, own))
}
