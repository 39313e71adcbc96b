//! The table's file: rows of earlier calls stay, those of this one replace theirs.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::super::table::table;
use super::entry::Entry;
use super::rows::ROWS;

/// All rows that were ever measured, by name.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    rows: BTreeMap<String, Entry>,
}

const HEAD: [&str; 12] = [
    "row",
    "room",
    "target",
    "measured",
    "verdict",
    "ahead of all",
    "last/bound",
    "median/bound",
    "copies",
    "CPU busy",
    "runs",
    "others, last/bound (runs)",
];

const NOTES: &str = "\
- *bound* = max(F/u_s, F/d, N·F/(u_s + N·u)): no program that sends to one machine at a time can be faster; headers and ACKs \
cost about 6 % more. udpcast sends to all at once, for which uplinks do not count: the bound of *weak-uplinks* is not its own.
- *measured* is what *target* is about: the last machine's time (medians of the runs) over the bound, over the fastest of the \
named engines, or over the same room undisturbed, all in the same call. In *mixed* it is the last machine with ours; in *churn* the \
last of those that stayed.
- *verdict* is about *target* alone; *ahead of all* is the other promise, where it is given: *no* names who was not slower.
- *copies*: bytes that left the server's card, headers included, divided by F. One copy alone is 1.05.
- *CPU busy*: of all processors, by everything on the computer. **!**: more than 90 % in a run; there the computer may have been \
the limit.
- *ended*: it was far behind, and not waited for any longer than so.
- http is nginx and curl, sha1 `curl | sha1sum`; aria2-here is aria2 at bt-server, the other aria2 is at opentracker.
";

impl Kept {
    /// The rows in the file `json`; none where there is no such file.
    ///
    /// # Errors
    /// It is not one that this bench has written.
    pub(super) fn read(json: &Path) -> Result<Kept> {
        let text = match fs::read_to_string(json) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Kept::default()),
            read => read.with_context(|| format!("{}", json.display()))?,
        };
        serde_json::from_str(&text).with_context(|| {
            format!(
                "{}: not written by this bench; remove it to begin anew",
                json.display()
            )
        })
    }

    /// Takes a row in the place of an earlier one of its name.
    pub(super) fn put(&mut self, name: &str, entry: Entry) {
        self.rows.insert(name.to_owned(), entry);
    }

    /// Writes `json` and the table beside it, `.md`. Whoever is interrupted here has the old file or the new one.
    pub(super) fn write(&self, json: &Path, title: &str) -> Result<()> {
        let write = |path: &Path, text: &str| {
            let beside = path.with_extension("new");
            fs::write(&beside, text)
                .and_then(|()| fs::rename(&beside, path))
                .with_context(|| format!("{}", path.display()))
        };
        write(json, &serde_json::to_string_pretty(self)?)?;
        write(&json.with_extension("md"), &self.markdown(title))
    }

    /// The table alone, in the order of the rows.
    pub(super) fn table(&self) -> String {
        let there = ROWS
            .iter()
            .filter_map(|row| self.rows.get_key_value(row.name));
        table(HEAD, there.map(|(name, entry)| cells(name, entry)))
    }

    fn markdown(&self, title: &str) -> String {
        let mut text = format!("# {title}\n\n{}\n{NOTES}", self.table());
        for row in &ROWS {
            if let Some(entry) = self.rows.get(row.name) {
                let (name, from, computer) = (row.name, &entry.built_from, &entry.computer);
                text += &format!("- {name}: built from {from}; {computer}\n");
            }
        }
        text
    }
}

fn cells(name: &str, entry: &Entry) -> [String; HEAD.len()] {
    let none = || "–".to_owned();
    let two = |value: Option<f64>| value.map_or_else(none, |value| format!("{value:.2}"));
    let ours = entry.ours.as_ref();
    let busy = ours.map(|ours| {
        let mark = if ours.cpu_was_the_limit { " !" } else { "" };
        format!("{:.0} %{mark}", ours.busy * 100.0)
    });
    let others = entry.others.iter().map(|standing| match standing.runs {
        0 => standing.in_words(),
        runs => format!("{} ({runs})", standing.in_words()),
    });
    let last = ours.map(|ours| match ours.last_by_bound {
        Some(ratio) => format!("{ratio:.2}"),
        None => format!("{:.2} s", ours.last),
    });
    let others: Vec<_> = others.collect();
    [
        name.to_owned(),
        entry.room.clone(),
        entry.target.clone(),
        entry.measured.map_or_else(none, |it| format!("{it:.3}")),
        entry.verdict.clone(),
        entry.ahead.clone().unwrap_or_else(none),
        last.unwrap_or_else(none),
        two(ours.and_then(|ours| ours.median_by_bound)),
        two(ours.and_then(|ours| ours.copies)),
        busy.unwrap_or_else(none),
        ours.map_or_else(none, |ours| ours.runs.to_string()),
        others.join(", "),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::entry::Ours;
    use super::*;

    fn entry(verdict: &str) -> Entry {
        Entry {
            room: "N = 8".to_owned(),
            target: "fast".to_owned(),
            measured: Some(1.09),
            verdict: verdict.to_owned(),
            ahead: None,
            ours: Some(Ours {
                runs: 3,
                last: 29.3,
                last_by_bound: Some(1.09),
                median_by_bound: None,
                copies: Some(1.07),
                busy: 0.95,
                cpu_was_the_limit: true,
            }),
            others: Vec::new(),
            computer: "a computer".to_owned(),
            built_from: "abc".to_owned(),
        }
    }

    #[test]
    fn a_later_call_replaces_its_own_rows_and_keeps_the_others_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let json = folder.path().join("matrix.json");
        let mut kept = Kept::read(&json).unwrap();
        kept.put("churn", entry("missed: 1.2"));
        kept.write(&json, "first").unwrap();

        // Another call, of two other rows; then the first one again.
        for (name, verdict) in [("mixed", "met"), ("equal-8", "met"), ("churn", "met again")] {
            let mut kept = Kept::read(&json).unwrap();
            kept.put(name, entry(verdict));
            kept.write(&json, "later").unwrap();
        }
        let kept = Kept::read(&json).unwrap();
        let table = kept.table();
        let names: Vec<&str> = table
            .lines()
            .skip(2)
            .map(|line| line.split('|').nth(1).unwrap().trim())
            .collect();
        assert_eq!(names, ["equal-8", "churn", "mixed"], "{table}");
        assert!(
            table.contains("met again") && !table.contains("missed"),
            "{table}"
        );
        assert!(table.contains("95 % !"), "{table}");
        let written = fs::read_to_string(json.with_extension("md")).unwrap();
        assert!(written.starts_with("# later\n") && written.contains(&table));
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 2, "nothing else is left");
    }

    #[test]
    fn a_file_of_somebody_else_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let json = folder.path().join("matrix.json");
        fs::write(&json, "[]").unwrap();
        let said = format!("{:#}", Kept::read(&json).unwrap_err());
        assert!(
            said.contains("matrix.json") && said.contains("remove it"),
            "{said}"
        );
    }
}
