//! One machine's history: its last steps, and where it stands because of them.
//!
//! Bounded whatever arrives: repeated requests are counted instead of listed, a progress report
//! replaces the one before, and of all that remains the last [`MAX_STEPS`] are kept.

use std::collections::VecDeque;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Serialize;

use crate::text::percent;
use crate::{Facts, OPERATING_SYSTEM, Progress, Source, Step, bytes, rate};

/// Steps kept of one machine. A boot has about twenty.
pub const MAX_STEPS: usize = 256;

/// What the kernel stage consists of; any other file is a loader's.
const PHASE1_FILES: [&str; 4] = ["bzImage", "rootfs.gz", "diff.gz", "torrents.gz"];

/// How far a machine is, in the order of a boot.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing was heard yet.
    #[default]
    Unknown,
    /// Firmware asks for an address.
    Firmware,
    /// A loader is being fetched, or runs.
    Loader,
    /// Phase 1 is being fetched, or wakes.
    Kernel,
    /// Phase 1 runs.
    Awake,
    /// The menu is shown.
    Menu,
    /// A system is being fetched.
    Fetching,
    /// A system is there; the machine shares it before it starts.
    Sharing,
    /// The system is being started.
    Starting,
    /// An operating system runs: its own DHCP client was heard.
    Running,
    /// Something failed; the machine waits or tries again.
    Failed,
    /// A person works in a shell.
    Shell,
}

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

/// What is known of the boot in progress.
#[derive(Clone, Debug, Default)]
pub(crate) struct Boot {
    pub(crate) stage: Stage,
    pub(crate) since: Duration,
    pub(crate) heard: Duration,
    pub(crate) grew: Duration,
    pub(crate) offered: Option<Ipv4Addr>,
    pub(crate) address: Option<Ipv4Addr>,
    pub(crate) asked: u32,
    pub(crate) broken_off: u32,
    pub(crate) progress: Progress,
    pub(crate) system: Option<String>,
    pub(crate) trouble: Option<String>,
    file_bytes: u64,
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

    /// The last figures of this boot's download; all zero before it begins.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.boot.progress
    }

    /// Where the bytes of this boot's system came from.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.boot.progress.sources
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
            .saturating_add(self.boot.progress.uploaded)
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
                } = &boot.progress;
                format!(
                    "fetching {system}, {} %, {}",
                    percent(*have, (*total).max(1)),
                    rate(*speed)
                )
            }
            Stage::Sharing => format!("has {system}, sent {}", bytes(boot.progress.uploaded)),
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

impl Boot {
    /// Whether `step` is the first of another boot. Phase 1's own DHCP client, and that of the system
    /// just started, belong to the boot they are part of.
    fn is_ended_by(&self, step: &Step) -> bool {
        match step {
            Step::Discover { firmware } => {
                firmware != OPERATING_SYSTEM && self.stage >= Stage::Kernel
            }
            Step::Awake { .. } => matches!(self.stage, Stage::Starting | Stage::Running),
            // Beside a foreign DHCP server the loader is the first we hear.
            Step::File { name, .. } => {
                file_stage(name) == Some(Stage::Loader) && self.stage >= Stage::Awake
            }
            _ => false,
        }
    }

