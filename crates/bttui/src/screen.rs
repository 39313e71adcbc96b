//! The screens as values: what each one knows, and nothing of how it looks.

use std::time::Duration;

use report::Progress;

use crate::sharing::Sharing;

/// One screen and what only it knows.
#[derive(Clone, Debug)]
pub enum Screen {
    /// No lease yet.
    Waiting {
        /// Since when.
        since: Duration,
        /// The best guess at the reason.
        why: String,
    },
    /// The lease is there, the list of systems is being read.
    Reading,
    /// The list of systems.
    Menu {
        /// Index into the manifest's systems.
        selected: usize,
        /// When the default starts by itself; `None` waits for a person.
        deadline: Option<Duration>,
    },
    /// A download.
    Fetching {
        /// Index into the manifest's systems.
        system: usize,
        /// Since when.
        since: Duration,
        /// The last figures.
        progress: Progress,
        /// What hinders it, if anything does.
        trouble: Option<String>,
    },
    /// Complete, and seeding as the configuration asks for.
    Sharing {
        /// Index into the manifest's systems.
        system: usize,
        /// What it waits for, and for whom.
        sharing: Sharing,
        /// The last figures.
        progress: Progress,
    },
    /// The last moment: the kernel is being loaded, or the program.
    Starting {
        /// Index into the manifest's systems.
        system: usize,
    },
    /// A program has one of the consoles; this is what the others show.
    Running(Running),
    /// Something went wrong; a person or the time decides what next.
    Failed(Failure),
}

/// A system that runs while phase 1 stays.
#[derive(Clone, Debug)]
pub struct Running {
    /// Index into the manifest's systems.
    pub system: usize,
    /// The console it has (`ttyS0`, `tty1`).
    pub console: String,
    /// For a guest, who executes it, in words; else nothing.
    pub how: String,
    /// Since when.
    pub since: Duration,
    /// The download's last figures: it is shared with others.
    pub progress: Progress,
    /// What hinders sharing, if anything does.
    pub trouble: Option<String>,
    /// Whether it was asked to end.
    pub is_ending: bool,
}

/// What went wrong, and what can be done about it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Failure {
    /// What was being done.
    pub during: During,
    /// The reason, in one or a few sentences.
    pub what: String,
    /// When the machine goes on by itself: it tries again or, where nothing was tried, shows the menu anew.
    pub retry_at: Option<Duration>,
}

/// What was being done when something failed.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum During {
    /// Reading what the server offers.
    Reading,
    /// Fetching the system with this index.
    Fetching(usize),
    /// Starting the system with this index.
    Starting(usize),
    /// Nothing was tried: with what this server has nobody can start the system with this index.
    Unsupported(usize),
}
