//! The stages of a boot, and which stage a fetched file belongs to.

use std::fmt;

use serde::Serialize;

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
    /// Firmware was named no loader: it goes on with the machine's own disk.
    OwnDisk,
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
    /// An operating system runs, whose own DHCP client was heard, or a program or guest inside phase 1.
    Running,
    /// Something failed; the machine waits or tries again.
    Failed,
    /// A person works in a shell.
    Shell,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "unknown",
            Self::Firmware => "firmware",
            Self::OwnDisk => "own disk",
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

impl Stage {
    /// The stage a file belongs to; none for those of a system, which phase 1 fetches.
    pub(crate) fn of_file(name: &str) -> Option<Self> {
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
}
