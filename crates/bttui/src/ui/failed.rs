//! What went wrong, and the ways on.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::panel::{self, ALARM, PLAIN, STRONG};
use super::{Look, text};
use crate::app::{App, During, Failure};

pub(super) fn draw(
    screen: &mut Buffer,
    area: Rect,
    app: &App,
    failure: &Failure,
    now: Duration,
    look: Look,
) -> (String, Vec<(&'static str, &'static str)>) {
    let inner = panel::frame(screen, area, "This did not work", look);
    let doing = format!("While {}:", app.describe(failure.during));
    let row = panel::prose(screen, inner, 1, &doing, STRONG);
    let row = panel::prose(screen, inner, row + 1, &failure.what, ALARM);

    let ways = ways_on(app, failure);
    for (line, (key, what)) in (row + 1..).zip(&ways) {
        let end = panel::write(screen, inner, 2, line, key, STRONG);
        panel::write(screen, inner, end + 2, line, what, PLAIN);
    }
    let mut keys = ways;
    keys.push(("l", "log"));
    let status = match failure.retry_at {
        Some(at) => {
            keys.push(("Ctrl+C", "stop the countdown"));
            let left = Duration::from_secs(text::countdown(at.saturating_sub(now)));
            let next = match failure.during {
                During::Unsupported(_) => "Back to the menu",
                _ => "Trying again",
            };
            format!("{next} in {}.", text::duration(left))
        }
        None => String::new(),
    };
    (status, keys)
}

fn ways_on(app: &App, failure: &Failure) -> Vec<(&'static str, &'static str)> {
    let mut ways = Vec::new();
    if !matches!(failure.during, During::Unsupported(_)) {
        ways.push(("r", "try again"));
    }
    if !app.shell.is_no() {
        ways.push(("s", "shell"));
    }
    if !app.systems().is_empty() {
        ways.push(("m", "back to the menu"));
    }
    ways
}
