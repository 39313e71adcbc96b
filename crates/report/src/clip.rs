//! Texts of strangers, cut down: a vendor class or a report can hold anything.

use crate::{Facts, Progress, Step};

/// The longest text kept, in characters; the longest of ours is a failure's reason.
const LONGEST: usize = 300;
/// Sources kept in one progress report; more than a machine has connections.
pub(crate) const MOST_SOURCES: usize = 128;

impl Step {
    /// The same step with every text free of control characters and at most 300 characters long,
    /// and with the 128 largest sources. What is already short is not touched.
    #[must_use]
    pub fn clipped(mut self) -> Self {
        match &mut self {
            Self::Discover { firmware } => clip(firmware),
            Self::Refused { why } | Self::Unfollowed { why } | Self::OwnDisk { why } => clip(why),
            Self::File { name, .. } => clip(name),
            Self::Awake { facts } => clip_facts(facts),
            Self::Chosen { system, .. } => clip(system),
            Self::Progress(progress) | Self::Fetched { progress, .. } => clip_progress(progress),
            Self::Starting { system, method } => {
                clip(system);
                clip(method);
            }
            Self::Running {
                system,
                console,
                how,
            } => {
                clip(system);
                clip(console);
                clip(how);
            }
            Self::Ended { system, .. } => clip(system),
            Self::Failed { during, what } => {
                clip(during);
                clip(what);
            }
            Self::PinRefused { console } => clip(console),
            Self::Offer { .. }
            | Self::Lease { .. }
            | Self::Menu { .. }
            | Self::Shell { .. }
            | Self::Retry => {}
        }
        self
    }
}

fn clip_facts(facts: &mut Facts) {
    clip(&mut facts.cpu);
    clip(&mut facts.nic);
    clip(&mut facts.kernel);
}

fn clip_progress(progress: &mut Progress) {
    clip(&mut progress.system);
    if progress.sources.len() > MOST_SOURCES {
        progress
            .sources
            .sort_by_key(|source| std::cmp::Reverse(source.bytes));
        progress.sources.truncate(MOST_SOURCES);
        progress.sources.shrink_to_fit();
    }
}

/// Control characters could move a terminal's cursor or forge a log line; so could the characters
/// that turn the direction of writing.
fn harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
}

fn clip(text: &mut String) {
    let long = text.chars().nth(LONGEST).is_some();
    if !long && !text.contains(harmful) {
        return;
    }
    let kept = if long { LONGEST - 1 } else { LONGEST };
    let mut clean: String = text
        .chars()
        .take(kept)
        .map(|c| if harmful(c) { ' ' } else { c })
        .collect();
    if long {
        clean.push('…');
    }
    *text = clean;
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::{Report, Source};

    #[test]
    fn a_strangers_texts_are_cut_down() {
        let step = Step::Failed {
            during: "a\nb\u{1b}[2J\u{202e}".into(),
            what: "ü".repeat(10_000),
        }
        .clipped();
        let Step::Failed { during, what } = step else {
            unreachable!()
        };
        assert_eq!(during, "a b [2J ");
        assert_eq!(what.chars().count(), LONGEST);
        assert!(what.ends_with('…'));
    }

    #[test]
    fn what_is_short_stays_as_it_is() {
        let step = Step::Chosen {
            system: "デビアン 12 — «prüfen»".into(),
            by: crate::ChosenBy::Person,
        };
        assert_eq!(step.clone().clipped(), step);
    }

    #[test]
    fn the_largest_sources_stay() {
        let sources = (0..1000)
            .map(|n| Source {
                address: Ipv4Addr::from(n),
                bytes: u64::from(n),
            })
            .collect();
        let Step::Progress(progress) = Step::Progress(Progress {
            sources,
            ..Progress::default()
        })
        .clipped() else {
            unreachable!()
        };
        assert_eq!(progress.sources.len(), MOST_SOURCES);
        assert!(progress.sources.iter().all(|s| s.bytes >= 1000 - 128));
    }

    #[test]
    fn reading_a_report_clips_it() {
        let json = r#"{"mac":"52:54:00:12:34:56","uptime_ms":1,"step":{"step":"discover","firmware":"x\u001b[31m"}}"#;
        let report: Report = serde_json::from_str(json).unwrap();
        assert_eq!(
            report.step,
            Step::Discover {
                firmware: "x [31m".into()
            }
        );
    }
}
