//! What one boot has come to, step by step. Stages only go forward while the doors speak; the
//! machine's own word is believed as it comes.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::transfer::Transfer;
use crate::{OPERATING_SYSTEM, Progress, ShellFrom, Stage, Step};

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
    /// The file whose transfer broke off last, and how often since it last arrived whole.
    pub(crate) broken_off: Option<(String, u32)>,
    pub(crate) transfer: Transfer,
    pub(crate) system: Option<String>,
    pub(crate) trouble: Option<String>,
    /// Why its firmware starts nothing of ours although it was told what. An address that it takes elsewhere changes
    /// nothing about that; one that we offer does.
    pub(crate) unfollowed: Option<String>,
    pub(crate) file_bytes: u64,
    /// The last part of a loader that arrived whole.
    pub(crate) loader: Option<String>,
}

impl Boot {
    /// Whether `step` is the first of another boot. Phase 1's own DHCP client, and that of the system
    /// just started, belong to the boot they are part of.
    pub(crate) fn is_ended_by(&self, step: &Step) -> bool {
        match step {
            Step::Discover { firmware } => {
                firmware != OPERATING_SYSTEM && self.stage >= Stage::Kernel
            }
            Step::Awake { .. } => matches!(self.stage, Stage::Starting | Stage::Running),
            // Beside a foreign DHCP server the loader is the first we hear.
            Step::File { name, .. } => {
                Stage::of_file(name) == Some(Stage::Loader) && self.stage >= Stage::Awake
            }
            _ => false,
        }
    }

    pub(crate) fn take(&mut self, now: Duration, step: &Step) {
        self.heard = now;
        match step {
            Step::Discover { firmware } => {
                self.asked = self.asked.saturating_add(1);
                self.address = None;
                self.advance(
                    now,
                    if firmware != OPERATING_SYSTEM {
                        Stage::Firmware
                    } else if self.stage == Stage::OwnDisk {
                        Stage::Running
                    } else {
                        self.heard_system()
                    },
                );
            }
            Step::Offer { address } => {
                (self.offered, self.trouble) = (Some(*address), None);
                self.unfollowed = None;
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
            Step::Unfollowed { why } => {
                self.unfollowed = Some(why.clone());
                self.advance(now, Stage::Firmware);
            }
            Step::OwnDisk { .. } => {
                self.trouble = None;
                self.advance(now, Stage::OwnDisk);
            }
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
            Step::Running { system, .. } => {
                self.system = Some(system.clone());
                self.enter(now, Stage::Running);
            }
            // The menu follows.
            Step::Ended { .. } => self.enter(now, Stage::Awake),
            Step::Failed { what, .. } => {
                self.trouble = Some(what.clone());
                self.enter(now, Stage::Failed);
            }
            Step::Shell {
                from: ShellFrom::Machine,
            } => self.enter(now, Stage::Shell),
            // The machine goes on with what it does.
            Step::Shell {
                from: ShellFrom::Server,
            }
            | Step::PinRefused { .. } => {}
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
        let before = self.broken_off.take_if(|(broken, _)| broken == name);
        if sent < total {
            let times = before.map_or(0, |(_, times)| times);
            self.broken_off = Some((name.to_owned(), times.saturating_add(1)));
        }
        if let Some(stage) = Stage::of_file(name) {
            if stage == Stage::Loader && sent >= total {
                self.loader = Some(name.to_owned());
            }
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
        if progress.have != self.transfer.last().have {
            self.grew = now;
        }
        self.transfer.take(progress);
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
