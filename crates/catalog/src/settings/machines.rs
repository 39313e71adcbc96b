//! The section `machines`: which machines boot, and what is different for some of them.
//!
//! A machine is named by its hardware address, a group by the beginning of theirs. For each key the longest that
//! says it holds, so that a machine need not repeat what its group says; nothing depends on the order of the
//! file, and what is said twice is refused with both lines.

use std::net::Ipv4Addr;

use report::MacPattern;

use super::lan::{is_label, written_address};
use crate::{
    Placed, Problem, Severity,
    nearest::nearest,
    yaml::section::{Section, YEAR},
};

/// The section `machines`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machines {
    /// `unknown`: what becomes of machines that no entry fits.
    pub unknown: Option<Placed<Unknown>>,
    /// `list`, and a rule for each of `ignore`. No two have the same pattern or address.
    pub rules: Vec<MachineRule>,
}

/// What becomes of machines that no entry fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// They boot like any other.
    #[default]
    Boot,
    /// They get no answer.
    Ignore,
}

/// An entry of `machines.list`, as written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineRule {
    /// `mac` or `match`: whom it is for.
    pub pattern: Placed<MacPattern>,
    /// `address`: an address that is kept for this machine.
    pub address: Option<Placed<Ipv4Addr>>,
    /// `name`: what the machine is called, here and by itself.
    pub name: Option<Placed<String>>,
    /// `os`: what starts by itself, by the folder's name or the dispname.
    pub os: Option<Placed<String>>,
    /// `timeout`: seconds its menu waits for a person, as `boottorrent.timeout`.
    pub timeout: Option<Placed<i64>>,
    /// `boot`: whether it boots from this server.
    pub boot: Option<Placed<Boot>>,
}

/// Whether a machine boots from this server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Boot {
    /// Each time it asks.
    #[default]
    Always,
    /// Until a system has started on it; then it goes on with its own disk.
    Once,
    /// It goes on with its own disk.
    Local,
    /// It gets no answer, not even an address.
    Ignore,
}

