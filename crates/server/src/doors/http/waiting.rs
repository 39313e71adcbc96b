//! `GET /api/v1/waiting/NAME`: who is still fetching a system. A machine that has all of it asks
//! this before it stops sharing (`seed_until: room`), twice a second.
//!
//! For each that still fetches, one that has everything stays, beside the server: with cables of one speed it
//! gets no more from two. The others are told that nobody waits for them, so that one slow machine
//! does not keep a room from starting.

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
use crate::offer;

/// Who has said nothing for so long is waited for no more. Our machines announce every eight seconds
/// and report every second, so this is a machine that was switched off in the middle of its download,
/// and it must not hold up a room.
const SILENCE: Duration = Duration::from_secs(30);
/// Addresses in one answer at most: more than anybody waits for, and an answer of 16 KB.
const MOST: usize = 1000;

/// The answer.
#[derive(Debug, Serialize)]
struct Waiting {
    /// Addresses of the machines that are fetching the system now, in order, without the asker's own. None where
    /// as many others already stay for them.
    waiting: Vec<Ipv4Addr>,
}

/// Those who announced to the tracker that they lack something, and those who reported that they do:
/// the one knows foreign clients too, the other is there where the tracker is switched off.
pub(super) async fn waiting(
    Extract(state): Extract<State>,
    ConnectInfo(peer): From,
    Path(name): Path<String>,
) -> Response {
    let offer = offer::last(&state.offers);
    let Some(torrents) = offer.systems.get(&name) else {
        state.journal.dropped("waiting", "no such system");
        return (StatusCode::NOT_FOUND, "There is no such system here.\n").into_response();
    };
    let here = state.journal.interface();
    let elapsed = state.journal.elapsed();
    let mut room = reported(&state.machines.borrow(), here, &name, elapsed);
    if let Some(tracker) = tracker(&state) {
        let now = state.begun.elapsed();
        // Where it changed meanwhile, nobody says which one they are at: at worst one waits in vain for others.
        for torrent in torrents {
            room.fetching
                .extend(tracker.fetching(*torrent, now, SILENCE));
            room.sharing.extend(tracker.sharing(*torrent, now, SILENCE));
        }
    }
    let waiting = room.waits_for(peer.ipv4());
    Json(Waiting { waiting }).into_response()
}

/// Who is at a system now.
#[derive(Debug, Default)]
struct Room {
    fetching: BTreeSet<Ipv4Addr>,
    /// Has everything, and is there.
    sharing: BTreeSet<Ipv4Addr>,
}

impl Room {
    /// Who waits for this one, which has everything. Whose turn it is to stay goes by the address, which is the same
    /// whoever asks and whenever.
    fn waits_for(&self, asker: Ipv4Addr) -> Vec<Ipv4Addr> {
        let others = |all: &BTreeSet<Ipv4Addr>| {
            let others = all.iter().copied().filter(|one| *one != asker);
            others.collect::<Vec<_>>()
        };
        let mut waiting = others(&self.fetching);
        let is_there = |one: &Ipv4Addr| *one < asker && !waiting.contains(one);
        let stay = self.sharing.iter().filter(|one| is_there(one)).count();
        if stay >= waiting.len() {
            waiting.clear();
        }
        waiting.truncate(MOST);
        waiting
    }
}

/// The machines whose last report, not long before `now`, was of a download of `system`, on the wire of the interface
/// `here`: those of other networks reach nobody in this one.
fn reported(snapshot: &Snapshot, here: Option<&str>, system: &str, now: Duration) -> Room {
    let since = u64::try_from(now.saturating_sub(SILENCE).as_millis()).unwrap_or(u64::MAX);
    let mut room = Room::default();
    let are_here = snapshot
        .machines
        .iter()
        .filter(|machine| here.is_none() || machine.interface.as_deref() == here);
    for machine in are_here {
        match (machine.address, is_complete(machine, system, since)) {
            (Some(address), Some(true)) => room.sharing.insert(address),
            (Some(address), Some(false)) => room.fetching.insert(address),
            _ => continue,
        };
    }
    room
}

/// Whether it has all of the system; nothing where it is not at it any more.
fn is_complete(machine: &Machine, system: &str, since: u64) -> Option<bool> {
    // It may have restarted, failed or gone back to its menu after the report.
    if !matches!(machine.stage, Stage::Fetching | Stage::Sharing) {
        return None;
    }
    let last = machine
        .steps
        .iter()
        .rev()
        .find_map(|told| match &told.step {
            Step::Progress(progress) => Some((progress, told.last_ms)),
            _ => None,
        });
    let (progress, _) = last.filter(|(_, last_ms)| *last_ms >= since)?;
    (progress.system == system).then(|| progress.complete())
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
            name: None,
            address: Some(ADDRESS),
            interface: Some("eth0".into()),
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
            let asked = |here| reported(&snapshot, here, "debian", Duration::from_secs(60));
            let elsewhere = asked(Some("eth1"));
            assert!(elsewhere.fetching.is_empty() && elsewhere.sharing.is_empty());
            assert_eq!(asked(None).fetching.contains(&ADDRESS), waits, "{name}");
            let room = asked(Some("eth0"));
            assert_eq!(room.fetching.contains(&ADDRESS), waits, "{name}");
            assert_eq!(
                room.sharing.contains(&ADDRESS),
                name == "complete",
                "{name}"
            );
        }
    }

    #[test]
    fn for_each_that_fetches_one_stays() {
        let address = |last| Ipv4Addr::new(10, 77, 0, last);
        let hosts = |all: &[u8]| all.iter().copied().map(address).collect::<BTreeSet<_>>();
        // (who fetches, who shares, who asks, how many wait for it)
        for (fetching, sharing, asker, wait) in [
            (&[21, 22][..], &[][..], 30, 2),
            (&[21, 22], &[30], 30, 2),
            (&[21, 22], &[28, 30], 30, 2),
            (&[21, 22], &[28, 29, 30], 30, 0),
            (&[21, 22], &[28, 29, 30], 29, 2),
            (&[21], &[28, 29, 30], 29, 0),
            (&[21], &[28, 29, 30], 28, 1),
            (&[], &[28, 29, 30], 28, 0),
            // What it reported before its last announce.
            (&[21, 30], &[30], 30, 1),
            (&[21, 22], &[21, 22, 30], 30, 2),
        ] {
            let room = Room {
                fetching: hosts(fetching),
                sharing: hosts(sharing),
            };
            let waiting = room.waits_for(address(asker)).len();
            assert_eq!(waiting, wait, "{fetching:?} {sharing:?} {asker}");
        }
    }
}
