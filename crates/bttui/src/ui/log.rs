//! The log: what happened on this machine, the newest at the bottom.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::panel::{self, LABEL, PLAIN};
use super::{Look, text};
use crate::app::App;

/// The width of a line's time, right-aligned: `123456 s`.
const TIME: u16 = 8;

pub(super) fn draw(
    screen: &mut Buffer,
    area: Rect,
    app: &App,
    look: Look,
) -> (String, Vec<(&'static str, &'static str)>) {
    let inner = panel::frame(screen, area, "What happened on this machine", look);
    let width = usize::from(inner.width.saturating_sub(TIME + 4));
    let up = app.reading_log.unwrap_or(0);
    // From the bottom to the top, until there is no room.
    let mut bottom = inner.height;
    for line in app.log.lines().rev().skip(up) {
        let rows = text::wrap(&shown(&line.text, look), width);
        let height = u16::try_from(rows.len()).unwrap_or(u16::MAX);
        let Some(top) = bottom.checked_sub(height) else {
            break;
        };
        let time = format!("{:>6} s", line.at.as_secs());
        panel::write(screen, inner, 1, top, &time, LABEL);
        for (y, row) in (top..).zip(&rows) {
            panel::write(screen, inner, TIME + 3, y, row, PLAIN);
        }
        bottom = top;
    }
    let status = match up {
        0 => String::new(),
        up => format!("{up} lines further down."),
    };
    (status, vec![("Up/Down", "read"), ("l", "back")])
}

/// A serial line gets ASCII.
fn shown(text: &str, look: Look) -> String {
    let plain = |letter: char| match letter {
        '\u{d7}' => 'x',
        letter if letter.is_ascii() => letter,
        _ => '?',
    };
    match look {
        Look::Boxes => text.to_owned(),
        Look::Ascii => text.chars().map(plain).collect(),
    }
}
