//! One readable line per step, for the log and for histories.

use std::net::Ipv4Addr;

use crate::text::{percent, plural};
use crate::{Door, Facts, OPERATING_SYSTEM, Progress, ShellFrom, Step, bytes, millis, rate};

impl Step {
    /// The step as one line without a line's end: `offered 10.77.0.101`.
    #[must_use]
    pub fn line(&self) -> String {
        self.told(None)
    }

    /// The line as the server at `server` tells it: knowing its own address it also says how much
    /// came from other machines (`fetched debian 31.0 MB in 3.1 s, 48 % from other machines`).
    #[must_use]
    pub fn line_at(&self, server: Ipv4Addr) -> String {
        self.told(Some(server))
    }

    fn told(&self, server: Option<Ipv4Addr>) -> String {
        // The doors' texts come from the wire as well, and have not been clipped yet.
        match &self.clone().clipped() {
            Self::Discover { firmware } if firmware == OPERATING_SYSTEM => {
                "its operating system asks for an address".into()
            }
            Self::Discover { firmware } => format!("{firmware} asks for an address"),
            Self::Offer { address } => format!("offered {address}"),
            Self::Lease { address } => format!("took {address}"),
            Self::Refused { why } => format!("refused: {why}"),
            Self::Unfollowed { why } => format!("boots nothing of ours: {why}"),
            Self::OwnDisk { why } => format!("left to its own disk: {why}"),
            Self::File {
                door,
                name,
                bytes,
                total,
                millis,
            } => file(*door, name, (*bytes, *total), *millis),
            Self::Awake { facts } => awake(facts),
            Self::Menu { systems, timeout_s } => menu(*systems, *timeout_s),
            Self::Chosen { system, by } => format!("{system} chosen by {by}"),
            Self::Progress(progress) => under_way(progress, server),
            Self::Fetched { progress, millis } => fetched(progress, *millis, server),
            Self::Starting { system, method } => format!("starts {system} by {method}"),
            Self::Running {
                system,
                console,
                how,
            } => {
                let comma = if how.is_empty() { "" } else { ", " };
                format!("runs {system} on {console}{comma}{how}")
            }
            Self::Ended { system, exit } => format!("{system} {exit}"),
            Self::Failed { during, what } if during.is_empty() => format!("failed: {what}"),
            Self::Failed { during, what } => format!("failed while {during}: {what}"),
            Self::Shell { from } => match from {
                ShellFrom::Machine => "a person opened a shell".into(),
                ShellFrom::Server => "the server opened a shell".into(),
            },
            Self::PinRefused { console } => format!("a PIN for a shell was refused on {console}"),
            Self::Retry => "tries again".into(),
        }
    }
}

fn file(door: Door, name: &str, (sent, total): (u64, u64), span: u64) -> String {
    let span = millis(span);
    if sent < total {
        return format!(
            "{name} broke off after {} of {} by {door} in {span}",
            bytes(sent),
            bytes(total)
        );
    }
    format!("{name} {} by {door} in {span}", bytes(total))
}

fn awake(facts: &Facts) -> String {
    let memory = bytes(facts.memory_bytes);
    let cpus = if facts.cpus > 1 {
        format!("{} × ", facts.cpus)
    } else {
        String::new()
    };
    format!(
        "awake: {memory} RAM, {cpus}{}, {}, Linux {}",
        facts.cpu, facts.nic, facts.kernel
    )
}

fn menu(systems: u32, timeout_s: i64) -> String {
    let systems = plural(u64::from(systems), "system");
    match timeout_s {
        ..0 => format!("menu of {systems}, waits for a person"),
        0 => format!("menu of {systems}, starts at once"),
        _ => format!("menu of {systems}, {timeout_s} s"),
    }
}

fn under_way(progress: &Progress, server: Option<Ipv4Addr>) -> String {
    let Progress {
        system,
        total,
        have,
        ..
    } = progress;
    if progress.complete() {
        let uploaded = bytes(progress.uploaded);
        return format!("has {system}, sent {uploaded} to other machines");
    }
    let (percent, total, speed) = (percent(*have, *total), bytes(*total), rate(progress.rate));
    let peers = plural(u64::from(progress.peers), "peer");
    format!(
        "{system} {percent} % of {total}, {speed}, {peers}{}",
        share(progress, server)
    )
}

fn fetched(progress: &Progress, span: u64, server: Option<Ipv4Addr>) -> String {
    format!(
        "fetched {} {} in {}{}",
        progress.system,
        bytes(progress.total),
        millis(span),
        share(progress, server)
    )
}

