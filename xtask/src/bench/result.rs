//! What all runs of an engine come to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::bound::median;
use super::engine::Engine;
use super::plan::Plan;
use super::run::{Measured, TooSlow};

/// From this part of the processors' time on, they are suspected to have been the limit.
const CPU_LIMIT: f64 = 0.9;

/// An engine's line in the table. Of several runs the medians.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub(super) engine: &'static str,
    pub(super) programs: &'static str,
    pub(super) outcome: Outcome,
    /// The runs themselves.
    pub(super) runs: Vec<Measured>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It was run.
    Measured(Figures),
    /// It takes too long to run; so many seconds by arithmetic.
    Computed {
        last: f64,
        last_by_bound: f64,
        copies: f64,
    },
    /// It was far behind, and ended.
    TooSlow {
        slow: TooSlow,
        /// The time after which it was ended, divided by the bound, where there is one.
        after_by_bound: Option<f64>,
    },
    /// It could not be measured, and why.
    Failed(String),
    /// It cannot do what was asked for.
    Unable(&'static str),
}

#[derive(Debug, Serialize)]
pub(super) struct Figures {
    /// Seconds until the last machine that stayed had everything.
    pub(super) last: f64,
    /// The fastest and the slowest run's.
    pub(super) last_from: f64,
    pub(super) last_to: f64,
    /// Seconds until half of these machines had.
    pub(super) median: f64,
    /// Both divided by the bound, where there is one.
    pub(super) last_by_bound: Option<f64>,
    pub(super) median_by_bound: Option<f64>,
    /// Payloads that the server's card sent, headers counted.
    pub(super) copies: Option<f64>,
    /// Seconds until the last of those that came mid-way had everything, since they came.
    pub(super) joined_last: Option<f64>,
    /// Seconds until the last machine of each program, where there are several.
    pub(super) last_of: BTreeMap<&'static str, f64>,
    pub(super) server_cpu: f64,
    pub(super) client_cpu: f64,
    /// Parts of all processors' time.
    pub(super) busy: f64,
    pub(super) busy_before: f64,
    /// What the engine's own programs used of it.
    pub(super) busy_own: f64,
    /// The processors may have been the limit, in at least one run.
    pub(super) cpu_was_the_limit: bool,
}

impl Line {
    /// An engine that was not run.
    pub(super) fn without_runs(engine: Engine, outcome: Outcome) -> Line {
        Line {
            engine: engine.name(),
            programs: engine.programs(),
            outcome,
            runs: Vec::new(),
        }
    }

    /// An engine that was run; at least once.
    pub(super) fn of_runs(engine: Engine, plan: Plan, runs: Vec<Measured>) -> Line {
        let outcome = match Figures::of(plan, &runs) {
            Some(figures) => Outcome::Measured(figures),
            None => Outcome::Failed("it was not run".to_owned()),
        };
        Line {
            engine: engine.name(),
            programs: engine.programs(),
            outcome,
            runs,
        }
    }
}

impl Figures {
    fn of(plan: Plan, runs: &[Measured]) -> Option<Figures> {
        let last = |run: &Measured| run.stayed.last().copied();
        let lasts: Vec<f64> = runs.iter().filter_map(last).collect();
        let last = median(lasts.iter().copied())?;
        let middle = median(
            runs.iter()
                .filter_map(|run| median(run.stayed.iter().copied())),
        )?;
        let of = |value: fn(&Measured) -> f64| median(runs.iter().map(value));
        let bytes = plan.bytes as f64;
        Some(Figures {
            last,
            last_from: lasts.iter().copied().fold(f64::INFINITY, f64::min),
            last_to: lasts.iter().copied().fold(0.0, f64::max),
            median: middle,
            last_by_bound: plan.bound().map(|bound| last / bound),
            median_by_bound: plan.bound().map(|bound| middle / bound),
            copies: median(runs.iter().filter_map(|run| Some(run.sent? as f64 / bytes))),
            joined_last: median(runs.iter().filter_map(|run| run.joined.last().copied())),
            last_of: last_of(runs),
            server_cpu: of(|run| run.server_cpu)?,
            client_cpu: of(|run| run.client_cpu)?,
            busy: of(|run| run.busy)?,
            busy_before: of(|run| run.busy_before)?,
            busy_own: of(|run| run.busy_own)?,
            cpu_was_the_limit: runs.iter().any(|run| run.busy > CPU_LIMIT),
        })
    }
}

/// Medians over the runs.
fn last_of(runs: &[Measured]) -> BTreeMap<&'static str, f64> {
    let programs = runs.iter().flat_map(|run| run.last_of.keys().copied());
    let programs: BTreeSet<&'static str> = programs.collect();
    let last = |program| {
        median(
            runs.iter()
                .filter_map(|run| run.last_of.get(program).copied()),
        )
    };
    programs
        .into_iter()
        .filter_map(|program| Some((program, last(program)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::bound::Speeds;

    fn run(stayed: &[f64], sent: u64, busy: f64) -> Measured {
        Measured {
            stayed: stayed.to_vec(),
            joined: Vec::new(),
            last_of: [("a", stayed[0]), ("b", stayed[1])].into(),
            sent: Some(sent),
            server_cpu: 1.0,
            client_cpu: 2.0,
            busy,
            busy_before: 0.1,
            busy_own: 0.3,
            start: 0.2,
        }
    }

    #[test]
    fn medians_are_of_runs_and_one_busy_run_is_enough_to_doubt() {
        let speeds = Speeds {
            server: 8,
            down: 8,
            up: 8,
        };
        let plan = Plan {
            clients: 3,
            churn: 0,
            bytes: 10_000_000,
            speeds: Some(speeds),
            patience: None,
        };
        let runs = vec![
            run(&[10.5, 11.0, 12.0], 11_000_000, 0.5),
            run(&[10.6, 11.5, 16.0], 15_000_000, 0.95),
            run(&[10.0, 10.5, 11.0], 10_500_000, 0.4),
        ];
        let line = Line::of_runs(Engine::Ours, plan, runs);
        let Outcome::Measured(figures) = line.outcome else {
            panic!("{:?}", line.outcome);
        };
        assert_eq!(figures.last, 12.0);
        assert_eq!((figures.last_from, figures.last_to), (11.0, 16.0));
        assert_eq!(figures.median, 11.0);
        assert_eq!(figures.last_by_bound, Some(1.2));
        assert_eq!(figures.copies, Some(1.1));
        assert_eq!(figures.last_of, [("a", 10.5), ("b", 11.0)].into());
        assert!(figures.cpu_was_the_limit);
        assert_eq!(figures.busy, 0.5);
    }
}
