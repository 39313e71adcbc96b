//! Reading `Boottorrent.yaml` section by section.

use super::{
    LogLevel, SeedUntil, Settings, lan, machines,
    network::{self, set},
};
use crate::{
    Checked, Placed, Problem, Severity, Shell,
    nearest::nearest,
    who,
    yaml::{
        scalar::Plain,
        section::{Section, YEAR},
        tree::{self, Node},
    },
};

/// Reads `Boottorrent.yaml`.
///
/// `file` is the name to show in problems, `text` its content. The settings are there even when
/// problems are: every key that could not be read has its default. They are `None` only where nothing at
/// all could be read.
pub fn settings(file: &str, text: &str) -> Checked<Settings> {
    match tree::parse(file, text) {
        Ok(root) => {
            let mut settings = Settings::default();
            let problems = read(file, root, &mut settings);
            Checked {
                value: Some(settings),
                problems,
            }
        }
        Err(problem) => Checked {
            value: None,
            problems: vec![problem],
        },
    }
}

fn read(file: &str, root: Node, settings: &mut Settings) -> Vec<Problem> {
    let mut top = Section::top(file, root);
    let mut problems = boottorrent(top.section("boottorrent"), settings);
    problems.extend(network::dnsmasq(top.section("dnsmasq"), settings));
    problems.extend(aria2(top.section("aria2"), settings));
    problems.extend(tracker(&mut top, settings));
    let lease = settings
        .dhcp_range
        .filter(|range| range.value.lease.is_some());
    let lease = lease.and_then(|range| range.line);
    problems.extend(lan::lan(
        top.section("network"),
        lease,
        &mut settings.network,
    ));
    problems.extend(machines::machines(
        top.section("machines"),
        &mut settings.machines,
    ));
    problems.extend(who::among_themselves(file, settings));
    problems.extend(waits_for_nobody(file, settings));
    // A section of earlier versions of the original.
    top.retired(
        "transmission",
        "remove the section; this server seeds by itself",
    );
    problems.extend(top.finish(Severity::Error, section_of));
    // By line, as the person will walk through the file.
    problems.sort_by_key(|problem| problem.line);
    problems
}

/// Where a key belongs that was found at the file's top or in the section `boottorrent`.
fn section_of(key: &str) -> Option<String> {
    let section = match key {
        "version" | "timeout" | "default_os" | "seed_time" | "seed_until" | "seed_max"
        | "shell" | "remote_shell" | "multicast" | "host_ip" | "display_oss" => "boottorrent",
        "enable_dhcp" | "enable_tftp" | "interface" | "bind_interfaces" | "dhcp_range" | "user" => {
            "dnsmasq"
        }
        "enable" | "port" => "opentracker",
        "bt_enable_lpd" | "enable_peer_exchange" | "console_log_level" => "aria2",
        "router" | "dns" | "ntp" | "domain" | "lease" | "subnets" => "network",
        "unknown" | "ignore" => "machines",
        _ => return None,
    };
    Some(format!("move it below a line `{section}:` and indent it"))
}

fn boottorrent(mut section: Section<'_>, settings: &mut Settings) -> Vec<Problem> {
    let version = section.integer("version", i64::MIN..=i64::MAX, "0");
    if let Some(version) = version.filter(|version| version.value != 0) {
        let what = "is not known to this server";
        section.refuse("version", &version, what, "write version: 0");
    }
    if let Some(timeout) = section.seconds("timeout", -YEAR..=YEAR, "30") {
        settings.timeout = timeout;
    }
    settings.default_os = section.text("default_os", "Debian");
    settings.seed_time = section.seconds("seed_time", -YEAR..=YEAR, "30");
    settings.seed_until = seed_until(&mut section);
    settings.seed_max = section
        .integer("seed_max", 0..=YEAR, "60")
        .map(|seconds| seconds.map(i64::unsigned_abs));
    settings.shell = shell(&mut section).unwrap_or_default();
    settings.host_ip = network::host_ip(&mut section);
    settings.display_oss = display_oss(&mut section);
    set(&mut settings.remote_shell, section.boolean("remote_shell"));
    set(&mut settings.multicast, section.boolean("multicast"));
    let unheard = [
        (
            "seed_until",
            settings.seed_until.and_then(|until| until.line),
        ),
        (
            "seed_max",
            settings.seed_max.and_then(|seconds| seconds.line),
        ),
    ];
    for (key, line) in unheard {
        if line.is_some() && settings.seed_time.is_some() {
            let what = "has no effect beside seed_time";
            section.warn(key, line, what, "remove one of the two");
        }
    }
    section.finish(Severity::Error, section_of)
}

