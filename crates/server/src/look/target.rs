//! Which machine is meant, whether it can be looked at, and from which of the server's addresses. Pure: decided on the
//! journal's last snapshot.

use std::net::Ipv4Addr;

use report::{Mac, OPERATING_SYSTEM, Step, look};
use serde::{Deserialize, Serialize};

use crate::journal::{Machine, Snapshot};

/// Machines that are named where the one that was meant is not known.
const MOST_NAMED: usize = 8;

/// Where a machine is reached.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Target {
    /// What it is called, for people.
    pub who: String,
    /// Its hardware address, where it is known: who else has the address by now refuses a shell.
    #[serde(default)]
    pub mac: Option<Mac>,
    /// Its address.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// The server's address that it knows: it answers nobody else.
    pub from: Ipv4Addr,
}

/// Why a machine is not looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The journal has none of that name.
    Unknown(String),
    /// It is not in phase 1, or no longer.
    Elsewhere(String),
    /// It should answer and does not.
    Silent(String),
}

/// What the server's journal knows about a machine and phase 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// Firmware, loader, or phase 1 without a word of its own.
    Before,
    /// In phase 1.
    Here,
    /// It said that it starts something in phase 1's place; nothing was heard of it since.
    Leaving,
    /// What it started was heard of.
    Gone,
    /// Its firmware was named no loader.
    OwnDisk,
}

/// The machine of this name, hardware address or address.
///
/// # Errors
/// There is none; with those that there are.
pub fn find<'a>(snapshot: &'a Snapshot, word: &str) -> Result<&'a Machine, Refusal> {
    let mac = word.parse::<Mac>().ok();
    let address = word.parse::<Ipv4Addr>().ok();
    let is_meant = |machine: &&Machine| {
        let named = machine.name.as_deref();
        (mac.is_some() && machine.mac == mac)
            || (address.is_some() && machine.address == address)
            || named.is_some_and(|name| name.eq_ignore_ascii_case(word))
    };
    // An address may have been another machine's: the one that was heard last has it.
    let heard = |machine: &&Machine| machine.steps.iter().map(|told| told.last_ms).max();
    let meant = snapshot.machines.iter().filter(is_meant);
    meant.max_by_key(heard).ok_or_else(|| {
        let known: Vec<String> = snapshot.machines.iter().map(who).take(MOST_NAMED).collect();
        let known = match (known.len(), snapshot.machines.len()) {
            (0, _) => "this server has heard of none since it started".to_owned(),
            (named, all) if named < all => {
                format!("known are {all}, among them {}", known.join(", "))
            }
            _ => format!("known are {}", known.join(", ")),
        };
        let word: String = word.chars().filter(|c| !c.is_control()).take(64).collect();
        Refusal::Unknown(format!("no machine is known as {word}; {known}"))
    })
}

/// Where `machine` is reached from one of the server's addresses, `own`, each with its interface.
///
/// # Errors
/// It is not in phase 1: where it is instead.
pub fn target(machine: &Machine, own: &[(String, Ipv4Addr)]) -> Result<Target, Refusal> {
    let who = who(machine);
    match place(machine) {
        Place::Here | Place::Leaving => {}
        Place::Before => {
            let state = &machine.state;
            let why =
                format!("{who} is not in phase 1 yet: {state}. Look again when it is at the menu");
            return Err(Refusal::Elsewhere(why));
        }
        Place::Gone => return Err(gone(&who, "has started its operating system")),
        Place::OwnDisk => return Err(gone(&who, "went on with its own disk")),
    }
    let of_its_wire = own
        .iter()
        .find(|(name, _)| Some(name.as_str()) == machine.interface.as_deref());
    let from = of_its_wire.or(own.first()).map(|(_, address)| *address);
    match (machine.address, from) {
        (Some(address), Some(from)) => Ok(Target {
            who,
            mac: machine.mac,
            address,
            port: look::PORT,
            from,
        }),
        _ => Err(Refusal::Silent(format!(
            "the address of {who} is not known"
        ))),
    }
}

/// What it means that a machine with such a history does not answer.
pub fn silent(machine: &Machine, target: &Target, error: &str) -> Refusal {
    let who = &target.who;
    if place(machine) == Place::Leaving {
        return gone(who, "is starting its operating system, or has");
    }
    let state = &machine.state;
    Refusal::Silent(format!(
        "{who} does not answer ({error}). The last that was heard of it: {state}. It may be switched off, or have booted \
         from another address than {}",
        target.from
    ))
}