    fn take(&mut self, now: Duration, step: &Step) {
        self.heard = now;
        match step {
            Step::Discover { firmware } => {
                self.asked = self.asked.saturating_add(1);
                self.address = None;
                self.advance(
                    now,
                    if firmware == OPERATING_SYSTEM {
                        self.heard_system()
                    } else {
                        Stage::Firmware
                    },
                );
            }
            Step::Offer { address } => {
                (self.offered, self.trouble) = (Some(*address), None);
                self.advance(now, Stage::Firmware);
            }
            Step::Lease { address } => {
                (self.address, self.asked, self.trouble) = (Some(*address), 0, None);
                self.advance(now, self.heard_system());
            }
            Step::Refused { why } if self.stage <= Stage::Kernel => {
                self.trouble = Some(why.clone());
                self.advance(now, Stage::Firmware);
            }
            Step::Refused { .. } => {}
            Step::File {
                name, bytes, total, ..
            } => self.take_file(now, name, *bytes, *total),
            Step::Awake { facts } => {
                (self.address, self.trouble) = (Some(facts.address), None);
                self.enter(now, Stage::Awake);
            }
            Step::Menu { .. } => self.enter(now, Stage::Menu),
            Step::Chosen { system, .. } => {
                self.begin(now, system);
                self.enter(now, Stage::Fetching);
            }
            Step::Progress(progress) | Step::Fetched { progress, .. } => {
                self.take_progress(now, progress);
            }
            Step::Starting { system, .. } => {
                self.system = Some(system.clone());
                self.enter(now, Stage::Starting);
            }
            Step::Failed { what, .. } => {
                self.trouble = Some(what.clone());
                self.enter(now, Stage::Failed);
            }
            Step::Shell => self.enter(now, Stage::Shell),
            Step::Retry => {
                self.trouble = None;
                self.enter(
                    now,
                    if self.system.is_some() {
                        Stage::Fetching
                    } else {
                        Stage::Awake
                    },
                );
                self.grew = now;
            }
        }
    }

    /// The stage of a machine whose operating system talks DHCP: it runs, unless phase 1 is just
    /// waking or running, whose client that is.
    fn heard_system(&self) -> Stage {
        match self.stage {
            Stage::Unknown | Stage::Starting | Stage::Running => Stage::Running,
            stage => stage,
        }
    }

    fn take_file(&mut self, now: Duration, name: &str, sent: u64, total: u64) {
        self.file_bytes = self.file_bytes.saturating_add(sent);
        if sent < total {
            self.broken_off = self.broken_off.saturating_add(1);
        }
        if let Some(stage) = file_stage(name) {
            self.advance(now, stage);
            if self.stage == stage {
                self.grew = now;
            }
        }
    }

    fn take_progress(&mut self, now: Duration, progress: &Progress) {
        if self.system.as_ref() != Some(&progress.system) {
            self.begin(now, &progress.system);
        }
        if progress.have != self.progress.have {
            self.grew = now;
        }
        self.progress = progress.clone();
        // Reports on their way overtake a start or a failure; a shell is only beside the download.
        if !matches!(self.stage, Stage::Starting | Stage::Running | Stage::Failed) {
            self.enter(
                now,
                if progress.complete() {
                    Stage::Sharing
                } else {
                    Stage::Fetching
                },
            );
        }
    }

    fn begin(&mut self, now: Duration, system: &str) {
        self.system = Some(system.to_owned());
        self.grew = now;
    }

    /// Goes on to `stage`, never back: firmware fetches things twice, loaders ask for addresses too.
    fn advance(&mut self, now: Duration, stage: Stage) {
        if stage > self.stage {
            self.enter(now, stage);
        }
    }

    fn enter(&mut self, now: Duration, stage: Stage) {
        if self.stage != stage {
            (self.stage, self.since, self.grew) = (stage, now, now);
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "unknown",
            Self::Firmware => "firmware",
            Self::Loader => "loader",
            Self::Kernel => "kernel",
            Self::Awake => "awake",
            Self::Menu => "menu",
            Self::Fetching => "fetching",
            Self::Sharing => "sharing",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Shell => "shell",
        })
    }
}

fn is_dhcp(step: &Step) -> bool {
    matches!(
        step,
        Step::Discover { .. } | Step::Offer { .. } | Step::Lease { .. } | Step::Refused { .. }
    )
}

/// The stage a file belongs to; none for those of a system, which phase 1 fetches.
fn file_stage(name: &str) -> Option<Stage> {
    let name = name.trim_start_matches('/');
    if name.starts_with("oss/") {
        return None;
    }
    let last = name.rsplit('/').next().unwrap_or(name);
    Some(if PHASE1_FILES.contains(&last) {
        Stage::Kernel
    } else {
        Stage::Loader
    })
}
