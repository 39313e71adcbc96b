//! The table of rooms in crates/README.md, read as rules.

use super::{Finding, MAP};

/// A row of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// The folder below `crates/` (or `xtask` at the top).
    pub(super) name: String,
    /// Pure rooms hold decisions only: no clock, no runtime, no sockets, no files.
    pub(super) pure: bool,
    /// The rooms it may depend on.
    pub(super) imports: Vec<String>,
}

impl Room {
    /// Where the room's files lie.
    pub(super) fn folder(&self) -> String {
        if self.name == "xtask" {
            "xtask".to_owned()
        } else {
            format!("crates/{}", self.name)
        }
    }
}

/// Reads the table; what cannot be read is a finding, since a rule that is not read is a rule that is not kept.
pub(super) fn rooms(map: &str) -> (Vec<Room>, Vec<Finding>) {
    let mut lines = map
        .lines()
        .enumerate()
        .map(|(number, line)| (number + 1, cells(line)));
    let Some((_, header)) = lines.find(|(_, cells)| cells.first() == Some(&"crate")) else {
        return (
            Vec::new(),
            vec![Finding::file(
                MAP,
                "holds no table whose first column is `crate`; tidy needs it",
            )],
        );
    };
    let column = |name: &str| header.iter().position(|cell| *cell == name);
    let (Some(kind), Some(imports)) = (column("kind"), column("may import")) else {
        return (
            Vec::new(),
            vec![Finding::file(
                MAP,
                "the table of rooms needs the columns `kind` and `may import`",
            )],
        );
    };
    let (mut rooms, mut findings) = (Vec::new(), Vec::new());
    for (number, cells) in lines
        .take_while(|(_, cells)| !cells.is_empty())
        .filter(|(_, cells)| !is_rule(cells))
    {
        let name = cells[0].split('`').nth(1);
        let (Some(name), Some(kind), Some(imports)) = (name, cells.get(kind), cells.get(imports))
        else {
            findings.push(Finding::line(
                MAP,
                number,
                "not a row of the table: | `crate` | … | kind | may import | … |",
            ));
            continue;
        };
        rooms.push(Room {
            name: name.to_owned(),
            pure: *kind == "pure",
            imports: imports
                .split([' ', ',', '`'])
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect(),
        });
    }
    (rooms, findings)
}

/// The cells of a table's row; empty for any other line.
fn cells(line: &str) -> Vec<&str> {
    let row = line
        .trim()
        .strip_prefix('|')
        .and_then(|row| row.strip_suffix('|'));
    row.map(|row| row.split('|').map(str::trim).collect())
        .unwrap_or_default()
}

fn is_rule(cells: &[&str]) -> bool {
    cells
        .iter()
        .all(|cell| !cell.is_empty() && cell.chars().all(|c| matches!(c, '-' | ':')))
}

#[cfg(test)]
mod tests {
    use super::rooms;

    #[test]
    fn rows_become_rooms() {
        let (rooms, findings) = rooms(
            "# Map\n\n| crate | purpose | kind | may import |\n|---|:-:|---|---|\n| `pxe` | x | pure | report |\n\
             | `xtask` (top) | y | dev only | `initrd`, swarm |\n\nafter\n| `not` | a | pure | row |\n",
        );
        assert_eq!(findings, []);
        assert_eq!(rooms.len(), 2);
        assert!(
            rooms[0].pure && rooms[0].imports == ["report"] && rooms[0].folder() == "crates/pxe"
        );
        assert!(
            !rooms[1].pure
                && rooms[1].imports == ["initrd", "swarm"]
                && rooms[1].folder() == "xtask"
        );
    }

    #[test]
    fn a_map_without_its_table_is_a_finding() {
        for map in [
            "# Map\n",
            "| crate | kind |\n|---|---|\n",
            "| crate | kind | may import |\n|---|---|---|\n| pxe | pure | |\n",
        ] {
            assert_eq!(rooms(map).1.len(), 1, "{map}");
        }
    }
}
