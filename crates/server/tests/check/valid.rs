//! Configurations that are right.

use std::fmt::Write as _;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

use crate::words::{ARIA2, BOOTTORRENT, DISPNAMES, DNSMASQ, Key, METHODS, TRACKER};
use crate::world::one;

/// A `Boottorrent.yaml`: any sections, with any of their keys, in any order.
pub(crate) fn settings(random: &mut StdRng) -> String {
    let mut sections = vec![
        boottorrent(random),
        section("dnsmasq", DNSMASQ, random),
        section(one(&["opentracker", "hefur"], random), TRACKER, random),
        section("aria2", ARIA2, random),
    ];
    if random.random_ratio(1, 8) {
        sections.push("transmission:\n  rpc_port: 9091\n  lpd_enabled: False\n".to_owned());
    }
    sections.retain(|_| random.random_ratio(5, 6));
    sections.shuffle(random);
    match sections.is_empty() {
        true => "# nothing\n".to_owned(),
        false => sections.join(one(&["", "\n", "\n# more\n\n"], random)),
    }
}

/// Which system starts by itself, and which are offered, must go together.
fn boottorrent(random: &mut StdRng) -> String {
    let mut lines = some(BOOTTORRENT, random);
    let named = random.random_ratio(2, 3);
    if named {
        // `tiny` always is a folder, whatever it is called in the menu.
        let name = one(&["tiny", "second", "\"tiny\"", "The second"], random);
        lines.push(format!("default_os: {name}"));
        if random.random_ratio(1, 4) {
            lines.retain(|line| !line.starts_with("timeout:"));
            lines.push("timeout: 0".to_owned());
        }
    }
    if random.random_ratio(1, 4) {
        let list = ["[tiny, second]", "\n      - second\n      - tiny"];
        lines.push(format!("display_oss: {}", one(&list, random)));
    }
    lines.shuffle(random);
    indented("boottorrent", &lines, random)
}

fn section(name: &str, keys: &[Key], random: &mut StdRng) -> String {
    let lines = some(keys, random);
    if name != "dnsmasq" && random.random_ratio(1, 4) {
        return format!("{name}: {{{}}}\n", lines.join(", "));
    }
    indented(name, &lines, random)
}

/// Some of the keys, each with one of its values.
fn some(keys: &[Key], random: &mut StdRng) -> Vec<String> {
    let mut lines = Vec::new();
    for (key, values) in keys {
        if random.random_bool(0.5) {
            lines.push(format!("{key}: {}", one(values, random)));
        }
    }
    lines
}

fn indented(name: &str, lines: &[String], random: &mut StdRng) -> String {
    let indent = " ".repeat(random.random_range(1..5));
    let mut text = format!("{name}:\n");
    for line in lines {
        if random.random_ratio(1, 6) {
            let _ = writeln!(text, "{indent}# a remark: {{[\"'\n");
        }
        let _ = writeln!(text, "{indent}{line}");
    }
    text
}

/// A `config.yaml` of the system `tiny`.
pub(crate) fn config(random: &mut StdRng) -> String {
    let mut lines: Vec<String> = one(METHODS, random)
        .iter()
        .map(|line| (*line).to_owned())
        .collect();
    if random.random_ratio(3, 4) {
        lines.push(format!("dispname: {}", one(DISPNAMES, random)));
    }
    lines.shuffle(random);
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// The same file as another editor would have saved it.
pub(crate) fn dressed(good: &str, random: &mut StdRng) -> Vec<u8> {
    let mut text = good.to_owned();
    if random.random_ratio(1, 4) {
        let head = one(
            &["---\n", "%YAML 1.1\n---\n", "# a remark\n\n", "\n\n"],
            random,
        );
        text.insert_str(0, head);
    }
    if random.random_ratio(1, 4) {
        text.push_str(one(&["\n\n", "...\n", "# the end", "   \n"], random));
    }
    match random.random_range(0..6) {
        0 => text = text.replace('\n', "\r\n"),
        1 => text = text.replace('\n', "\r"),
        2 => text.insert(0, '\u{feff}'),
        _ => {}
    }
    text.into_bytes()
}