fn share(progress: &Progress, server: Option<Ipv4Addr>) -> String {
    let Some(server) = server else {
        return String::new();
    };
    match progress.from_others(server) {
        (_, 0) => String::new(),
        (0, _) => ", all from the server".into(),
        (others, all) => format!(", {} % from other machines", percent(others, all)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChosenBy, Exit, Source};

    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

    fn progress(have: u64) -> Progress {
        let neighbour = Ipv4Addr::new(10, 77, 0, 102);
        let sources = vec![
            Source {
                address: SERVER,
                bytes: 520,
            },
            Source {
                address: neighbour,
                bytes: 480,
            },
        ];
        Progress {
            system: "debian".into(),
            total: 31_000_000,
            have,
            uploaded: 5_000_000,
            peers: 1,
            rate: 9_900_000,
            sources,
        }
    }

    #[test]
    fn every_step_reads_well() {
        let file = |bytes| Step::File {
            door: Door::Http,
            name: "rootfs.gz".into(),
            bytes,
            total: 3_100_000,
            millis: 420,
        };
        let facts = Facts {
            memory_bytes: 4_000_000_000,
            cpus: 2,
            cpu: "Pentium".into(),
            nic: "eth0 (e1000)".into(),
            address: SERVER,
            kernel: "6.1.0".into(),
        };
        let system = || "debian".to_owned();
        let table = [
            (
                Step::Discover {
                    firmware: "BIOS PXE".into(),
                },
                "BIOS PXE asks for an address",
            ),
            (
                Step::Discover {
                    firmware: OPERATING_SYSTEM.into(),
                },
                "its operating system asks for an address",
            ),
            (Step::Offer { address: SERVER }, "offered 10.77.0.1"),
            (Step::Lease { address: SERVER }, "took 10.77.0.1"),
            (
                Step::Refused {
                    why: "the pool is empty".into(),
                },
                "refused: the pool is empty",
            ),
            (
                Step::Unfollowed {
                    why: "it ignores our offers".into(),
                },
                "boots nothing of ours: it ignores our offers",
            ),
            (file(3_100_000), "rootfs.gz 3.1 MB by HTTP in 0.42 s"),
            (
                file(1_000_000),
                "rootfs.gz broke off after 1.0 MB of 3.1 MB by HTTP in 0.42 s",
            ),
            (
                Step::Awake { facts },
                "awake: 4.0 GB RAM, 2 × Pentium, eth0 (e1000), Linux 6.1.0",
            ),
            (
                Step::Menu {
                    systems: 2,
                    timeout_s: 30,
                },
                "menu of 2 systems, 30 s",
            ),
            (
                Step::Menu {
                    systems: 1,
                    timeout_s: 0,
                },
                "menu of 1 system, starts at once",
            ),
            (
                Step::Menu {
                    systems: 2,
                    timeout_s: -1,
                },
                "menu of 2 systems, waits for a person",
            ),
            (
                Step::Chosen {
                    system: system(),
                    by: ChosenBy::Timeout,
                },
                "debian chosen by the countdown",
            ),
            (
                Step::Progress(progress(15_500_000)),
                "debian 50 % of 31.0 MB, 9.9 MB/s, 1 peer, 48 % from other machines",
            ),
            (
                Step::Progress(progress(31_000_000)),
                "has debian, sent 5.0 MB to other machines",
            ),
            (
                Step::Fetched {
                    progress: progress(31_000_000),
                    millis: 3_100,
                },
                "fetched debian 31.0 MB in 3.1 s, 48 % from other machines",
            ),
            (
                Step::Starting {
                    system: system(),
                    method: "kexec".into(),
                },
                "starts debian by kexec",
            ),
            (
                Step::Running {
                    system: system(),
                    console: "ttyS0".into(),
                    how: String::new(),
                },
                "runs debian on ttyS0",
            ),
            (
                Step::Running {
                    system: system(),
                    console: "tty1".into(),
                    how: "with KVM".into(),
                },
                "runs debian on tty1, with KVM",
            ),
            (
                Step::Ended {
                    system: system(),
                    exit: Exit::Itself { status: 3 },
                },
                "debian ended with exit status 3",
            ),
            (
                Step::Failed {
                    during: "fetching debian".into(),
                    what: "no peer".into(),
                },
                "failed while fetching debian: no peer",
            ),
            (
                Step::OwnDisk {
                    why: "debian has started here once".into(),
                },
                "left to its own disk: debian has started here once",
            ),
            (
                Step::Shell {
                    from: ShellFrom::Machine,
                },
                "a person opened a shell",
            ),
            (
                Step::Shell {
                    from: ShellFrom::Server,
                },
                "the server opened a shell",
            ),
            (
                Step::PinRefused {
                    console: "tty1".into(),
                },
                "a PIN for a shell was refused on tty1",
            ),
            (Step::Retry, "tries again"),
        ];
        for (step, line) in table {
            assert_eq!(step.line_at(SERVER), line);
        }
    }

    #[test]
    fn without_the_servers_address_no_share_is_claimed() {
        let step = Step::Fetched {
            progress: progress(31_000_000),
            millis: 3_100,
        };
        assert_eq!(step.line(), "fetched debian 31.0 MB in 3.1 s");
    }

    #[test]
    fn a_line_is_one_line() {
        let step = Step::File {
            door: Door::Tftp,
            name: "x\r\n2026 INFO all is well\u{7}".into(),
            bytes: 0,
            total: 0,
            millis: 0,
        };
        assert!(!step.line().contains(char::is_control), "{:?}", step.line());
    }
}
