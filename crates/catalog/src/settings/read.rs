//! Reading `Boottorrent.yaml` section by section.

use std::net::Ipv4Addr;

use super::{LogLevel, SeedUntil, Settings};
use crate::{
    Checked, DhcpRange, Placed, Problem, Severity,
    nearest::nearest,
    yaml::{
        section::Section,
        tree::{self, Node},
    },
};

/// Most seconds any waiting time may be set to: a year.
const YEAR: i64 = 365 * 24 * 60 * 60;

/// Reads `Boottorrent.yaml`.
///
/// `file` is the name to show in problems, `text` its content. The settings are there even when
/// problems are: every key that could not be read has its default.
pub fn settings(file: &str, text: &str) -> Checked<Settings> {
    let mut settings = Settings::default();
    let problems = match tree::parse(file, text) {
        Ok(root) => read(file, root, &mut settings),
        Err(problem) => vec![problem],
    };
    Checked {
        value: Some(settings),
        problems,
    }
}

fn read(file: &str, root: Node, settings: &mut Settings) -> Vec<Problem> {
    let mut top = Section::open(file, "", root);
    let mut problems = boottorrent(top.section("boottorrent"), settings);
    problems.extend(dnsmasq(top.section("dnsmasq"), settings));
    problems.extend(opentracker(top.section("opentracker"), settings));
    problems.extend(aria2(top.section("aria2"), settings));
    // Sections of earlier versions of the original.
    top.retired(
        "hefur",
        "remove the section; the tracker's settings are in the section opentracker",
    );
    top.retired(
        "transmission",
        "remove the section; this server seeds by itself",
    );
    problems.extend(top.finish(Severity::Error, section_of));
    // By line, as the person will walk through the file.
    problems.sort_by_key(|problem| problem.line);
    problems
}

/// Where a key belongs that was found at the file's top.
fn section_of(key: &str) -> Option<String> {
    let section = match key {
        "version" | "timeout" | "default_os" | "seed_time" | "seed_until" | "seed_max"
        | "host_ip" => "boottorrent",
        "enable_dhcp" | "enable_tftp" | "interface" | "bind_interfaces" | "dhcp_range" | "user" => {
            "dnsmasq"
        }
        "enable" | "port" => "opentracker",
        "bt_enable_lpd" | "enable_peer_exchange" | "console_log_level" => "aria2",
        _ => return None,
    };
    Some(format!("move it below a line `{section}:` and indent it"))
}

fn boottorrent(mut section: Section<'_>, settings: &mut Settings) -> Vec<Problem> {
    let version = section.integer("version", i64::MIN..=i64::MAX, "0");
    if let Some(Placed { value, line }) = version.filter(|version| version.value != 0) {
        let what = "is not known to this server";
        section.refuse(
            "version",
            line,
            &value.to_string(),
            what,
            "write version: 0",
        );
    }
    if let Some(timeout) = section.integer("timeout", -YEAR..=YEAR, "30") {
        settings.timeout = timeout;
    }
    settings.default_os = section.text("default_os", "Debian");
    settings.seed_time = section.integer("seed_time", -YEAR..=YEAR, "30");
    settings.seed_until = seed_until(&mut section);
    settings.seed_max = section
        .integer("seed_max", 0..=YEAR, "600")
        .map(|seconds| seconds.map(i64::unsigned_abs));
    settings.host_ip = host_ip(&mut section);
    section.retired("display_oss", "remove it; every folder in oss is offered");
    if let (Some(until), Some(_)) = (settings.seed_until, settings.seed_time) {
        let what = "has no effect beside seed_time";
        section.warn("seed_until", until.line, what, "remove one of the two");
    }
    section.finish(Severity::Error, |_| None)
}

fn seed_until(section: &mut Section<'_>) -> Option<Placed<SeedUntil>> {
    let until = section.text("seed_until", "room")?;
    if until.value == "room" {
        return Some(until.map(|_| SeedUntil::Room));
    }
    let what = "must be room";
    let remedy = "write seed_until: room, or remove the line";
    section.refuse("seed_until", until.line, &until.value, what, remedy);
    None
}

