//! Typed values out of a mapping: every value that does not fit, every unknown key and every
//! duplicate becomes a problem, and reading goes on.

use std::ops::RangeInclusive;

use super::{
    scalar::Plain,
    tree::{Node, Value},
};
use crate::{Placed, Problem, Severity, nearest::nearest};

/// One mapping of a file while it is being read.
pub(crate) struct Section<'f> {
    file: &'f str,
    /// `boottorrent.`, or nothing for the file's top.
    prefix: String,
    entries: Vec<Entry>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

struct Entry {
    key: String,
    line: Option<u64>,
    value: Node,
}

impl<'f> Section<'f> {
    /// Opens the file's top (`name` empty) or one of its sections.
    pub(crate) fn open(file: &'f str, name: &str, node: Node) -> Section<'f> {
        let mut section = Section {
            file,
            prefix: match name {
                "" => String::new(),
                name => format!("{name}."),
            },
            entries: Vec::new(),
            known: Vec::new(),
            problems: Vec::new(),
        };
        match node.value {
            Value::Map(entries) => section.fill(entries),
            _ if node.is_null() => {}
            _ => {
                let what = match name {
                    "" => "must hold keys and values".to_owned(),
                    name => format!("{name} must hold keys and values"),
                };
                let remedy = "write one `key: value` per line";
                let problem = Problem::error(file, what, remedy);
                let problem = problem.at(node.line).found(node.shown());
                section.problems.push(problem);
            }
        }
        section
    }

    fn fill(&mut self, entries: Vec<(Node, Node)>) {
        for (key, value) in entries {
            let line = key.line;
            let Value::Scalar { text: key, .. } = key.value else {
                let what = "a key must be a single word";
                let problem = Problem::error(self.file, what, "write `key: value`");
                self.problems.push(problem.at(line).found(key.shown()));
                continue;
            };
            if let Some(first) = self.entries.iter().find(|entry| entry.key == key) {
                let what = format!("{}{key} is written twice", self.prefix);
                let remedy = match first.line {
                    Some(first) => format!("keep either this line or line {first}"),
                    None => "keep one of them".to_owned(),
                };
                let problem = Problem::error(self.file, what, remedy);
                self.problems.push(problem.at(line).found(value.shown()));
                continue;
            }
            self.entries.push(Entry { key, line, value });
        }
    }

    /// Takes a key's value; an empty one counts as not written.
    fn take(&mut self, key: &'static str) -> Option<Placed<Node>> {
        self.known.push(key);
        let at = self.entries.iter().position(|entry| entry.key == key)?;
        let Entry { line, value, .. } = self.entries.remove(at);
        (!value.is_null()).then_some(Placed { value, line })
    }

    /// Whether the key is written here (with a value) and not yet taken.
    pub(crate) fn has(&self, key: &str) -> bool {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.is_some_and(|entry| !entry.value.is_null())
    }

    /// Takes a value without looking at it.
    pub(crate) fn skip(&mut self, key: &'static str) {
        let _ = self.take(key);
    }

    /// Takes a section inside this one; what is not there is empty.
    pub(crate) fn section(&mut self, key: &'static str) -> Section<'f> {
        match self.take(key) {
            Some(node) => Section::open(self.file, key, node.value),
            None => Section {
                file: self.file,
                prefix: format!("{key}."),
                entries: Vec::new(),
                known: Vec::new(),
                problems: Vec::new(),
            },
        }
    }

    /// Takes a boolean.
    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<Placed<bool>> {
        let node = self.take(key)?;
        match node.value.value {
            Value::Scalar {
                meaning: Plain::Bool(value),
                ..
            } => Some(place(value, node.line)),
            _ => {
                let unquoted = node.value.unquoted();
                let example = match unquoted {
                    Some(Plain::Bool(_)) => {
                        format!("write {key}: {} without quotes", node.value.shown())
                    }
                    _ => format!("write {key}: True or {key}: False"),
                };
                self.misfit(key, "True or False", &node, example);
                None
            }
        }
    }

    /// Takes a whole number.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        allowed: RangeInclusive<i64>,
        example: &str,
    ) -> Option<Placed<i64>> {
        let node = self.take(key)?;
        let remedy = format!("write for example {key}: {example}");
        match node.value.value {
            Value::Scalar {
                meaning: Plain::Int(value),
                ..
            } => {
                let value = value.filter(|value| allowed.contains(value));
                if value.is_none() {
                    let (low, high) = allowed.into_inner();
                    self.misfit(key, &format!("between {low} and {high}"), &node, remedy);
                }
                Some(place(value?, node.line))
            }
            _ => {
                let remedy = match node.value.unquoted() {
                    Some(Plain::Int(_)) => {
                        format!("write {key}: {} without quotes", node.value.shown())
                    }
                    _ => remedy,
                };
                self.misfit(key, "a whole number", &node, remedy);
                None
            }
        }
    }

    /// Takes a text. Plain numbers are taken as they are written.
    pub(crate) fn text(&mut self, key: &'static str, example: &str) -> Option<Placed<String>> {
        let node = self.take(key)?;
        let line = node.line;
        self.word(key, node, example).map(|text| place(text, line))
    }

    /// Takes one text or a list of them; `None` when the key is not written.
    pub(crate) fn texts(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Option<Vec<Placed<String>>> {
        let node = self.take(key)?;
        let Value::List(items) = node.value.value else {
            let line = node.line;
            let text = self.word(key, node, example)?;
            return Some(vec![place(text, line)]);
        };
        let mut texts = Vec::new();
        for item in items {
            let line = item.line;
            let item = place(item, line);
            if let Some(text) = self.word(key, item, example) {
                texts.push(place(text, line));
            }
        }
        Some(texts)
    }

    fn word(&mut self, key: &'static str, node: Placed<Node>, example: &str) -> Option<String> {
        match node.value.value {
            Value::Scalar {
                text,
                meaning: Plain::Text | Plain::Int(_) | Plain::Float,
            } => Some(text),
            Value::Scalar {
                ref text,
                meaning: Plain::Bool(value),
            } => {
                let read = if value { "True" } else { "False" };
                let remedy = format!(
                    "put quotes around it (write {key}: \"{text}\"): YAML reads it as {read}"
                );
                self.misfit(key, "text", &node, remedy);
                None
            }
            _ => {
                let remedy = format!("write for example {key}: {example}");
                self.misfit(key, "text", &node, remedy);
                None
            }
        }
    }

    fn misfit(&mut self, key: &str, expected: &str, node: &Placed<Node>, remedy: String) {
        let Placed { value, line } = node;
        let found = match &value.value {
            // Quotes are what makes such a word text: they must be seen.
            Value::Scalar { text, meaning } if *meaning == Plain::Text => match value.unquoted() {
                Some(Plain::Text) | None => text.clone(),
                Some(_) => format!("\"{text}\""),
            },
            Value::Scalar { text, meaning } => format!("{text}, {}", meaning.kind()),
            Value::List(_) | Value::Map(_) => value.shown(),
        };
        let what = format!("{}{key} must be {expected}", self.prefix);
        let problem = Problem::error(self.file, what, remedy);
        self.problems.push(problem.at(*line).found(found));
    }

    /// Notes that a value of the right type means nothing here, or that none is there.
    pub(crate) fn refuse(
        &mut self,
        key: &str,
        line: Option<u64>,
        value: &str,
        what: &str,
        remedy: impl Into<String>,
    ) {
        let what = format!("{}{key} {what}", self.prefix);
        let mut problem = Problem::error(self.file, what, remedy).at(line);
        if line.is_some() || !value.is_empty() {
            problem = problem.found(value);
        }
        self.problems.push(problem);
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
        self.problems.push(problem.at(line));
    }

    /// Takes a key that older versions of the original knew and that has no use any more.
    pub(crate) fn retired(&mut self, key: &'static str, remedy: &str) {
        let at = self.entries.iter().position(|entry| entry.key == key);
        if let Some(at) = at {
            let line = self.entries.remove(at).line;
            self.warn(key, line, "has no effect here", remedy);
        }
    }

    /// Ends the section: what was not taken is unknown, which weighs as the caller says. `elsewhere`
    /// may tell where such a key belongs.
    pub(crate) fn finish(
        mut self,
        unknown: Severity,
        elsewhere: impl Fn(&str) -> Option<String>,
    ) -> Vec<Problem> {
        for Entry { key, line, value } in self.entries {
            let remedy = match (elsewhere(&key), nearest(&key, self.known.iter().copied())) {
                (Some(remedy), _) => remedy,
                (None, Some(near)) => format!("write {near} if that is meant, or remove the line"),
                (None, None) => format!("remove the line; known here: {}", self.known.join(", ")),
            };
            let what = match unknown {
                Severity::Error => format!("unknown key {}{key}", self.prefix),
                Severity::Warning => format!("unknown key {}{key}, ignored", self.prefix),
            };
            let problem = Problem {
                severity: unknown,
                ..Problem::error(self.file, what, remedy)
            };
            self.problems.push(problem.at(line).found(value.shown()));
        }
        self.problems
    }
}

impl Node {
    /// What a quoted word would mean without its quotes.
    fn unquoted(&self) -> Option<Plain> {
        match &self.value {
            Value::Scalar { text, .. } => Some(super::scalar::resolve(text)),
            Value::List(_) | Value::Map(_) => None,
        }
    }
}

fn place<T>(value: T, line: Option<u64>) -> Placed<T> {
    Placed { value, line }
}
