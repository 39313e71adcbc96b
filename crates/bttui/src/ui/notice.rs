//! The screens with one sentence: waiting for the network, reading the offers, starting.

use std::time::Duration;

use catalog::Method;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::panel::{self, PLAIN, QUIET};
use super::{Look, text};
use crate::app::App;

type Lines = (String, Vec<(&'static str, &'static str)>);

pub(super) fn waiting(
    screen: &mut Buffer,
    area: Rect,
    app: &App,
    why: &str,
    elapsed: Duration,
    look: Look,
) -> Lines {
    let inner = panel::frame(screen, area, "Waiting for an address", look);
    if !why.is_empty() {
        panel::prose(screen, inner, 1, &sentence(why), PLAIN);
    }
    (
        format!("{} so far.", text::duration(elapsed)),
        panel::with_common(app, []),
    )
}

pub(super) fn reading(screen: &mut Buffer, area: Rect, app: &App, look: Look) -> Lines {
    panel::frame(screen, area, "Reading what the server offers", look);
    (String::new(), panel::with_common(app, []))
}

pub(super) fn starting(
    screen: &mut Buffer,
    area: Rect,
    app: &App,
    system: usize,
    look: Look,
) -> Lines {
    let entry = app.systems().get(system);
    let name = entry.map_or("", |entry| &entry.dispname);
    let inner = panel::frame(screen, area, &format!("Starting {name}"), look);
    let (what, beside) = match entry.map(|entry| &entry.method) {
        Some(Method::Local) => (
            "This machine restarts now, and its firmware goes on with its own disk.",
            "The server leaves it to its disk for five minutes; after that it offers the menu again.",
        ),
        Some(Method::Bin { .. } | Method::Qemu { .. }) => (
            "Every byte is here and verified.",
            "This machine goes on sharing it with others while it runs.",
        ),
        _ => (
            "Every byte is here and verified. The new kernel takes over now.",
            "The screen may stay as it is until the new kernel writes to it.",
        ),
    };
    let row = panel::prose(screen, inner, 1, what, PLAIN);
    panel::prose(screen, inner, row + 1, beside, QUIET);
    (String::new(), Vec::new())
}

/// A reason as a sentence of its own.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string())
        .unwrap_or_default();
    let stop = if reason.ends_with(['.', '?', '!']) {
        ""
    } else {
        "."
    };
    format!("{first}{}{stop}", letters.as_str())
}
