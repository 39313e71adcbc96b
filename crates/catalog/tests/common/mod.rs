//! What tests of `Boottorrent.yaml` share.

use catalog::{Problem, Settings, settings};

/// Reads a text as `Boottorrent.yaml`.
pub(crate) fn read(text: &str) -> (Settings, Vec<Problem>) {
    let checked = settings("Boottorrent.yaml", text);
    let value = checked.value.expect("settings are always there");
    (value, checked.problems)
}

/// All problems as one text, as `check` prints them.
pub(crate) fn said(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(|problem| format!("{problem}\n"))
        .collect()
}
