//! What the machine does now, as text: the screen, the system, the download, and from whom it comes. Pure: the model
//! goes in. Of the manifest only names are shown.

use std::fmt::Write;
use std::time::Duration;

use report::Progress;

use crate::app::App;
use crate::screen::{During, Screen};
use crate::ui::text::{duration, percent};

/// The machine's state at `now`, on the model's clock.
pub(super) fn state(app: &App, now: Duration) -> String {
    let mut text = String::new();
    if let Some(lease) = &app.lease {
        let (mac, address, card) = (lease.mac, lease.address, &lease.interface);
        let named = app
            .manifest
            .as_ref()
            .and_then(|told| told.entry_of(mac)?.name.clone());
        let name = named.map(|name| format!("{name}, ")).unwrap_or_default();
        let _ = writeln!(text, "machine   {name}{mac}, {address} on {card}");
    }
    if let Some(server) = app.server() {
        let _ = writeln!(text, "server    {server}");
    }
    let _ = writeln!(text, "does      {}", does(app, now));
    if let Some(outcome) = app.outcome {
        let _ = writeln!(
            text,
            "before    {} ended: {}",
            name(app, outcome.system),
            outcome.exit
        );
    }
    let (progress, trouble) = match &app.screen {
        Screen::Fetching {
            progress, trouble, ..
        } => (Some(progress), trouble.as_ref()),
        Screen::Sharing { progress, .. } => (Some(progress), None),
        Screen::Running(running) => (Some(&running.progress), running.trouble.as_ref()),
        _ => (None, None),
    };
    if let Some(trouble) = trouble {
        let _ = writeln!(text, "hindered  {trouble}");
    }
    if let Some(progress) = progress {
        transfer(app, progress, &mut text);
    }
    text.push_str("\nsystems:\n");
    for entry in app.systems() {
        let (size, method) = (report::bytes(entry.size), entry.method.name());
        let _ = writeln!(
            text,
            "  {}  {}, {method}, {size}",
            entry.name, entry.dispname
        );
    }
    text
}

/// The model's history, with the time since this program started.
pub(super) fn log(app: &App) -> String {
    let lines = app.history.lines();
    lines
        .map(|line| {
            let (seconds, millis) = (line.at.as_secs(), line.at.subsec_millis());
            format!("{seconds:5}.{millis:03} s  {}\n", line.text)
        })
        .collect()
}

fn does(app: &App, now: Duration) -> String {
    let since = |at: Duration| duration(now.saturating_sub(at));
    match &app.screen {
        Screen::Waiting { since: at, why } => {
            format!("waits for an address for {}: {why}", since(*at))
        }
        Screen::Reading => "reads what the server offers".to_owned(),
        Screen::Fetching {
            system, since: at, ..
        } => {
            format!("fetches {} for {}", name(app, *system), since(*at))
        }
        Screen::Sharing {
            system, sharing, ..
        } => {
            let left = duration(sharing.left(now));
            format!(
                "has {}, and shares it for {left} at most",
                name(app, *system)
            )
        }
        Screen::Starting { system } => format!("starts {}", name(app, *system)),
        Screen::Running(running) => {
            let (what, time) = (name(app, running.system), since(running.since));
            let ending = if running.is_ending {
                ", which was asked to end"
            } else {
                ""
            };
            format!("runs {what} on {} for {time}{ending}", running.console)
        }
        Screen::Failed(failure) => {
            let again = match failure.retry_at {
                Some(at) => {
                    let next = match failure.during {
                        During::Unsupported(_) => "goes back to the menu",
                        _ => "tries again",
                    };
                    format!("{next} in {}", duration(at.saturating_sub(now)))
                }
                None => "waits for a person".to_owned(),
            };
            let during = app.describe(failure.during);
            format!("failed at {during}, {again}: {}", failure.what)
        }
        Screen::Menu {
            selected,
            deadline: Some(at),
        } => {
            let left = duration(at.saturating_sub(now));
            format!(
                "is at the menu, and starts {} in {left}",
                name(app, *selected)
            )
        }
        _ => "is at the menu, and waits for a person".to_owned(),
    }
}

fn transfer(app: &App, progress: &Progress, text: &mut String) {
    let Progress {
        total,
        have,
        uploaded,
        peers,
        rate,
        sources,
        ..
    } = progress;
    let share = percent(*have, *total);
    let [have, total, uploaded] = [have, total, uploaded].map(|count| report::bytes(*count));
    let _ = writeln!(
        text,
        "download  {have} of {total}, {share} %, {}, sent {uploaded}, {peers} peers",
        report::rate(*rate)
    );
    for source in sources {
        let who = match app.server() == Some(source.address) {
            true => "the server",
            false => "a machine",
        };
        let bytes = report::bytes(source.bytes);
        let _ = writeln!(text, "  {bytes:>10}  from {}, {who}", source.address);
    }
}

fn name(app: &App, system: usize) -> &str {
    app.systems()
        .get(system)
        .map_or("a system", |entry| &entry.name)
}
