//! A row of the table: what was measured, held against what was promised. Pure arithmetic over results.

use serde::{Deserialize, Serialize};

use super::super::engine::BTTUI;
use super::super::plan::Plan;
use super::super::result::{Figures, Line, Outcome};
use super::rows::{Row, Target};

/// What is known of a row: everything its line in the table says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The room, in words.
    pub(super) room: String,
    pub(super) target: String,
    /// What the target is about; `None` where it could not be measured.
    pub(super) measured: Option<f64>,
    /// `met`, or what is missed or was not measured.
    pub(super) verdict: String,
    /// Whether ours was before every other engine, where that is promised: `yes`, or who was not behind.
    pub(super) ahead: Option<String>,
    pub(super) ours: Option<Ours>,
    /// The other engines, fastest first.
    pub(super) others: Vec<Standing>,
    /// The computer, and its load before.
    pub(super) computer: String,
    /// What the programs were built from.
    pub(super) built_from: String,
}

/// Ours, in medians.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ours {
    pub(super) runs: usize,
    /// Seconds until the last machine that stayed had everything.
    pub(super) last: f64,
    pub(super) last_by_bound: Option<f64>,
    pub(super) median_by_bound: Option<f64>,
    pub(super) copies: Option<f64>,
    /// The part of all processors' time that was used.
    pub(super) busy: f64,
    pub(super) cpu_was_the_limit: bool,
}

/// Another engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) engine: String,
    pub(super) runs: usize,
    /// Seconds of its last machine; `None` where it has no time.
    pub(super) last: Option<f64>,
    pub(super) last_by_bound: Option<f64>,
    pub(super) kind: Kind,
}

/// Where its time is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Measured,
    Computed,
    /// It was far behind and ended: it would have needed longer.
    Ended,
    Failed,
    Unable,
}

/// The lines of one call.
pub(super) struct Lines<'a> {
    pub(super) all: &'a [Line],
    /// The row's subject, where nobody left or came.
    pub(super) undisturbed: Option<&'a Line>,
}

impl Entry {
    /// What the lines come to, measured by `plan`. `about` is the room, the computer and what the programs were built
    /// from.
    pub(super) fn of(row: &Row, plan: Plan, lines: &Lines<'_>, about: [String; 3]) -> Entry {
        let [room, computer, built_from] = about;
        let subject = row.subject.name();
        let bound = plan.bound();
        let mut others: Vec<Standing> = lines
            .all
            .iter()
            .filter(|line| line.engine != subject)
            .map(|line| Standing::of(line, bound))
            .collect();
        let order = |standing: &Standing| standing.last.unwrap_or(f64::INFINITY);
        others.sort_by(|one, other| order(one).total_cmp(&order(other)));
        let line = lines.all.iter().find(|line| line.engine == subject);
        let ours = line.and_then(|line| Ours::of(line, bound));
        let judged = ours
            .as_ref()
            .map(|ours| judge(row, ours, &others, lines.undisturbed));
        let (measured, verdict) = match (judged, line) {
            (Some(Ok((measured, verdict))), _) => (Some(measured), verdict),
            (Some(Err(why)), _) => (None, format!("not measured: {why}")),
            // That everyone finishes is promised too.
            (None, Some(line)) => (None, format!("missed: {}", why(line))),
            (None, None) => (None, "not measured".to_owned()),
        };
        let promised = matches!(row.target, Target::Bound { .. });
        let ahead = ours.as_ref().filter(|_| promised);
        Entry {
            room,
            target: row.target.in_words(),
            measured,
            verdict,
            ahead: ahead.and_then(|ours| ours.ahead_of(&others)),
            ours,
            others,
            computer,
            built_from,
        }
    }
}

