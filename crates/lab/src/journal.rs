//! What bt-server's API tells of its machines, read back: who got how far, when, and from whom the
//! bytes came.

use std::net::Ipv4Addr;
use std::time::Duration;

use report::{Mac, Source, Step};
use serde::Deserialize;

/// What the API tells at one moment.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Machines {
    /// Milliseconds since the server's journal began.
    pub at_ms: u64,
    /// Every machine it has heard of.
    pub machines: Vec<MachineView>,
}

/// What the API tells of one machine; the journal's words.
#[derive(Clone, Debug, Deserialize)]
pub struct MachineView {
    /// Which machine; `None` for a client known by its address only.
    pub mac: Option<Mac>,
    /// Its address, once it has one.
    pub address: Option<Ipv4Addr>,
    /// How far its boot is, by the API's word for it (`menu`, `fetching`, `failed` …).
    pub stage: String,
    /// One sentence on where it stands.
    #[serde(default)]
    pub state: String,
    /// What keeps it from its system, in one sentence with the remedy, if anything does.
    #[serde(default)]
    pub diagnosis: Option<String>,
    /// All that happened to it.
    pub steps: Vec<TimedStep>,
    /// Who sent it how many bytes of its system.
    #[serde(default)]
    pub sources: Vec<Source>,
}

/// A step and when it happened.
#[derive(Clone, Debug, Deserialize)]
pub struct TimedStep {
    /// Milliseconds since the server's journal began.
    pub at_ms: u64,
    /// How often, one after the other.
    pub times: u32,
    /// What happened.
    pub step: Step,
}

impl Machines {
    /// The machine with this hardware address.
    pub fn machine(&self, mac: &str) -> Option<&MachineView> {
        self.machines
            .iter()
            .find(|one| one.mac.is_some_and(|its| its.to_string() == mac))
    }
}

impl MachineView {
    /// Bytes of its system that came from `address`.
    pub fn bytes_from(&self, address: Ipv4Addr) -> u64 {
        let from = self.sources.iter().filter(|one| one.address == address);
        from.map(|source| source.bytes).sum()
    }

    /// The turning points of its boot, those that have been reached, in order. Times count from
    /// the beginning of the server's journal.
    pub fn milestones(&self) -> Vec<(&'static str, Duration)> {
        let reached = [
            (
                "asks for an address",
                self.first(|s| matches!(s, Step::Discover { .. })),
            ),
            (
                "has its loader",
                self.first(|s| matches!(s, Step::File { .. })),
            ),
            ("its loader runs", self.first(is_script)),
            ("has phase 1", self.last_file()),
            (
                "phase 1 is awake",
                self.first(|s| matches!(s, Step::Awake { .. })),
            ),
            (
                "shows the menu",
                self.first(|s| matches!(s, Step::Menu { .. })),
            ),
            (
                "system chosen",
                self.first(|s| matches!(s, Step::Chosen { .. })),
            ),
            (
                "system fetched",
                self.first(|s| matches!(s, Step::Fetched { .. })),
            ),
            (
                "starts it",
                self.first(|s| matches!(s, Step::Starting { .. })),
            ),
        ];
        let reached = reached.into_iter();
        reached
            .filter_map(|(name, at)| Some((name, Duration::from_millis(at?))))
            .collect()
    }

    /// Bytes of files that travelled to it before phase 1 ran: loader, script, phase 1 itself.
    pub fn loaded(&self) -> u64 {
        let files = self.before_phase1().map(|one| match &one.step {
            Step::File { bytes, .. } => *bytes,
            _ => 0,
        });
        files.sum()
    }

    fn first(&self, is: impl Fn(&Step) -> bool) -> Option<u64> {
        self.steps
            .iter()
            .find(|one| is(&one.step))
            .map(|one| one.at_ms)
    }

    /// When the last file came that was fetched before phase 1 ran.
    fn last_file(&self) -> Option<u64> {
        let files = self.before_phase1();
        let files = files.filter(|one| matches!(one.step, Step::File { .. }));
        files.last().map(|one| one.at_ms)
    }

    fn before_phase1(&self) -> impl Iterator<Item = &TimedStep> {
        let steps = self.steps.iter();
        steps.take_while(|one| !matches!(one.step, Step::Awake { .. }))
    }
}

/// Whether a loader read what it is to do: only a loader that was started does.
fn is_script(step: &Step) -> bool {
    let names = ["boot.ipxe", "pxelinux.cfg", "grub.cfg"];
    matches!(step, Step::File { name, .. } if names.iter().any(|script| name.contains(script)))
}

impl TimedStep {
    /// When it happened, since the journal began.
    pub fn at(&self) -> Duration {
        Duration::from_millis(self.at_ms)
    }

    /// The step as a line for people, told by the server at `server`. `None` for a progress
    /// report, which the next one replaces.
    pub fn line(&self, server: Ipv4Addr) -> Option<String> {
        match &self.step {
            Step::Progress(_) => None,
            step => Some(step.line_at(server)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_understood() {
        let text = r#"{ "at_ms": 9000, "dropped": [], "machines": [{
            "mac": "52:54:00:00:00:01", "address": "10.77.0.101", "stage": "menu", "state": "x",
            "sources": [{ "address": "10.77.0.1", "bytes": 5 }, { "address": "10.77.0.2", "bytes": 7 }],
            "steps": [
                { "at_ms": 1000, "times": 1, "step": { "step": "discover", "firmware": "BIOS PXE" } },
                { "at_ms": 2000, "times": 1, "step": { "step": "file", "door": "tftp", "name": "l", "bytes": 1, "total": 1, "millis": 1 } },
                { "at_ms": 2500, "times": 1, "step": { "step": "file", "door": "tftp", "name": "grub/grub.cfg", "bytes": 1, "total": 1, "millis": 1 } },
                { "at_ms": 3000, "times": 1, "step": { "step": "file", "door": "http", "name": "k", "bytes": 1, "total": 1, "millis": 1 } },
                { "at_ms": 5000, "times": 1, "step": { "step": "menu", "systems": 1, "timeout_s": 5 } }
            ] }] }"#;
        let all: Machines = serde_json::from_str(text).unwrap();
        let one = all.machine("52:54:00:00:00:01").unwrap();
        assert_eq!(one.bytes_from(Ipv4Addr::new(10, 77, 0, 2)), 7);
        assert_eq!(one.loaded(), 3);
        let times: Vec<_> = one
            .milestones()
            .iter()
            .map(|(what, at)| (*what, at.as_millis()))
            .collect();
        let expected = [
            ("asks for an address", 1000),
            ("has its loader", 2000),
            ("its loader runs", 2500),
            ("has phase 1", 3000),
            ("shows the menu", 5000),
        ];
        assert_eq!(times, expected);
    }
}
