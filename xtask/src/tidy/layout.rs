//! The top level is exactly what the map says, and every crate is on the map.

use std::collections::BTreeSet;

use super::map::Room;
use super::{Finding, MAP};

/// What a visitor sees first. Anything else has a place further down.
const TOP: [&str; 8] = [
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "crates",
    "fixtures",
    "phase1",
    "xtask",
];
const TOP_HIDDEN: [&str; 4] = [".cargo", ".ci", ".config", ".gitignore"];

pub(super) fn check(files: &[String], rooms: &[Room]) -> Vec<Finding> {
    let top: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.split('/').next())
        .collect();
    let strangers = top
        .iter()
        .filter(|name| !TOP.contains(name) && !TOP_HIDDEN.contains(name));
    let mut findings: Vec<Finding> = strangers
        .map(|name| {
            Finding::file(
                name,
                format!(
                    "move it: the top level holds only {} and {}",
                    TOP.join(" "),
                    TOP_HIDDEN.join(" ")
                ),
            )
        })
        .collect();
    let absent = TOP
        .iter()
        .chain(&TOP_HIDDEN)
        .filter(|name| !top.contains(*name));
    findings.extend(absent.map(|name| Finding::file(name, "is missing from the top level")));

    let crates: BTreeSet<&str> = files
        .iter()
        .filter_map(|file| file.strip_suffix("/Cargo.toml"))
        .collect();
    let unmapped = crates
        .iter()
        .filter(|folder| !rooms.iter().any(|room| room.folder() == **folder));
    findings.extend(unmapped.map(|folder| {
        Finding::file(
            &format!("{folder}/Cargo.toml"),
            format!("give this crate a row in the table of {MAP}"),
        )
    }));
    let gone = rooms
        .iter()
        .filter(|room| !crates.contains(room.folder().as_str()));
    findings.extend(gone.map(|room| {
        Finding::file(
            MAP,
            format!(
                "its table names `{}`, and there is no such crate",
                room.name
            ),
        )
    }));
    findings
}

#[cfg(test)]
mod tests {
    use super::{TOP, TOP_HIDDEN, check};
    use crate::tidy::map::Room;

    fn tree(more: &[&str]) -> Vec<String> {
        let top = TOP.iter().chain(&TOP_HIDDEN).map(|name| match *name {
            "crates" => "crates/pxe/Cargo.toml".to_owned(),
            "xtask" => "xtask/Cargo.toml".to_owned(),
            "fixtures" | "phase1" | ".cargo" | ".ci" | ".config" => format!("{name}/file"),
            file => file.to_owned(),
        });
        top.chain(more.iter().map(|&file| file.to_owned()))
            .collect()
    }

    fn rooms(names: &[&str]) -> Vec<Room> {
        names
            .iter()
            .map(|&name| Room {
                name: name.to_owned(),
                pure: false,
                imports: Vec::new(),
            })
            .collect()
    }

    #[test]
    fn the_house_as_it_should_be_is_fine() {
        assert_eq!(
            check(&tree(&["crates/README.md"]), &rooms(&["pxe", "xtask"])),
            []
        );
    }

    #[test]
    fn planted_faults_are_found() {
        let found = |files: &[String], rooms: &[Room]| {
            check(files, rooms)
                .iter()
                .map(|f| f.file.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            found(&tree(&["scripts/x.sh"]), &rooms(&["pxe", "xtask"])),
            ["scripts"]
        );
        let without: Vec<_> = tree(&[])
            .into_iter()
            .filter(|file| file != "LICENSE")
            .collect();
        assert_eq!(found(&without, &rooms(&["pxe", "xtask"])), ["LICENSE"]);
        assert_eq!(
            found(&tree(&["crates/new/Cargo.toml"]), &rooms(&["pxe", "xtask"])),
            ["crates/new/Cargo.toml"]
        );
        assert_eq!(
            found(&tree(&[]), &rooms(&["pxe", "xtask", "gone"])),
            ["crates/README.md"]
        );
    }
}