impl Boot {
    /// Every word, as the file writes it.
    pub const NAMES: [&'static str; 4] = ["always", "once", "local", "ignore"];

    fn named(name: &str) -> Option<Boot> {
        let all = [Boot::Always, Boot::Once, Boot::Local, Boot::Ignore];
        let at = Self::NAMES.iter().position(|known| *known == name)?;
        all.get(at).copied()
    }
}

impl MachineRule {
    fn new(pattern: Placed<MacPattern>) -> MachineRule {
        MachineRule {
            pattern,
            address: None,
            name: None,
            os: None,
            timeout: None,
            boot: None,
        }
    }
}

pub(super) fn machines(mut section: Section<'_>, machines: &mut Machines) -> Vec<Problem> {
    machines.unknown = unknown(&mut section);
    let mut problems = Vec::new();
    for written in ignored(&mut section) {
        let rule = MachineRule {
            boot: Some(Placed {
                value: Boot::Ignore,
                line: written.line,
            }),
            ..MachineRule::new(written)
        };
        if is_new(&mut section, "ignore", &rule.pattern, &machines.rules) {
            machines.rules.push(rule);
        }
    }
    for mut entry in section.sections("list") {
        if let Some(rule) = rule(&mut entry, &machines.rules) {
            machines.rules.push(rule);
        }
        problems.extend(entry.finish(Severity::Error, |_| None));
    }
    problems.extend(section.finish(Severity::Error, belongs_into_an_entry));
    problems
}

fn belongs_into_an_entry(key: &str) -> Option<String> {
    let keys = ["mac", "match", "address", "name", "os", "timeout", "boot"];
    let remedy = "move it below a line `list:`, into the entry of a machine";
    keys.contains(&key).then(|| remedy.to_owned())
}

fn unknown(section: &mut Section<'_>) -> Option<Placed<Unknown>> {
    let written = section.text("unknown", "boot")?;
    let value = match written.value.as_str() {
        "boot" => Unknown::Boot,
        "ignore" => Unknown::Ignore,
        _ => {
            let remedy =
                "write unknown: boot, or unknown: ignore to boot no machine but those in the list";
            section.refuse("unknown", &written, "must be boot or ignore", remedy);
            return None;
        }
    };
    Some(written.map(|_| value))
}

fn ignored(section: &mut Section<'_>) -> Vec<Placed<MacPattern>> {
    let written = section.texts("ignore", "[\"52:54:00:*\"]");
    let written = written.map(|list| list.value).unwrap_or_default();
    let read = written
        .into_iter()
        .map(|written| pattern(section, "ignore", &written));
    read.flatten().collect()
}

/// A pattern, or nothing and a problem.
fn pattern(
    section: &mut Section<'_>,
    key: &'static str,
    written: &Placed<String>,
) -> Option<Placed<MacPattern>> {
    let read = written.value.trim().parse();
    if read.is_err() {
        let what = "must be the first bytes of hardware addresses and then a star";
        let remedy =
            format!("write for example {key}: \"52:54:00:*\", or all six bytes of one machine");
        section.refuse(key, written, what, remedy);
    }
    Some(Placed {
        value: read.ok()?,
        line: written.line,
    })
}

/// Whether nothing before it is for exactly the same machines.
fn is_new(
    section: &mut Section<'_>,
    key: &str,
    pattern: &Placed<MacPattern>,
    before: &[MachineRule],
) -> bool {
    let first = before
        .iter()
        .find(|rule| rule.pattern.value == pattern.value);
    if let Some(first) = first {
        let line = first.pattern.line.unwrap_or_default();
        let what = format!("is there already, in line {line}");
        let remedy =
            format!("keep either this entry or line {line}: no order decides between the two");
        section.refuse(key, pattern, &what, remedy);
    }
    first.is_none()
}

/// One entry, if it says whom it is for and nothing before it is for the same.
fn rule(entry: &mut Section<'_>, before: &[MachineRule]) -> Option<MachineRule> {
    let whom = whom(entry);
    let address = written_address(entry, "address", "192.168.1.21");
    let name = name(entry);
    let os = entry.text("os", "debian");
    let timeout = entry.seconds("timeout", -YEAR..=YEAR, "30");
    let boot = boot(entry);
    let (key, pattern) = whom?;
    let one = pattern.value.machine().is_some();
    let rule = MachineRule {
        address: address.filter(|address| is_free(entry, one, address, before)),
        name: name.filter(|name| one || of_one_machine(entry, "name", name)),
        os,
        timeout,
        boot,
        ..MachineRule::new(pattern)
    };
    is_new(entry, key, &rule.pattern, before).then_some(rule)
}

/// Whom an entry is for, and the key that says so.
fn whom(entry: &mut Section<'_>) -> Option<(&'static str, Placed<MacPattern>)> {
    let mac = entry.text("mac", "52:54:00:12:34:56");
    let group = entry.text("match", "\"52:54:00:*\"");
    match (mac, group) {
        (Some(_), Some(group)) => {
            let what = "stands beside mac, and an entry is for one of the two";
            entry.refuse(
                "match",
                &group,
                what,
                "make two entries of it, or remove one of the two lines",
            );
            None
        }
        (None, Some(group)) => Some(("match", pattern(entry, "match", &group)?)),
        (Some(mac), None) => match mac.value.trim().parse::<report::Mac>() {
            Ok(one) => Some(("mac", mac.map(|_| one.into()))),
            Err(_) if mac.value.contains('*') => {
                let remedy = format!("write match: \"{}\"", mac.value.trim());
                entry.refuse(
                    "mac",
                    &mac,
                    "must be one machine's hardware address",
                    remedy,
                );
                None
            }
            Err(_) => {
                let remedy = "write for example mac: 52:54:00:12:34:56";
                entry.refuse(
                    "mac",
                    &mac,
                    "must be six bytes of two hexadecimal digits",
                    remedy,
                );
                None
            }
        },
        (None, None) => {
            let remedy =
                "write mac: and a hardware address, or match: and the beginning of several";
            // What was written and no text is complained of already.
            if !entry.has_complained() {
                entry.lacks("mac", ", and so is match: the entry is for nobody", remedy);
            }
            None
        }
    }
}

/// Whether an address can be this machine's.
fn is_free(
    entry: &mut Section<'_>,
    one: bool,
    address: &Placed<Ipv4Addr>,
    before: &[MachineRule],
) -> bool {
    if !one {
        return of_one_machine(entry, "address", address);
    }
    let has_it = |rule: &&MachineRule| {
        rule.address
            .is_some_and(|taken| taken.value == address.value)
    };
    let Some(first) = before.iter().find(has_it) else {
        return true;
    };
    let line = first
        .address
        .and_then(|taken| taken.line)
        .unwrap_or_default();
    let what = format!("is another machine's already, in line {line}");
    entry.refuse(
        "address",
        address,
        &what,
        "choose another address for one of the two",
    );
    false
}

/// Says that many machines cannot have what one has.
fn of_one_machine(entry: &mut Section<'_>, key: &str, written: &Placed<impl ToString>) -> bool {
    let what = "is for one machine, and this entry is for all that match";
    entry.refuse(
        key,
        written,
        what,
        "give each machine an entry with its mac, or remove the line",
    );
    false
}

/// A host's name, which its operating system may take from DHCP (option 12).
fn name(entry: &mut Section<'_>) -> Option<Placed<String>> {
    let written = entry.text("name", "pc01")?;
    if is_label(&written.value) {
        return Some(written);
    }
    let what = "must be a host's name: up to 63 letters, digits and hyphens";
    entry.refuse("name", &written, what, "write for example name: pc01");
    None
}

fn boot(entry: &mut Section<'_>) -> Option<Placed<Boot>> {
    let written = entry.text("boot", "once")?;
    let Some(boot) = Boot::named(&written.value) else {
        let what = format!("must be one of {}", Boot::NAMES.join(", "));
        let near = nearest(&written.value, Boot::NAMES).unwrap_or("always");
        entry.refuse("boot", &written, &what, format!("write boot: {near}"));
        return None;
    };
    Some(written.map(|_| boot))
}
