//! Typed values out of a mapping: every value that does not fit, every unknown key and every
//! duplicate becomes a problem, and reading goes on.

use super::{
    scalar::Plain,
    tree::{Node, Value},
};
use crate::{Placed, Problem, Severity, nearest::nearest};

mod values;

/// Most seconds any waiting time lasts: a year. Whoever writes more means for ever, and that is near enough.
pub(crate) const YEAR: i64 = 365 * 24 * 60 * 60;

/// One mapping of a file while it is being read.
pub(crate) struct Section<'f> {
    file: &'f str,
    /// `boottorrent.`, or nothing for the file's top.
    prefix: String,
    /// Where it is; what it lacks is missing there.
    line: u64,
    entries: Vec<Entry>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

struct Entry {
    key: String,
    line: u64,
    value: Node,
}

impl<'f> Section<'f> {
    /// Opens the file's top.
    pub(crate) fn top(file: &'f str, node: Node) -> Section<'f> {
        let line = node.line;
        Section::at(file, String::new(), line, Some(node))
    }

    /// Takes a section inside this one; what is not there is empty.
    pub(crate) fn section(&mut self, key: &'static str) -> Section<'f> {
        let node = self.take(key);
        let line = node.as_ref().and_then(|node| node.line);
        let line = line.unwrap_or(self.line);
        Section::at(
            self.file,
            format!("{key}."),
            line,
            node.map(|node| node.value),
        )
    }

    /// Takes a list of sections; one that is no list is a list of one.
    pub(crate) fn sections(&mut self, key: &'static str) -> Vec<Section<'f>> {
        let Some(Placed { value: node, .. }) = self.take(key) else {
            return Vec::new();
        };
        let items = match node.value {
            Value::List(items) => items,
            _ => vec![node],
        };
        let prefix = format!("{}{key}.", self.prefix);
        let items = items.into_iter();
        items
            .map(|item| Section::at(self.file, prefix.clone(), item.line, Some(item)))
            .collect()
    }

    fn at(file: &'f str, prefix: String, line: u64, node: Option<Node>) -> Section<'f> {
        let mut section = Section {
            file,
            prefix,
            line,
            entries: Vec::new(),
            known: Vec::new(),
            problems: Vec::new(),
        };
        match node {
            Some(Node {
                value: Value::Map(entries),
                ..
            }) => section.fill(entries),
            Some(node) if !node.is_null() => section.refuse_shape(&node),
            _ => {}
        }
        section
    }

    fn refuse_shape(&mut self, node: &Node) {
        let what = match self.prefix.trim_end_matches('.') {
            "" => "must hold keys and values".to_owned(),
            name => format!("{name} must hold keys and values"),
        };
        let problem = Problem::error(
            self.file,
            what,
            "write one `key: value` per line, with a blank after the colon",
        );
        let problem = problem.at(Some(node.line)).found(node.shown());
        self.problems.push(problem);
    }

    fn fill(&mut self, entries: Vec<(Node, Node)>) {
        for (key, value) in entries {
            let line = key.line;
            let key = match key.value {
                Value::Scalar { text, .. } if !text.is_empty() => text,
                _ => {
                    let what = "a key must be a single word";
                    let problem = Problem::error(self.file, what, "write `key: value`");
                    let problem = problem.at(Some(line)).found(key.shown());
                    self.problems.push(problem);
                    continue;
                }
            };
            if let Some(first) = self.entries.iter().find(|entry| entry.key == key) {
                let what = format!("{}{key} is written twice", self.prefix);
                let remedy = format!("keep either this line or line {}", first.line);
                let problem = Problem::error(self.file, what, remedy);
                self.problems
                    .push(problem.at(Some(line)).found(value.shown()));
                continue;
            }
            self.entries.push(Entry { key, line, value });
        }
    }

    /// Takes a key's value; an empty one counts as not written.
    fn take(&mut self, key: &'static str) -> Option<Placed<Node>> {
        self.known.push(key);
        self.remove(key)
    }

    fn remove(&mut self, key: &str) -> Option<Placed<Node>> {
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        let Entry { line, value, .. } = self.entries.remove(at);
        (!value.is_null()).then_some(Placed {
            value,
            line: Some(line),
        })
    }

    /// Whether the key is written here (with a value) and not yet taken.
    pub(crate) fn has(&self, key: &str) -> bool {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.is_some_and(|entry| !entry.value.is_null())
    }

    /// Whether a problem was noted in this mapping.
    pub(crate) fn has_complained(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Takes a value without looking at it.
    pub(crate) fn skip(&mut self, key: &'static str) {
        let _ = self.take(key);
    }

    /// Where this mapping is: for what is missing in it.
    pub(crate) fn line(&self) -> Option<u64> {
        Some(self.line)
    }

    /// Notes that a value of the right type means nothing here.
    pub(crate) fn refuse(
        &mut self,
        key: &str,
        written: &Placed<impl ToString>,
        what: &str,
        remedy: impl Into<String>,
    ) {
        let what = format!("{}{key} {what}", self.prefix);
        let problem = Problem::error(self.file, what, remedy).at(written.line.or(self.line()));
        self.problems.push(problem.found(written.value.to_string()));
    }

    /// Notes that a key is not there, and why it must be.
    pub(crate) fn lacks(&mut self, key: &str, what: &str, remedy: impl Into<String>) {
        let what = format!("{}{key} is missing{what}", self.prefix);
        let problem = Problem::error(self.file, what, remedy);
        self.problems.push(problem.at(self.line()));
    }

    /// Notes that a value is right and yet without effect.
    pub(crate) fn warn(
        &mut self,
        key: &str,
        line: Option<u64>,
        what: &str,
        remedy: impl Into<String>,
    ) {
        let what = format!("{}{key} {what}", self.prefix);
        let problem = Problem::warning(self.file, what, remedy);
        self.problems.push(problem.at(line.or(self.line())));
    }

    /// Takes a key that means nothing here, and says so.
    pub(crate) fn retired(&mut self, key: &str, remedy: &str) {
        self.without_effect(key, "has no effect here", remedy);
    }

    /// Takes a key, if it is still there, that has no effect beside others.
    pub(crate) fn without_effect(&mut self, key: &str, what: &str, remedy: &str) {
        if let Some(node) = self.remove(key) {
            self.warn(key, node.line, what, remedy);
        }
    }

    /// Takes a key whose value asks for what this server does in any case; another value is without effect, and
    /// that is said.
    pub(crate) fn retired_unless(&mut self, key: &str, granted: Plain, remedy: &str) {
        let node = self.remove(key);
        let is_granted = |node: &Placed<Node>| matches!(&node.value.value, Value::Scalar { meaning, .. } if *meaning == granted);
        if let Some(node) = node.filter(|node| !is_granted(node)) {
            self.warn(key, node.line, "has no effect here", remedy);
        }
    }

    /// Names keys that may stand here and are not asked for, so that one near them is found.
    pub(crate) fn knows(&mut self, keys: impl IntoIterator<Item = &'static str>) {
        for key in keys {
            if !self.known.contains(&key) {
                self.known.push(key);
            }
        }
    }

    /// Ends the section: what was not taken is unknown, and ignored as the original ignored it, with a warning.
    /// What is meant for a known key weighs as the caller says: without that key something else might be
    /// started. Those are names near one that is known here, and names that `elsewhere` can tell the place of.
    pub(crate) fn finish(
        mut self,
        misspelt: Severity,
        elsewhere: impl Fn(&str) -> Option<String>,
    ) -> Vec<Problem> {
        for Entry { key, line, value } in self.entries {
            let near = nearest(&key, self.known.iter().copied());
            let near =
                near.map(|near| format!("write {near} if that is meant, or remove the line"));
            let (severity, remedy) = match elsewhere(&key).or(near) {
                Some(remedy) => (misspelt, remedy),
                None => {
                    let remedy = format!("remove the line; known here: {}", self.known.join(", "));
                    (Severity::Warning, remedy)
                }
            };
            let what = match severity {
                Severity::Error => format!("unknown key {}{key}", self.prefix),
                Severity::Warning => format!("unknown key {}{key}, ignored", self.prefix),
            };
            let problem = Problem {
                severity,
                ..Problem::error(self.file, what, remedy)
            };
            self.problems
                .push(problem.at(Some(line)).found(value.shown()));
        }
        self.problems
    }
}
