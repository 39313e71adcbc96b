//! A download that is complete: what the machine waits for, for whom, and how long at most.

use std::net::Ipv4Addr;
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::fetching::{View, bar, figures, name};
use super::panel::{self, PLAIN};
use super::{Look, text};
use crate::app::App;
use crate::sharing::Sharing;

/// How many of those who wait are named.
const NAMED: usize = 6;

pub(super) fn draw(
    screen: &mut Buffer,
    area: Rect,
    app: &App,
    view: &View<'_>,
    sharing: &Sharing,
    now: Duration,
    look: Look,
) -> (String, Vec<(&'static str, &'static str)>) {
    let name = name(app, view.system);
    let title = format!("{name} is complete, sharing it with other machines");
    let inner = panel::frame(screen, area, &title, look);
    bar(screen, inner, 1, view.progress, look);
    let row = figures(screen, inner, 3, app, view.progress);
    panel::prose(screen, inner, row + 1, &why(sharing, name, now), PLAIN);
    let left = text::countdown(sharing.left(now));
    let status = match sharing {
        Sharing::Minimum { .. } => format!("{name} starts in {left} s."),
        Sharing::Room { .. } => format!("{name} starts in {left} s at the latest."),
    };
    let own = [("Enter", "start now"), ("Esc", "back to the menu")];
    (status, panel::with_common(app, own))
}

/// What it waits for, in a sentence or two.
fn why(sharing: &Sharing, name: &str, now: Duration) -> String {
    let left = text::countdown(sharing.left(now));
    let waiting = match sharing {
        Sharing::Minimum { .. } => {
            return format!(
                "Every machine shares for a while before it starts (seed_time in Boottorrent.yaml), this one for {left} s more."
            );
        }
        Sharing::Room { .. } if sharing.is_unheard(now) => {
            return format!(
                "The server does not say who is still fetching {name}: sharing for {left} s more unless it answers."
            );
        }
        Sharing::Room { waiting, .. } => waiting,
    };
    match waiting.as_deref() {
        None => format!("Asking the server who else is still fetching {name}."),
        Some([one]) => format!(
            "1 other machine is still fetching {name}: sharing until it has it, at most {left} s more. It is {one}."
        ),
        Some(all) => format!(
            "{} other machines are still fetching {name}: sharing until they have it, at most {left} s more. They are {}.",
            all.len(),
            names(all)
        ),
    }
}

/// The first addresses, and how many more there are.
fn names(all: &[Ipv4Addr]) -> String {
    let named: Vec<String> = all.iter().take(NAMED).map(ToString::to_string).collect();
    match (named.split_last(), all.len() - named.len()) {
        (Some((last, [])), 0) => last.clone(),
        (Some((last, before)), 0) => format!("{} and {last}", before.join(", ")),
        (_, more) => format!("{} and {more} more", named.join(", ")),
    }
}
