//! What the project promises of its swarm, as data: in which room, beside whom, and how fast.

use super::super::bound::Speeds;
use super::super::engine::Engine;
use super::super::plan::Plan;

/// An engine that needs more than so many times the bound is far behind, and ended.
const PATIENCE: f64 = 2.0;

/// One promise.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) plan: Plan,
    /// What it is about: ours, or a room with ours in it.
    pub(super) subject: Engine,
    pub(super) target: Target,
    /// What is measured beside it.
    pub(super) others: &'static [Engine],
}

/// What is promised of the last machine's time, and when it is kept.
#[derive(Debug)]
pub(super) enum Target {
    /// At most so many times the bound, and ahead of every other engine.
    Bound {
        at_most: f64,
        /// So many payloads may leave the server's card, headers counted.
        copies: Option<f64>,
    },
    /// At most so many times the time of the fastest of these engines, measured in the same call.
    Fastest {
        engines: &'static [Engine],
        at_most: f64,
        /// What is hoped for beyond the promise.
        aim: Option<f64>,
    },
    /// At most so many times the time of the same room in which nobody leaves or comes, measured in the same call.
    Undisturbed { at_most: f64 },
}

/// Everything that a room of machines can be compared with.
const ALL: &[Engine] = &[
    Engine::Udpcast,
    Engine::Aria2,
    Engine::Libtorrent,
    Engine::Transmission,
    Engine::Http,
];
/// The swarm with equal cables: what the server sends hardly grows with the room.
const ONE_COPY: Option<f64> = Some(1.1);

/// In the order of the table.
pub(super) const ROWS: [Row; 12] = [
    of_bound("equal-8", room(8, 128, 40, 40, 40), 1.10, ONE_COPY),
    of_bound("equal-16", room(16, 256, 40, 40, 40), 1.10, ONE_COPY),
    of_bound("equal-32", room(32, 256, 20, 20, 20), 1.12, ONE_COPY),
    // The same rooms with slower cables: where one computer of two processors that plays all of it is too slow for those,
    // these tell the engine's part from the computer's.
    of_bound("half-16", room(16, 128, 20, 20, 20), 1.10, ONE_COPY),
    of_bound("quarter-32", room(32, 256, 5, 5, 5), 1.12, ONE_COPY),
    // A laptop on slow Wi-Fi serves.
    of_bound("slow-server", room(8, 32, 4, 40, 40), 1.10, None),
    of_bound("fast-server", room(16, 128, 200, 20, 20), 1.10, None),
    of_bound("weak-uplinks", room(8, 64, 40, 40, 5), 1.15, None),
    Row {
        name: "one-1gbit",
        plan: room(1, 1024, 1000, 1000, 1000),
        subject: Engine::Ours,
        target: Target::Fastest {
            engines: &[Engine::Http],
            at_most: 1.05,
            aim: None,
        },
        others: &[
            Engine::Http,
            Engine::Aria2,
            Engine::Libtorrent,
            Engine::Transmission,
        ],
    },
    Row {
        name: "one-unlimited",
        plan: Plan {
            speeds: None,
            ..room(1, 1024, 1, 1, 1)
        },
        subject: Engine::Ours,
        // Ahead of them; twice their rate is hoped for.
        target: Target::Fastest {
            engines: &[Engine::Aria2, Engine::Libtorrent, Engine::Transmission],
            at_most: 1.0,
            aim: Some(0.5),
        },
        others: &[
            Engine::Aria2,
            Engine::Libtorrent,
            Engine::Transmission,
            Engine::Http,
            Engine::Sha1,
        ],
    },
    Row {
        name: "churn",
        // 20 % of the machines vanish mid-way, and as many others come.
        plan: Plan {
            churn: 2,
            ..room(10, 64, 40, 40, 40)
        },
        subject: Engine::Ours,
        target: Target::Undisturbed { at_most: 1.10 },
        others: &[Engine::Aria2, Engine::Libtorrent, Engine::Transmission],
    },
    Row {
        name: "mixed",
        plan: room(8, 64, 40, 40, 40),
        // Its last machine with ours counts; a machine with aria2 that never finishes fails it.
        subject: Engine::Mixed,
        // The swarm of aria2 alone at either server: it shall not have been slow for the server's sake.
        target: Target::Fastest {
            engines: &[Engine::Aria2, Engine::Aria2Here],
            at_most: 1.0,
            aim: None,
        },
        others: &[Engine::Aria2, Engine::Aria2Here, Engine::Ours],
    },
];

