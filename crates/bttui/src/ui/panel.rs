//! What all screens share: the title line, the frame of a panel, this machine's facts, the status
//! line, the keys.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::border;
use ratatui::widgets::{Block, Widget};

use super::{Look, text};
use crate::app::App;

/// Borders a serial line can carry, whatever its terminal thinks of encodings.
const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

pub(super) const QUIET: Style = Style::new().fg(Color::Gray);
pub(super) const LABEL: Style = Style::new().fg(Color::Cyan);
pub(super) const PLAIN: Style = Style::new();
pub(super) const STRONG: Style = Style::new().bold();
pub(super) const ALARM: Style = Style::new().fg(Color::Yellow).bold();
/// Room for the program's name on the left of the title.
const TITLE: usize = 12;
const BAR: Style = Style::new().fg(Color::White).bg(Color::Blue).bold();

/// The line at the top: the program on the left, this machine on the right.
pub(super) fn title(screen: &mut Buffer, area: Rect, app: &App) {
    screen.set_style(area, BAR);
    write(screen, area, 1, 0, "bt-server", BAR);
    if let Some(lease) = &app.lease {
        let mut machine = format!("{}  {} ", lease.address, lease.mac);
        let entry = app
            .manifest
            .as_ref()
            .and_then(|told| told.entry_of(lease.mac));
        if let Some(name) = entry.and_then(|entry| entry.name.as_ref()) {
            let named = format!("{name}  {machine}");
            // A long name makes room for what is unique.
            if named.len() + TITLE < usize::from(area.width) {
                machine = named;
            }
        }
        let x = area
            .width
            .saturating_sub(u16::try_from(machine.len()).unwrap_or(0));
        write(screen, area, x, 0, &machine, BAR);
    }
}

/// Draws a frame with a title; returns the room inside it.
pub(super) fn frame(screen: &mut Buffer, area: Rect, title: &str, look: Look) -> Rect {
    let mut block = Block::bordered()
        .border_style(QUIET)
        .title(format!(" {title} "))
        .title_style(STRONG);
    if look == Look::Ascii {
        block = block.border_set(ASCII);
    }
    let inner = block.inner(area);
    block.render(area, screen);
    inner
}

/// The machine's facts, in two lines of two.
pub(super) fn facts(screen: &mut Buffer, area: Rect, app: &App, look: Look) {
    let Some(facts) = &app.facts else { return };
    let inner = frame(screen, area, "This machine", look);
    let cells = [
        ("CPU", format!("{} x {}", facts.cpus, facts.cpu)),
        ("Memory", report::bytes(facts.memory_bytes)),
        ("Network", facts.nic.clone()),
        ("Kernel", facts.kernel.clone()),
    ];
    // A processor's name is the longest of them.
    let left = inner.width * 5 / 8;
    for (index, (label, value)) in (0u16..).zip(&cells) {
        let (x, width) = if index % 2 == 0 {
            (0, left.saturating_sub(1))
        } else {
            (left, inner.width - left)
        };
        let (x, y) = (inner.x + x, inner.y + index / 2);
        let cell = Rect {
            x,
            y,
            width,
            height: 1,
        }
        .intersection(inner);
        write(screen, cell, 1, 0, label, LABEL);
        write(screen, cell, 10, 0, value, PLAIN);
    }
}

/// The line above the keys: what happens by itself, and when.
pub(super) fn status(screen: &mut Buffer, area: Rect, status: &str) {
    write(screen, area, 2, 0, status, ALARM);
}

/// The line at the bottom: which keys do what.
pub(super) fn keys(screen: &mut Buffer, area: Rect, keys: &[(&str, &str)]) {
    screen.set_style(area, BAR);
    let mut x = 1;
    for (key, what) in keys {
        x = write(screen, area, x, 0, key, BAR);
        x = write(screen, area, x + 1, 0, what, BAR.not_bold()) + 3;
    }
}

/// The keys of a screen, and those that all screens have.
pub(super) fn with_common(
    app: &App,
    own: impl IntoIterator<Item = (&'static str, &'static str)>,
) -> Vec<(&'static str, &'static str)> {
    let shell = (!app.shell.is_no()).then_some(("Ctrl+S", "shell"));
    own.into_iter().chain([("l", "log")]).chain(shell).collect()
}

/// Writes at a place relative to the area, cut off at its edge; returns the column after it.
pub(super) fn write(
    screen: &mut Buffer,
    area: Rect,
    x: u16,
    y: u16,
    text: &str,
    style: Style,
) -> u16 {
    if x >= area.width || y >= area.height {
        return x;
    }
    let room = usize::from(area.width - x);
    let (end, _) = screen.set_stringn(area.x + x, area.y + y, text, room, style);
    end - area.x
}

/// Writes a paragraph, broken into lines at words; returns the row after it.
pub(super) fn prose(screen: &mut Buffer, area: Rect, y: u16, text: &str, style: Style) -> u16 {
    let mut row = y;
    for line in text::wrap(text, usize::from(area.width.saturating_sub(4))) {
        write(screen, area, 2, row, &line, style);
        row = row.saturating_add(1);
    }
    row
}
