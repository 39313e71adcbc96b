//! A download: how far, how fast, how long, and how much of it came from other machines.

use std::net::Ipv4Addr;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use report::Progress;

use super::panel::{self, ALARM, LABEL, PLAIN, STRONG};
use super::{Look, text};
use crate::app::App;

/// What the download's screen shows of the model.
pub(super) struct View<'a> {
    pub(super) system: usize,
    pub(super) progress: &'a Progress,
    pub(super) trouble: Option<&'a str>,
}

pub(super) fn draw(
    screen: &mut Buffer,
    area: Rect,
    app: &App,
    view: &View<'_>,
    elapsed: Duration,
    look: Look,
) -> (String, Vec<(&'static str, &'static str)>) {
    let inner = panel::frame(
        screen,
        area,
        &format!("Fetching {}", name(app, view.system)),
        look,
    );
    bar(screen, inner, 1, view.progress, look);
    let row = figures(screen, inner, 3, app, view.progress);
    if let Some(trouble) = view.trouble {
        panel::prose(screen, inner, row + 1, trouble, ALARM);
    }
    let status = match remaining(view.progress) {
        Some(left) => format!(
            "{} so far, about {} to go.",
            text::duration(elapsed),
            text::duration(left)
        ),
        None => format!("{} so far.", text::duration(elapsed)),
    };
    (
        status,
        panel::with_common(app, [("Esc", "back to the menu")]),
    )
}

pub(super) fn name(app: &App, system: usize) -> &str {
    app.systems()
        .get(system)
        .map_or("", |entry| &entry.dispname)
}

pub(super) fn bar(screen: &mut Buffer, area: Rect, y: u16, progress: &Progress, look: Look) {
    let percent = format!("{:>4} %", text::percent(progress.have, progress.total));
    let width = area.width.saturating_sub(12);
    let full = (u128::from(width) * u128::from(progress.have) / u128::from(progress.total.max(1)))
        .min(u128::from(width));
    let full = full as usize;
    let (done, open) = match look {
        Look::Boxes => ("\u{2588}", "\u{2591}"),
        Look::Ascii => ("#", "-"),
    };
    let gauge = done.repeat(full) + &open.repeat(usize::from(width) - full);
    let end = panel::write(screen, area, 2, y, &gauge, LABEL);
    panel::write(screen, area, end, y, &percent, STRONG);
}

/// The table of figures; returns the row after it.
pub(super) fn figures(
    screen: &mut Buffer,
    area: Rect,
    y: u16,
    app: &App,
    progress: &Progress,
) -> u16 {
    let (from_machines, received) =
        progress.from_others(app.server().unwrap_or(Ipv4Addr::UNSPECIFIED));
    let from_server = received.saturating_sub(from_machines);
    // The two shares are one question, so they add up whatever the rounding.
    let percent = text::percent(from_server, received);
    let rest = if received > 0 { 100 - percent } else { 0 };
    let share = |part: u64, percent: u64| format!("{} ({percent} %)", report::bytes(part));
    let [have, total] = [progress.have, progress.total].map(report::bytes);
    let peers = if progress.peers == 1 { "peer" } else { "peers" };
    let lines = [
        ("Verified", format!("{have} of {total}")),
        ("Rate", report::rate(progress.rate)),
        ("Connected to", format!("{} {peers}", progress.peers)),
        ("From the server", share(from_server, percent)),
        ("From other machines", share(from_machines, rest)),
        ("Given to others", report::bytes(progress.uploaded)),
    ];
    let mut row = y;
    for (label, value) in lines {
        panel::write(screen, area, 2, row, label, LABEL);
        panel::write(screen, area, 24, row, &value, PLAIN);
        row += 1;
    }
    row
}

fn remaining(progress: &Progress) -> Option<Duration> {
    let left = progress.total.saturating_sub(progress.have);
    (progress.rate > 0 && progress.have > 0)
        .then(|| Duration::from_secs(left.div_ceil(progress.rate)))
}
