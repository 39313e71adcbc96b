//! One machine's history: its last steps, and where it stands because of them.
//!
//! Bounded whatever arrives: repeated requests are counted instead of listed, a progress report
//! replaces the one before, and of all that remains the last [`MAX_STEPS`] are kept.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Serialize;

use crate::boot::Boot;
use crate::text::percent;
use crate::{Facts, Progress, Source, Stage, Step, bytes, rate};

/// Steps kept of one machine. A boot has about twenty.
pub const MAX_STEPS: usize = 256;

/// One step, when it was, and how often.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// When it was first noted.
    pub at: Duration,
    /// When it was last noted; later than `at` if it was repeated.
    pub last: Duration,
    /// How often, one after the other.
    pub times: u32,
    /// What happened.
    pub step: Step,
}

/// The bounded history of one machine. Times are those the caller passes in.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    entries: VecDeque<Entry>,
    pub(crate) boot: Boot,
    boots: u32,
    facts: Option<Facts>,
    uploaded_before: u64,
}

impl Timeline {
    /// Notes that the machine did `step` at `now`.
    pub fn push(&mut self, now: Duration, step: Step) {
        let step = step.clipped();
        if self.boot.is_ended_by(&step) {
            self.uploaded_before = self.uploaded();
            self.boot = Boot {
                since: now,
                grew: now,
                ..Boot::default()
            };
        }
        let before = self.boot.stage;
        self.boot.take(now, &step);
        if before == Stage::Unknown && self.boot.stage != Stage::Running {
            self.boots = self.boots.saturating_add(1);
        }
        if let Step::Awake { facts } = &step {
            self.facts = Some(facts.clone());
        }
        self.note(now, step);
    }

    /// The last steps, oldest first.
    pub fn steps(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.iter()
    }

    /// How far it is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.boot.stage
    }

    /// Since when it is that far.
    #[must_use]
    pub fn since(&self) -> Duration {
        self.boot.since
    }

    /// When it was last heard of.
    #[must_use]
    pub fn heard(&self) -> Duration {
        self.boot.heard
    }

    /// The address it took, or else the one it was offered.
    #[must_use]
    pub fn address(&self) -> Option<Ipv4Addr> {
        self.boot.address.or(self.boot.offered)
    }

    /// What kind of machine it is, as phase 1 told when it last ran.
    #[must_use]
    pub fn facts(&self) -> Option<&Facts> {
        self.facts.as_ref()
    }

    /// The system it fetches, has or runs, as far as it told.
    #[must_use]
    pub fn system(&self) -> Option<&str> {
        self.boot.system.as_deref()
    }

    /// The last figures of the download in progress; all zero before it begins.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        self.boot.transfer.last()
    }

    /// Where the bytes of this boot's system came from, over all attempts to fetch it.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        self.boot.transfer.sources()
    }

    /// Bytes of loaders and of phase 1 that the server sent it in this boot.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.boot.file_bytes
    }

    /// Bytes it sent to other machines, in all its boots.
    #[must_use]
    pub fn uploaded(&self) -> u64 {
        self.uploaded_before
            .saturating_add(self.boot.transfer.uploaded())
    }

    /// How often it began to boot.
    #[must_use]
    pub fn boots(&self) -> u32 {
        self.boots
    }

    /// Where it stands, in a few words: `fetching debian, 48 %, 9.9 MB/s`.
    #[must_use]
    pub fn state(&self) -> String {
        let boot = &self.boot;
        let system = boot.system.as_deref().unwrap_or("a system");
        match boot.stage {
            Stage::Unknown => "not heard of".into(),
            Stage::Firmware => match (boot.address, boot.offered) {
                (Some(address), _) => format!("firmware took {address}"),
                (None, Some(address)) => format!("firmware was offered {address}"),
                (None, None) => "firmware asks for an address".into(),
            },
            Stage::OwnDisk => "goes on with its own disk".into(),
            Stage::Loader => "loader runs".into(),
            Stage::Kernel => "phase 1 is on its way".into(),
            Stage::Awake => "phase 1 runs".into(),
            Stage::Menu => "at the menu".into(),
            Stage::Fetching => {
                let Progress {
                    have,
                    total,
                    rate: speed,
                    ..
                } = boot.transfer.last();
                format!(
                    "fetching {system}, {} %, {}",
                    percent(*have, (*total).max(1)),
                    rate(*speed)
                )
            }
            Stage::Sharing => format!("has {system}, sent {}", bytes(boot.transfer.uploaded())),
            Stage::Starting => format!("starts {system}"),
            Stage::Running if boot.system.is_some() => format!("runs {system}"),
            Stage::Running => "runs its own operating system".into(),
            Stage::Failed => format!(
                "failed: {}",
                boot.trouble.as_deref().unwrap_or("for an unknown reason")
            ),
            Stage::Shell => "a person works in a shell".into(),
        }
    }

    fn note(&mut self, now: Duration, step: Step) {
        if let Some(entry) = self.repeated(&step) {
            entry.last = now;
            entry.times = entry.times.saturating_add(1);
            entry.step = step;
            return;
        }
        if self.entries.len() == MAX_STEPS {
            self.entries.pop_front();
        }
        self.entries.push_back(Entry {
            at: now,
            last: now,
            times: 1,
            step,
        });
    }

    /// The entry that `step` repeats or brings up to date. A machine without an answer asks again and
    /// again, so within one conversation about an address the same words are one entry each.
    fn repeated(&mut self, step: &Step) -> Option<&mut Entry> {
        if is_dhcp(step) {
            let mut talk = self
                .entries
                .iter_mut()
                .rev()
                .take_while(|entry| is_dhcp(&entry.step));
            return talk.find(|entry| entry.step == *step);
        }
        let last = self.entries.back_mut()?;
        let again = match (&last.step, step) {
            (Step::Progress(before), Step::Progress(after)) => before.system == after.system,
            (before, after) => before == after,
        };
        again.then_some(last)
    }
}

fn is_dhcp(step: &Step) -> bool {
    matches!(
        step,
        Step::Discover { .. }
            | Step::Offer { .. }
            | Step::Lease { .. }
            | Step::Refused { .. }
            | Step::Unfollowed { .. }
            | Step::OwnDisk { .. }
    )
}