fn host_ip(section: &mut Section<'_>) -> Option<Placed<Ipv4Addr>> {
    let Placed { value, line } = section.text("host_ip", "192.168.1.1")?;
    let address: Option<Ipv4Addr> = value.trim().parse().ok();
    let usable = address.filter(|address| {
        !(address.is_unspecified()
            || address.is_loopback()
            || address.is_multicast()
            || address.is_broadcast())
    });
    if usable.is_none() {
        let what = "must be an IPv4 address the machines can reach";
        let remedy =
            "write this server's address, for example host_ip: 192.168.1.1, or remove the line";
        section.refuse("host_ip", line, &value, what, remedy);
    }
    Some(Placed {
        value: usable?,
        line,
    })
}

fn dnsmasq(mut section: Section<'_>, settings: &mut Settings) -> Vec<Problem> {
    settings.enable_dhcp = section.boolean("enable_dhcp");
    set(&mut settings.enable_tftp, section.boolean("enable_tftp"));
    set(
        &mut settings.bind_interfaces,
        section.boolean("bind_interfaces"),
    );
    settings.interface = interfaces(&mut section);
    settings.dhcp_range = dhcp_range(&mut section);
    settings.user = user(&mut section);
    section.finish(Severity::Warning, |_| None)
}

/// One name, a list, or names with commas between them as dnsmasq takes them.
fn interfaces(section: &mut Section<'_>) -> Vec<Placed<String>> {
    let mut names: Vec<Placed<String>> = Vec::new();
    let written = section.texts("interface", "eth0").unwrap_or_default();
    for Placed { value, line } in written {
        for name in value.split(',').map(str::trim) {
            if is_interface_name(name) {
                if names.iter().all(|known| known.value != name) {
                    let value = name.to_owned();
                    names.push(Placed { value, line });
                }
            } else {
                let what = "must be the name of a network interface";
                let remedy = "write for example interface: eth0 (`ip link` lists them)";
                section.refuse("interface", line, name, what, remedy);
            }
        }
    }
    names
}

/// What Linux takes for a name: 1 to 15 bytes, no slash, colon or white space.
fn is_interface_name(name: &str) -> bool {
    let fits = (1..=15).contains(&name.len()) && !matches!(name, "." | "..");
    fits && !name.contains(|c: char| c.is_whitespace() || c.is_control() || "/:*".contains(c))
}

fn dhcp_range(section: &mut Section<'_>) -> Option<Placed<DhcpRange>> {
    let example = "\"192.168.1.50,192.168.1.150,12h\"";
    let Placed { value, line } = section.text("dhcp_range", example)?;
    match DhcpRange::parse(&value) {
        Ok(value) => Some(Placed { value, line }),
        Err(wrong) => {
            let what = wrong.to_string();
            let remedy = format!("write for example dhcp_range: {example}");
            section.refuse("dhcp_range", line, &value, &what, remedy);
            None
        }
    }
}

fn user(section: &mut Section<'_>) -> Option<Placed<String>> {
    let user = section.text("user", "nobody")?;
    let fits = |c: char| !(c.is_whitespace() || c.is_control() || ":/".contains(c));
    if !user.value.is_empty() && user.value.len() <= 32 && user.value.chars().all(fits) {
        return Some(user);
    }
    let what = "must be the name of a user";
    let remedy = "write for example user: nobody, or remove the line";
    section.refuse("user", user.line, &user.value, what, remedy);
    None
}

fn opentracker(mut section: Section<'_>, settings: &mut Settings) -> Vec<Problem> {
    set(&mut settings.tracker, section.boolean("enable"));
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
    if let Some(Placed { value, line }) = section.text("console_log_level", "notice") {
        match LogLevel::named(&value) {
            Some(level) => settings.console_log_level = level,
            None => {
                let what = format!("must be one of {}", LogLevel::NAMES.join(", "));
                let near = nearest(&value, LogLevel::NAMES).unwrap_or("notice");
                let remedy = format!("write console_log_level: {near}");
                section.refuse("console_log_level", line, &value, &what, remedy);
            }
        }
    }
    section.finish(Severity::Warning, |_| None)
}

/// Keeps the default where the file says nothing.
fn set(setting: &mut bool, written: Option<Placed<bool>>) {
    if let Some(written) = written {
        *setting = written.value;
    }
}