fn gone(who: &str, what: &str) -> Refusal {
    Refusal::Elsewhere(format!(
        "{who} {what}: only a machine in phase 1 can be looked at. Its steps are in /api/v1/machines; restart it to look \
         at it"
    ))
}

fn who(machine: &Machine) -> String {
    let mac = machine.mac.map(|mac| mac.to_string());
    let address = machine.address.map(|address| address.to_string());
    let all = [machine.name.clone(), mac, address];
    let known: Vec<String> = all.into_iter().flatten().collect();
    match known.split_first() {
        Some((first, [])) => first.clone(),
        Some((first, rest)) => format!("{first} ({})", rest.join(", ")),
        None => "a machine".to_owned(),
    }
}

/// Walks back through its steps. Leases say nothing, for every system renews them; nor does a DHCP client that is no
/// firmware, which phase 1 has too, except after a start.
fn place(machine: &Machine) -> Place {
    let mut asked = false;
    for told in machine.steps.iter().rev() {
        match &told.step {
            Step::Offer { .. }
            | Step::Lease { .. }
            | Step::Refused { .. }
            | Step::Unfollowed { .. } => {}
            Step::Discover { firmware } if firmware == OPERATING_SYSTEM => asked = true,
            // A system's files, which phase 1 fetches, or what it started.
            Step::File { name, .. } if name.trim_start_matches('/').starts_with("oss/") => {}
            Step::Discover { .. } | Step::File { .. } => return Place::Before,
            Step::OwnDisk { .. } => return Place::OwnDisk,
            Step::Starting { method, .. } if ["kexec", "local"].contains(&method.as_str()) => {
                return if asked { Place::Gone } else { Place::Leaving };
            }
            _ => return Place::Here,
        }
    }
    Place::Before
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Told;
    use report::{ChosenBy, Door, Stage};

    fn step(step: Step) -> Told {
        Told {
            at_ms: 0,
            last_ms: 0,
            times: 1,
            step,
        }
    }

    fn machine(name: Option<&str>, number: u8, steps: Vec<Step>) -> Machine {
        Machine {
            mac: Some(Mac([0x52, 0x54, 0, 0, 0, number])),
            name: name.map(str::to_owned),
            address: Some(Ipv4Addr::new(10, 77, 0, number)),
            interface: Some("eth1".into()),
            stage: Stage::Menu,
            state: "at the menu".to_owned(),
            diagnosis: None,
            sources: Vec::new(),
            uploaded: 0,
            boots: 1,
            steps: steps.into_iter().map(step).collect(),
        }
    }

    fn menu() -> Step {
        Step::Menu {
            systems: 1,
            timeout_s: -1,
        }
    }

    fn discover(firmware: &str) -> Step {
        let firmware = firmware.to_owned();
        Step::Discover { firmware }
    }

    fn starting(method: &str) -> Step {
        let (system, method) = ("debian".to_owned(), method.to_owned());
        Step::Starting { system, method }
    }

    #[test]
    fn a_machine_is_found_by_what_it_is_called() {
        let machines = vec![
            machine(Some("pc01"), 1, vec![menu()]),
            machine(None, 2, vec![menu()]),
        ];
        let snapshot = Snapshot {
            machines,
            ..Snapshot::default()
        };
        for (word, number) in [
            ("PC01", 1),
            ("52:54:00:00:00:02", 2),
            ("52-54-00-00-00-02", 2),
            ("10.77.0.1", 1),
        ] {
            let found = find(&snapshot, word).map(|machine| machine.mac);
            assert_eq!(
                found,
                Ok(Some(Mac([0x52, 0x54, 0, 0, 0, number]))),
                "{word}"
            );
        }
        let Err(Refusal::Unknown(why)) = find(&snapshot, "pc\u{1b}02") else {
            panic!("it is found")
        };
        let known = "known are pc01 (52:54:00:00:00:01, 10.77.0.1), 52:54:00:00:00:02 (10.77.0.2)";
        assert_eq!(why, format!("no machine is known as pc02; {known}"));
        let Err(Refusal::Unknown(why)) = find(&Snapshot::default(), "pc01") else {
            panic!("it is found")
        };
        assert!(why.contains("has heard of none"), "{why}");
    }

    #[test]
    fn an_address_is_that_machine_s_which_was_heard_last() {
        let at = |number: u8, last_ms: u64| {
            let told = Told {
                last_ms,
                ..step(menu())
            };
            Machine {
                address: Some(Ipv4Addr::new(10, 77, 0, 1)),
                steps: [told].into(),
                ..machine(None, number, vec![])
            }
        };
        for (machines, number) in [
            (vec![at(1, 5), at(2, 9), at(3, 7)], 2),
            (vec![at(1, 9), at(2, 5)], 1),
            (vec![at(1, 5), at(2, 5)], 2),
        ] {
            let snapshot = Snapshot {
                machines,
                ..Snapshot::default()
            };
            let found = find(&snapshot, "10.77.0.1").map(|machine| machine.mac);
            assert_eq!(found, Ok(Some(Mac([0x52, 0x54, 0, 0, 0, number]))));
        }
    }

    #[test]
    fn it_is_reached_from_the_address_that_it_knows() {
        let own = [
            ("eth0".to_owned(), Ipv4Addr::new(10, 1, 0, 1)),
            ("eth1".to_owned(), Ipv4Addr::new(10, 77, 0, 254)),
        ];
        let found = target(&machine(None, 1, vec![menu()]), &own).expect("it is there");
        assert_eq!(found.from, own[1].1);
        assert_eq!(
            (found.address, found.port),
            (Ipv4Addr::new(10, 77, 0, 1), 6970)
        );
        let elsewhere = Machine {
            interface: None,
            ..machine(None, 1, vec![menu()])
        };
        assert_eq!(
            target(&elsewhere, &own).expect("it is there").from,
            own[0].1
        );
    }

    #[test]
    fn its_steps_say_whether_it_is_in_phase_1() {
        let named = |name: &str| Step::File {
            door: Door::Http,
            name: name.into(),
            bytes: 1,
            total: 1,
            millis: 1,
        };
        let file = || named("torrents.gz");
        let lease = || Step::Lease {
            address: Ipv4Addr::new(10, 77, 0, 1),
        };
        let chosen = || Step::Chosen {
            system: "debian".into(),
            by: ChosenBy::Person,
        };
        let own_disk = || Step::OwnDisk { why: "once".into() };
        let os = || discover(OPERATING_SYSTEM);
        for (steps, expected) in [
            (vec![], Place::Before),
            (vec![discover("BIOS PXE"), lease(), file()], Place::Before),
            (vec![file(), os(), lease()], Place::Before),
            (vec![file(), os(), lease(), menu(), lease()], Place::Here),
            (
                vec![file(), menu(), named("oss/debian/initrd.img")],
                Place::Here,
            ),
            (vec![menu(), chosen(), starting("bin")], Place::Here),
            (vec![menu(), chosen(), starting("kexec")], Place::Leaving),
            (vec![menu(), starting("kexec"), lease()], Place::Leaving),
            (vec![menu(), starting("kexec"), os(), lease()], Place::Gone),
            (
                vec![menu(), starting("local"), discover("BIOS PXE")],
                Place::Before,
            ),
            (vec![discover("BIOS PXE"), own_disk()], Place::OwnDisk),
        ] {
            assert_eq!(
                place(&machine(None, 1, steps.clone())),
                expected,
                "{steps:?}"
            );
        }
    }

    #[test]
    fn who_is_not_there_is_explained() {
        let own = [("eth1".to_owned(), Ipv4Addr::new(10, 77, 0, 254))];
        let gone = machine(
            Some("pc01"),
            1,
            vec![starting("kexec"), discover(OPERATING_SYSTEM)],
        );
        let Err(Refusal::Elsewhere(why)) = target(&gone, &own) else {
            panic!("it is there")
        };
        assert!(
            why.contains("pc01") && why.contains("has started its operating system"),
            "{why}"
        );
        for (last, expected) in [(starting("kexec"), true), (menu(), false)] {
            let machine = machine(None, 1, vec![last]);
            let target = target(&machine, &own).expect("perhaps");
            let why = silent(&machine, &target, "connection refused");
            assert_eq!(matches!(why, Refusal::Elsewhere(_)), expected, "{why:?}");
        }
    }
}
