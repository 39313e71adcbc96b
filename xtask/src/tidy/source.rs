//! What stands in the files: their length, unsafe code, clocks and sockets in pure rooms, names of package registries.

use super::Finding;
use super::map::Room;
use super::rust_text::{code_only, words};

/// Longer than this is more than one room.
const LONGEST: usize = 400;

/// The only places where the compiler must believe us.
const UNSAFE_FILES: [&str; 2] = ["crates/bttui/src/sys.rs", "crates/server/src/sys.rs"];

/// Words of a world that pure code does not know, and what it does instead.
const WORLD: [(&str, &str); 8] = [
    ("tokio", "return what to do; the shell does it"),
    ("Instant", "take `now: Duration` from the caller"),
    ("SystemTime", "take `now: Duration` from the caller"),
    ("UdpSocket", "take and return bytes"),
    ("TcpStream", "take and return bytes"),
    ("TcpListener", "take and return bytes"),
    ("UnixStream", "take and return bytes"),
    ("fs", "take the content from the caller"),
];

/// The engine's core is held to what pure rooms are held to.
const PURE_MODULES: [&str; 2] = ["crates/swarm/src/core.rs", "crates/swarm/src/core/"];

pub(super) fn check(file: &str, text: &str, rooms: &[Room]) -> Vec<Finding> {
    let mut findings = hosts(file, text);
    if !file.ends_with(".rs") {
        return findings;
    }
    let length = text.lines().count();
    if length > LONGEST {
        findings.push(Finding::line(
            file,
            LONGEST + 1,
            format!("{length} lines; divide it, {LONGEST} are the most"),
        ));
    }
    let pure_room = rooms
        .iter()
        .find(|room| room.pure && file.starts_with(&format!("{}/src/", room.folder())));
    let pure = pure_room.is_some() || PURE_MODULES.iter().any(|start| file.starts_with(start));
    let code = code_only(text);
    for (number, line) in code
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line))
    {
        if !UNSAFE_FILES.contains(&file) && words(line).any(|word| word == "unsafe") {
            findings.push(Finding::line(
                file,
                number,
                format!("unsafe code lives in {} only", UNSAFE_FILES.join(" and ")),
            ));
        }
        let foreign = WORLD
            .iter()
            .filter(|(name, _)| pure && words(line).any(|word| word == *name));
        findings.extend(foreign.map(|(name, instead)| {
            Finding::line(
                file,
                number,
                format!("pure code knows no `{name}`: {instead}"),
            )
        }));
    }
    if pure_room.is_some_and(|room| file == format!("{}/src/lib.rs", room.folder()))
        && !forbids_unsafe(&code)
    {
        findings.push(Finding::line(
            file,
            1,
            "a pure room says #![forbid(unsafe_code)]",
        ));
    }
    findings
}

/// Package registries and mirrors are the machine's own business: nothing of ours may name one. Cargo.lock must.
fn hosts(file: &str, text: &str) -> Vec<Finding> {
    // In two halves, or this file would be a finding.
    let hosts = [
        concat!("deb.", "debian.org"),
        concat!("security.", "debian.org"),
        concat!("snapshot.", "debian.org"),
        concat!("crates.", "io/"),
        concat!("static.", "crates.io"),
        concat!("index.", "crates.io"),
        concat!("pypi.", "org"),
        concat!("registry.", "npmjs.org"),
        concat!("proxy.", "golang.org"),
    ];
    if file == "Cargo.lock" {
        return Vec::new();
    }
    let lines = text.lines().enumerate();
    lines
        .filter_map(|(number, line)| {
            Some((number + 1, hosts.iter().find(|host| line.contains(**host))?))
        })
        .map(|(number, host)| {
            Finding::line(
                file,
                number,
                format!("take out {host}: which mirror is used is each machine's own business"),
            )
        })
        .collect()
}

fn forbids_unsafe(code: &str) -> bool {
    code.split_whitespace()
        .collect::<String>()
        .contains("#![forbid(unsafe_code)]")
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::map::Room;

    fn found(file: &str, text: &str) -> Vec<String> {
        let rooms = [Room {
            name: "pxe".to_owned(),
            pure: true,
            imports: Vec::new(),
        }];
        check(file, text, &rooms)
            .iter()
            .map(|finding| format!("{}", finding.line.unwrap_or(0)))
            .collect()
    }

    #[test]
    fn planted_faults_are_found_on_their_lines() {
        let long = "x\n".repeat(401);
        let host = format!("a\nhttp://{}.org/x\n", "deb.debian");
        for (file, text, lines) in [
            (
                "crates/pxe/src/a.rs",
                "use std::time::Duration;\nuse std::time::Instant;\n",
                vec!["2"],
            ),
            (
                "crates/pxe/src/a.rs",
                "use tokio::time::Instant;",
                vec!["1", "1"],
            ),
            ("crates/pxe/src/a.rs", "std::fs::read(path)", vec!["1"]),
            ("crates/pxe/src/lib.rs", "//! no promise\n", vec!["1"]),
            ("crates/pxe/src/lib.rs", "#![forbid(unsafe_code)]\n", vec![]),
            (
                "crates/swarm/src/core/wire.rs",
                "\nInstant::now()",
                vec!["2"],
            ),
            ("crates/swarm/src/core.rs", "tokio::spawn", vec!["1"]),
            ("crates/lab/src/lib.rs", "\n\nunsafe { }", vec!["3"]),
            ("crates/lab/src/lib.rs", &long, vec!["401"]),
            ("phase1/README.md", &host, vec!["2"]),
        ] {
            assert_eq!(
                found(file, text),
                lines,
                "{file}: {}",
                &text[..text.len().min(60)]
            );
        }
    }

    #[test]
    fn what_is_allowed_is_not_found() {
        let lock = format!("{}.io/", "crates");
        for (file, text) in [
            (
                "crates/pxe/src/a.rs",
                "// no Instant, no tokio\nlet a = \"unsafe\";",
            ),
            ("crates/pxe/tests/play.rs", "std::fs::read(path)"),
            ("crates/swarm/src/net.rs", "tokio::spawn"),
            ("crates/bttui/src/sys.rs", "unsafe { }"),
            ("Cargo.lock", &lock),
        ] {
            assert_eq!(found(file, text), Vec::<String>::new(), "{file}");
        }
    }
}