fn seed_until(section: &mut Section<'_>) -> Option<Placed<SeedUntil>> {
    let until = section.text("seed_until", "room")?;
    if until.value == "room" {
        return Some(until.map(|_| SeedUntil::Room));
    }
    let what = "must be room";
    let remedy = "write seed_until: room, or remove the line";
    section.refuse("seed_until", &until, what, remedy);
    None
}

/// What is wrong means nobody, until it is put right.
fn shell(section: &mut Section<'_>) -> Option<Shell> {
    let written = section.yes_no_or_text("shell", "no")?;
    match written.value.trim().parse() {
        Ok(shell) => Some(shell),
        Err(why) => {
            let remedy = "write shell: no or shell: yes, or the line that `bt-server pin` prints";
            section.refuse("shell", &written, &why.to_string(), remedy);
            None
        }
    }
}

/// Folder names; an empty list would offer nothing.
fn display_oss(section: &mut Section<'_>) -> Vec<Placed<String>> {
    let Some(Placed { value, line }) = section.texts("display_oss", "[debian]") else {
        return Vec::new();
    };
    let names: Vec<Placed<String>> = value
        .into_iter()
        .map(|name| name.map(|name| name.trim().to_owned()))
        .collect();
    if names.is_empty() {
        let list = Placed {
            value: "an empty list",
            line,
        };
        let remedy = "list the names of folders in oss, or remove the line to offer all of them";
        section.refuse("display_oss", &list, "offers no system", remedy);
    }
    names
}

/// Machines that cannot reach each other do not wait for each other, however long they may.
fn waits_for_nobody(file: &str, settings: &Settings) -> Option<Problem> {
    let longest = settings.seed_max.filter(|seconds| seconds.value > 0)?;
    if settings.machines_meet() || settings.seed_time.is_some() {
        return None;
    }
    let what = "boottorrent.seed_max has no effect where the tracker is off";
    let problem = Problem::warning(file, what, "remove the line, or write enable: True");
    Some(problem.at(longest.line))
}

/// The tracker's section, or what the original's earlier versions had in its place.
fn tracker(top: &mut Section<'_>, settings: &mut Settings) -> Vec<Problem> {
    let old = top.has("hefur") && !top.has("opentracker");
    // Taken in any case, so that the name is known.
    let mut section = top.section("opentracker");
    let enable = if old {
        section = top.section("hefur");
        section.truth("enable")
    } else {
        let remedy = "remove the section; the tracker's settings are in the section opentracker";
        top.retired("hefur", remedy);
        section.boolean("enable")
    };
    set(&mut settings.tracker, enable);
    if let (Some(off), false) = (enable, settings.machines_meet()) {
        let what =
            "is off: machines do not find each other, and each fetches from this server alone";
        section.warn("enable", off.line, what, "write enable: True");
    }
    let port = section.integer("port", 1..=65535, "6969");
    settings.port = port.and_then(|port| {
        let value = u16::try_from(port.value).ok()?;
        Some(port.map(|_| value))
    });
    section.finish(Severity::Warning, |_| None)
}

fn aria2(mut section: Section<'_>, settings: &mut Settings) -> Vec<Problem> {
    set(
        &mut settings.bt_enable_lpd,
        section.boolean("bt_enable_lpd"),
    );
    set(
        &mut settings.enable_peer_exchange,
        section.boolean("enable_peer_exchange"),
    );
    if let Some(named) = section.text("console_log_level", "notice") {
        match LogLevel::named(&named.value) {
            Some(level) => {
                settings.console_log_level = level;
                if level != LogLevel::default() {
                    let remedy = "remove the line; machines report every step to this server";
                    let what = "has no effect here";
                    section.warn("console_log_level", named.line, what, remedy);
                }
            }
            None => {
                let what = format!("must be one of {}", LogLevel::NAMES.join(", "));
                let near = nearest(&named.value, LogLevel::NAMES).unwrap_or("notice");
                let remedy = format!("write console_log_level: {near}");
                section.refuse("console_log_level", &named, &what, remedy);
            }
        }
    }
    // Keys of earlier versions of the original.
    for key in ["enable_dht", "enable_dht6"] {
        let remedy = "remove the line; machines find each other through this server";
        section.retired_unless(key, Plain::Bool(false), remedy);
    }
    let remedy = "remove the line; every piece is verified";
    section.retired_unless("check_integrity", Plain::Bool(true), remedy);
    section.finish(Severity::Warning, |_| None)
}
