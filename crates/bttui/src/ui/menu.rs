//! The list of systems and its countdown.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::panel::{self, PLAIN, QUIET};
use super::{Look, text};
use crate::app::App;
use crate::menu;

/// The widths of the columns on the right: the method and the size.
const METHOD: u16 = 12;
const SIZE: u16 = 10;
/// Before the method, with a blank: `x` where this machine cannot run the system.
const MARK: u16 = 2;
/// On a lower panel the list needs the rows more than what is said of the selected system.
const DETAILS_FROM_HEIGHT: u16 = 12;
const SELECTED: Style = Style::new().reversed();

pub(super) fn draw(
    screen: &mut Buffer,
    area: Rect,
    app: &App,
    selected: usize,
    deadline: Option<Duration>,
    now: Duration,
    look: Look,
) -> (String, Vec<(&'static str, &'static str)>) {
    let systems = app.systems();
    let notes = notes(app, selected, area);
    // Borders, an empty line above and below the list, and the notes with another one.
    let below = notes.len() as u16 + u16::from(!notes.is_empty());
    let rows = usize::from(area.height.saturating_sub(4 + below)).max(1);
    let title = if systems.len() > rows {
        format!(
            "Choose an operating system ({} of {})",
            selected + 1,
            systems.len()
        )
    } else {
        "Choose an operating system".to_owned()
    };
    let inner = panel::frame(screen, area, &title, look);
    if systems.is_empty() {
        panel::prose(
            screen,
            inner,
            1,
            "The server offers no system. Put one into its oss directory and restart this machine.",
            PLAIN,
        );
    }
    let first_note = inner.height.saturating_sub(1 + notes.len() as u16);
    for (row, (note, style)) in (first_note..).zip(&notes) {
        panel::write(screen, inner, 2, row, note, *style);
    }
    // The selected line stays in sight, with as little movement as possible.
    let first = (selected + 1).saturating_sub(rows);
    for (row, (index, entry)) in (1u16..).zip(systems.iter().enumerate().skip(first).take(rows)) {
        let style = if index == selected { SELECTED } else { PLAIN };
        let line = Rect {
            x: inner.x + 1,
            y: inner.y + row,
            width: inner.width.saturating_sub(2),
            height: 1,
        };
        let line = line.intersection(inner);
        screen.set_style(line, style);
        let size_at = line.width.saturating_sub(SIZE + 1);
        let method_at = size_at.saturating_sub(METHOD);
        let name = Rect {
            width: method_at.saturating_sub(MARK),
            ..line
        };
        let refused = app.refusal(index).is_some();
        let style = match refused && index != selected {
            true => QUIET,
            false => style,
        };
        if refused {
            panel::write(screen, line, method_at.saturating_sub(MARK), 0, "x", style);
        }
        panel::write(
            screen,
            line,
            0,
            0,
            if index == selected { ">" } else { " " },
            style,
        );
        panel::write(screen, name, 2, 0, &entry.dispname, style);
        panel::write(
            screen,
            line,
            method_at,
            0,
            menu::method_name(&entry.method),
            style.patch(quiet(index == selected)),
        );
        let size = if entry.size > 0 {
            report::bytes(entry.size)
        } else {
            String::new()
        };
        panel::write(
            screen,
            line,
            size_at,
            0,
            &format!("{size:>width$}", width = usize::from(SIZE)),
            style,
        );
    }
    let status = match (deadline, systems.get(selected)) {
        (Some(deadline), Some(entry)) => {
            format!(
                "{} starts in {} s.",
                entry.dispname,
                text::countdown(deadline.saturating_sub(now))
            )
        }
        _ => unattended(app).unwrap_or_default(),
    };
    let enter = match app.refusal(selected) {
        Some(_) => ("Enter", "why not"),
        None => ("Enter", "start"),
    };
    let mut keys = vec![("Up/Down", "choose"), enter];
    if deadline.is_some() {
        keys.push(("Ctrl+C", "stop the countdown"));
    }
    (status, panel::with_common(app, keys))
}

/// Why nothing starts by itself where something should.
fn unattended(app: &App) -> Option<String> {
    let manifest = app.manifest.as_ref()?;
    menu::countdown(manifest)?;
    let default = menu::default(manifest)?;
    app.refusal(default)?;
    Some("The default cannot run on this machine. The server was told.".to_owned())
}

/// What a person must know before choosing, a line each: how the last program ended, what the selected system does and
/// takes, and why it cannot run here.
fn notes(app: &App, selected: usize, area: Rect) -> Vec<(String, Style)> {
    let ended = app.outcome.and_then(|outcome| {
        let name = &app.systems().get(outcome.system)?.dispname;
        let style = match outcome.exit.is_success() {
            true => panel::STRONG,
            false => panel::ALARM,
        };
        Some((format!("{name} {}.", outcome.exit), style))
    });
    let mut notes: Vec<(String, Style)> = ended.into_iter().collect();
    if let Some(case) = app.case(selected) {
        let machine = &app.machine;
        let refusal = app.refusal(selected);
        if refusal.is_none() && area.height >= DETAILS_FROM_HEIGHT {
            notes.push((case.plan(machine), PLAIN));
            notes.extend(case.cost(machine).map(|cost| (cost, QUIET)));
        }
        match refusal {
            Some(why) => notes.push((format!("Cannot run here. {why}"), panel::ALARM)),
            None => notes.extend(
                case.warning(machine)
                    .map(|warning| (warning, panel::STRONG)),
            ),
        }
    }
    // As wide as [`panel::prose`], within the frame.
    let width = usize::from(area.width.saturating_sub(6));
    let lines = notes.into_iter().flat_map(|(note, style)| {
        let lines = text::wrap(&note, width);
        lines.into_iter().map(move |line| (line, style))
    });
    lines.collect()
}

fn quiet(selected: bool) -> Style {
    if selected { Style::new() } else { QUIET }
}