/// The figure that the target is about, and the verdict; or what is missing.
fn judge(
    row: &Row,
    ours: &Ours,
    others: &[Standing],
    undisturbed: Option<&Line>,
) -> Result<(f64, String), String> {
    match &row.target {
        Target::Bound { at_most, copies } => {
            let ratio = ours.last_by_bound.ok_or("there is no bound")?;
            let mut missed = Vec::new();
            if ratio > *at_most {
                missed.push(format!("{ratio:.3} of the bound"));
            }
            match (copies, ours.copies) {
                (Some(most), Some(sent)) if sent > *most => {
                    missed.push(format!("{sent:.3} copies"));
                }
                (Some(_), None) => return Err("nothing counted the copies".to_owned()),
                _ => {}
            }
            Ok((ratio, verdict(&missed)))
        }
        Target::Fastest {
            engines,
            at_most,
            aim,
        } => {
            let among = |standing: &&Standing| {
                let name = standing.engine.as_str();
                engines.iter().any(|engine| engine.name() == name)
            };
            let mut fastest = others.iter().filter(among);
            let fastest = fastest.find_map(|standing| standing.last);
            let ratio = ours.last / fastest.ok_or("no engine to compare with has finished")?;
            let mut missed = Vec::new();
            if ratio > *at_most {
                missed.push(format!("{ratio:.3}"));
            }
            let aimed = match aim {
                Some(aim) if ratio > *aim => format!("; the aim of {aim:.2} is missed"),
                _ => String::new(),
            };
            Ok((ratio, verdict(&missed) + &aimed))
        }
        Target::Undisturbed { at_most } => {
            let line = undisturbed.ok_or("the undisturbed room was not run")?;
            let without = Ours::of(line, None).ok_or_else(|| why(line))?;
            let ratio = ours.last / without.last;
            let missed = (ratio > *at_most).then(|| format!("{ratio:.3}"));
            Ok((ratio, verdict(missed.as_slice())))
        }
    }
}

fn verdict(missed: &[String]) -> String {
    match missed {
        [] => "met".to_owned(),
        missed => format!("missed: {}", missed.join(", ")),
    }
}

/// Why a line has no figures.
fn why(line: &Line) -> String {
    let name = line.engine;
    match &line.outcome {
        Outcome::TooSlow { slow, .. } => format!("{name} was ended: {slow}"),
        Outcome::Failed(why) => format!("{name}: {}", why.lines().next().unwrap_or(why)),
        Outcome::Unable(why) => format!("{name}: {why}"),
        Outcome::Measured(_) | Outcome::Computed { .. } => format!("{name} has no machine of ours"),
    }
}

impl Ours {
    /// Of a line in which machines run our client: the last of them counts, whatever others there are.
    fn of(line: &Line, bound: Option<f64>) -> Option<Ours> {
        let Outcome::Measured(figures) = &line.outcome else {
            return None;
        };
        let Figures {
            last_of,
            median_by_bound,
            copies,
            busy,
            cpu_was_the_limit,
            ..
        } = figures;
        let last = *last_of.get(BTTUI)?;
        Some(Ours {
            runs: line.runs.len(),
            last,
            last_by_bound: bound.map(|bound| last / bound),
            median_by_bound: *median_by_bound,
            copies: *copies,
            busy: *busy,
            cpu_was_the_limit: *cpu_was_the_limit,
        })
    }

    /// `None` where there is nobody to compare with.
    fn ahead_of(&self, others: &[Standing]) -> Option<String> {
        let timed = || others.iter().filter_map(|it| Some((it, it.last?)));
        timed().next()?;
        // One that was ended is behind if it was ended later than ours was done, and otherwise nobody knows.
        let not_behind: Vec<&str> = timed()
            .filter(|(_, last)| *last <= self.last)
            .map(|(standing, _)| standing.engine.as_str())
            .collect();
        Some(match not_behind.as_slice() {
            [] => "yes".to_owned(),
            names => format!("no: {}", names.join(", ")),
        })
    }
}

impl Standing {
    fn of(line: &Line, bound: Option<f64>) -> Standing {
        let (kind, last) = match &line.outcome {
            Outcome::Measured(figures) => (Kind::Measured, Some(figures.last)),
            Outcome::Computed { last, .. } => (Kind::Computed, Some(*last)),
            Outcome::TooSlow { slow, .. } => (Kind::Ended, Some(slow.after)),
            Outcome::Failed(_) => (Kind::Failed, None),
            Outcome::Unable(_) => (Kind::Unable, None),
        };
        Standing {
            engine: line.engine.to_owned(),
            runs: line.runs.len(),
            last,
            last_by_bound: last.zip(bound).map(|(last, bound)| last / bound),
            kind,
        }
    }

    /// `aria2 1.57`, or seconds where there is no bound.
    pub(super) fn in_words(&self) -> String {
        let value = match (self.last, self.last_by_bound) {
            (_, Some(ratio)) => format!("{ratio:.2}"),
            (Some(last), None) => format!("{last:.2} s"),
            (None, None) => String::new(),
        };
        let name = &self.engine;
        match self.kind {
            Kind::Measured => format!("{name} {value}"),
            Kind::Computed => format!("{name} {value} (computed)"),
            Kind::Ended => format!("{name} > {value} (ended)"),
            Kind::Failed => format!("{name} failed"),
            Kind::Unable => format!("{name} –"),
        }
    }
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