const fn of_bound(name: &'static str, plan: Plan, at_most: f64, copies: Option<f64>) -> Row {
    Row {
        name,
        plan,
        subject: Engine::Ours,
        target: Target::Bound { at_most, copies },
        others: ALL,
    }
}

/// Machines, MiB for each, and the speeds of the server's cable and of theirs, down and up, in Mbit/s.
const fn room(clients: u32, mib: u64, server: u32, down: u32, up: u32) -> Plan {
    Plan {
        clients,
        churn: 0,
        bytes: mib << 20,
        speeds: Some(Speeds { server, down, up }),
        patience: Some(PATIENCE),
    }
}

impl Row {
    /// Whether the target cannot be judged without `engine`.
    pub(super) fn needs(&self, engine: Engine) -> bool {
        engine == self.subject
            || matches!(&self.target, Target::Fastest { engines, .. } if engines.contains(&engine))
    }
}

impl Target {
    /// For people.
    pub(super) fn in_words(&self) -> String {
        match self {
            Target::Bound { at_most, copies } => {
                let copies = copies.map(|copies| format!(", copies ≤ {copies:.2}"));
                format!("≤ {at_most:.2} of the bound{}", copies.unwrap_or_default())
            }
            Target::Fastest {
                engines,
                at_most,
                aim,
            } => {
                let names: Vec<_> = engines.iter().map(|engine| engine.name()).collect();
                let aim = aim.map(|aim| format!(", aim {aim:.2}"));
                let of = names.join(" or ");
                format!("≤ {at_most:.2} of {of}{}", aim.unwrap_or_default())
            }
            Target::Undisturbed { at_most } => format!("≤ {at_most:.2} of undisturbed"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_measures_what_its_target_needs_in_a_room_that_is_as_it_says() {
        for (number, row) in ROWS.iter().enumerate() {
            let name = row.name;
            assert!(ROWS[..number].iter().all(|other| other.name != name));
            assert!(!row.others.contains(&row.subject), "{name}");
            match &row.target {
                Target::Bound { at_most, copies } => {
                    let speeds = row.plan.speeds.expect(name);
                    let equal = speeds.server == speeds.down && speeds.down == speeds.up;
                    assert_eq!(copies.is_some(), equal, "{name}");
                    assert!((1.06..1.2).contains(at_most), "{name}");
                }
                Target::Fastest { engines, .. } => {
                    assert!(engines.iter().all(|it| row.others.contains(it)), "{name}");
                    assert!(engines.iter().all(|it| row.needs(*it)), "{name}");
                }
                Target::Undisturbed { .. } => {
                    assert_eq!(row.plan.churn * 5, row.plan.clients, "{name}: 20 %");
                }
            }
        }
    }

    #[test]
    fn the_rooms_have_the_bounds_that_were_worked_out_by_hand() {
        let bounds = ROWS.map(|row| row.plan.bound().map(|bound| format!("{bound:.1}")));
        let by_hand = [
            "26.8", "53.7", "107.4", "53.7", "429.5", "67.1", "53.7", "53.7", "8.6", "", "13.4",
            "13.4",
        ];
        let by_hand = by_hand.map(|text| (!text.is_empty()).then(|| text.to_owned()));
        assert_eq!(bounds, by_hand);
    }
}
