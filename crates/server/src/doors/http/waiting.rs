//! `GET /api/v1/waiting/NAME`: who is still fetching a system. A machine that has all of it asks
//! this before it stops sharing (`seed_until: room`), once a second.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, Path, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use report::{Stage, Step};
use serde::Serialize;

use super::announce::tracker;
use super::{From, State};
use crate::journal::{Machine, Snapshot};

/// Who has said nothing for so long is waited for no more. Our machines announce every eight seconds
/// and report every second, so this is a machine that was switched off in the middle of its download,
/// and it must not hold up a room.
const SILENCE: Duration = Duration::from_secs(30);
/// Addresses in one answer at most: more than anybody waits for, and an answer of 16 KB.
const MOST: usize = 1000;

/// The answer.
#[derive(Debug, Serialize)]
struct Waiting {
    /// Addresses of the machines that are fetching the system now, in order, without the asker's own.
    waiting: Vec<Ipv4Addr>,
}

/// Those who announced to the tracker that they lack something, and those who reported that they do:
/// the one knows foreign clients too, the other is there where the tracker is switched off.
pub(super) async fn waiting(
    Extract(state): Extract<State>,
    ConnectInfo(peer): From,
    Path(name): Path<String>,
) -> Response {
    let Some(torrent) = state.systems.get(&name) else {
        state.journal.dropped("waiting", "no such system");
        return (StatusCode::NOT_FOUND, "There is no such system here.\n").into_response();
    };
    let mut fetching = reported(&state.machines.borrow(), &name, state.journal.elapsed());
    if let Some(tracker) = tracker(&state) {
        fetching.extend(tracker.fetching(*torrent, state.begun.elapsed(), SILENCE));
    }
    fetching.remove(&peer.ipv4());
    let waiting = fetching.into_iter().take(MOST).collect();
    Json(Waiting { waiting }).into_response()
}

/// The machines whose last report, not long before `now`, was of an unfinished download of `system`.
fn reported(snapshot: &Snapshot, system: &str, now: Duration) -> BTreeSet<Ipv4Addr> {
    let since = u64::try_from(now.saturating_sub(SILENCE).as_millis()).unwrap_or(u64::MAX);
    let machines = snapshot.machines.iter();
    machines
        .filter(|machine| is_fetching(machine, system, since))
        .filter_map(|machine| machine.address)
        .collect()
}

fn is_fetching(machine: &Machine, system: &str, since: u64) -> bool {
    // It may have restarted, failed or gone back to its menu after the report.
    if machine.stage != Stage::Fetching {
        return false;
    }
    let last = machine
        .steps
        .iter()
        .rev()
        .find_map(|told| match &told.step {
            Step::Progress(progress) => Some((progress, told.last_ms)),
            _ => None,
        });
    last.is_some_and(|(progress, last_ms)| {
        progress.system == system && !progress.complete() && last_ms >= since
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Told;
    use report::Progress;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 21);

    fn machine(stage: Stage, system: &str, have: u64, last_ms: u64) -> Machine {
        let progress = Progress {
            system: system.into(),
            total: 100,
            have,
            ..Progress::default()
        };
        let told = Told {
            at_ms: 0,
            last_ms,
            times: 1,
            step: Step::Progress(progress),
        };
        Machine {
            mac: None,
            address: Some(ADDRESS),
            stage,
            state: String::new(),
            diagnosis: None,
            sources: Vec::new(),
            uploaded: 0,
            boots: 1,
            steps: [told].into(),
        }
    }

    /// Asked one minute after the journal began.
    #[test]
    fn only_an_unfinished_download_reported_lately_is_waited_for() {
        for (name, machine, waits) in [
            (
                "fetching",
                machine(Stage::Fetching, "debian", 99, 59_000),
                true,
            ),
            (
                "half a minute ago",
                machine(Stage::Fetching, "debian", 99, 30_000),
                true,
            ),
            (
                "before that",
                machine(Stage::Fetching, "debian", 99, 29_999),
                false,
            ),
            (
                "complete",
                machine(Stage::Fetching, "debian", 100, 59_000),
                false,
            ),
            (
                "another system",
                machine(Stage::Fetching, "memtest", 99, 59_000),
                false,
            ),
            (
                "it restarted",
                machine(Stage::Firmware, "debian", 99, 59_000),
                false,
            ),
            (
                "it failed",
                machine(Stage::Failed, "debian", 99, 59_000),
                false,
            ),
        ] {
            let snapshot = Snapshot {
                machines: vec![machine],
                ..Snapshot::default()
            };
            let waiting = reported(&snapshot, "debian", Duration::from_secs(60));
            assert_eq!(waiting.contains(&ADDRESS), waits, "{name}");
        }
    }
}
