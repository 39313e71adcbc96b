//! A YAML document as a tree of nodes with line numbers, within strict limits.
//!
//! With [`super::syntax`] this is the only module that names the YAML crate. Scalars keep their text as written and
//! whether it was plain: what a plain word means is decided by [`super::scalar`], because the
//! crate follows YAML 1.2 and the original project's files follow 1.1.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::{DuplicateKeyPolicy, Location, NonFiniteFloatPolicy, Spanned, Tagged};

use super::{
    scalar::{self, Plain},
    syntax::syntax,
    text,
};
use crate::Problem;

/// A value and where it starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    /// Line of its first character, from 1.
    pub(crate) line: u64,
    /// What it is.
    pub(crate) value: Value,
}

/// The shapes a value can have.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// A word, quoted or not.
    Scalar {
        /// The text, without quotes, escapes and folding resolved.
        text: String,
        /// What the word means; a quoted word is always text.
        meaning: Plain,
    },
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the file's order, duplicates included.
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The value in a few words, for messages.
    pub(crate) fn shown(&self) -> String {
        match &self.value {
            Value::Scalar { text, .. } => text.clone(),
            Value::List(_) => "a list".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
        }
    }

    /// Whether nothing was written, or `~` or `null`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { meaning, .. } if *meaning == Plain::Null)
    }
}

/// Reads one document; an empty one is a null.
pub(crate) fn parse(file: &str, text: &str) -> Result<Node, Problem> {
    if let Some(problem) = text::unreadable(file, text) {
        return Err(problem);
    }
    // An editor's byte order mark is not part of the first key.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.lines().all(is_blank) {
        let meaning = Plain::Null;
        let value = Value::Scalar {
            text: String::new(),
            meaning,
        };
        return Ok(Node { line: 1, value });
    }
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_depth: 32,
            max_nodes: 20_000,
            max_aliases: 100,
            max_documents: 1,
            max_merge_keys: 100,
        },
        alias_limits: serde_yaml::alias_limits! { max_total_replayed_events: 20_000 },
        // Duplicates must reach us: the crate would stop at the first, and we name them all.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
        strict_booleans: true,
        reject_unsupported_tags: true,
        // The number is thrown away, only its text counts.
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    };
    match serde_yaml::from_str_with_options::<Raw>(text, options) {
        Ok(raw) => Ok(raw.settle(text, text::lines(text), 1)),
        Err(error) => Err(syntax(file, text, &error)),
    }
}

/// Whether a line holds no part of a value.
fn is_blank(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#') || matches!(line, "---" | "...")
}

/// A value as the YAML crate hands it over: with the place in the text, from which the word as it
/// was written is taken afterwards.
struct Raw(Tagged<Spanned<Shape>>);

enum Shape {
    /// A scalar the crate takes for text.
    Text(String),
    /// A scalar the crate takes for something else.
    Other,
    List(Vec<Raw>),
    Map(Vec<(Raw, Raw)>),
}

impl Raw {
    /// Looks the words up in the text they came from, which has `last` lines. What has no place of its own has
    /// its parent's line, and what is empty at the end the last one.
    fn settle(self, text: &str, last: u64, parent: u64) -> Node {
        let Tagged(Spanned { value, defined, .. }, tag) = self.0;
        let line = match defined.line() {
            0 => parent,
            line => line.min(last),
        };
        let inner = |raw: Raw| raw.settle(text, last, line);
        let value = match value {
            Shape::List(items) => Value::List(items.into_iter().map(inner).collect()),
            Shape::Map(entries) => {
                let entries = entries.into_iter();
                Value::Map(
                    entries
                        .map(|(key, value)| (inner(key), inner(value)))
                        .collect(),
                )
            }
            Shape::Text(word) => word_of(Some(word), Written::at(text, &defined), tag.as_deref()),
            Shape::Other => word_of(None, Written::at(text, &defined), tag.as_deref()),
        };
        Node { line, value }
    }
}

/// A word from what the crate made of it (`None`: not text) and how it is written.
fn word_of(read: Option<String>, written: Written<'_>, tag: Option<&str>) -> Value {
    let tagged_text = tag.is_some_and(|tag| tag.ends_with("str"));
    let (text, is_text) = match read {
        Some(text) => (text, written.quoted || tagged_text),
        // A quoted word with a tag such as !!int: the tag decides.
        None => (written.text.trim_matches(['"', '\'']).to_owned(), false),
    };
    let meaning = if is_text {
        Plain::Text
    } else {
        scalar::resolve(&text)
    };
    Value::Scalar { text, meaning }
}

/// A scalar as the file has it.
#[derive(Clone, Copy)]
struct Written<'a> {
    text: &'a str,
    /// Whether quotes or a block make it text whatever it says.
    quoted: bool,
}

impl<'a> Written<'a> {
    fn at(text: &'a str, place: &Location) -> Written<'a> {
        let start = place.span().byte_offset();
        let start = start.and_then(|start| usize::try_from(start).ok());
        let length = place.span().byte_len();
        let length = length.and_then(|length| usize::try_from(length).ok());
        let cut =
            |start: usize, length| Some((text.get(..start)?, text.get(start..)?.get(..length)?));
        let Some((before, text)) = start
            .zip(length)
            .and_then(|(start, length)| cut(start, length))
        else {
            return Written {
                text: "",
                quoted: true,
            };
        };
        let quoted = text.starts_with(['"', '\'']) || opens_block(before);
        Written { text, quoted }
    }
}

/// Whether a scalar after this text belongs to a `|` or `>` block: the crate gives such a scalar the
/// place of its first line, behind the indicator.
fn opens_block(before: &str) -> bool {
    let Some((above, indent)) = before.rsplit_once('\n') else {
        return false;
    };
    let header = above.lines().rev().find(|line| !line.trim().is_empty());
    let header = header.unwrap_or_default();
    let header = header.split(" #").next().unwrap_or_default().trim_end();
    let indicator = header.trim_end_matches(|c: char| matches!(c, '+' | '-' | '1'..='9'));
    indent.trim().is_empty() && indicator.ends_with(['|', '>'])
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        Tagged::deserialize(deserializer).map(Raw)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E>(self, text: &str) -> Result<Shape, E> {
        Ok(Shape::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Shape, E> {
        Ok(Shape::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Shape::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Shape::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(text: &str, meaning: Plain) -> Value {
        let text = text.to_owned();
        Value::Scalar { text, meaning }
    }

    /// The values of a mapping, with their keys' lines.
    fn values(text: &str) -> Vec<(u64, Value)> {
        match parse("f", text).expect(text).value {
            Value::Map(entries) => entries
                .into_iter()
                .map(|(key, value)| (key.line, value.value))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn words_keep_their_text_and_quotes_make_text() {
        let int = |value| Plain::Int(Some(value));
        let table = [
            ("a: 0x1B39", scalar("0x1B39", int(6969))),
            ("a: yes", scalar("yes", Plain::Bool(true))),
            ("a: 'yes'", scalar("yes", Plain::Text)),
            ("a: \"0x10\"", scalar("0x10", Plain::Text)),
            ("a: |-\n  yes", scalar("yes", Plain::Text)),
            ("a: >- # folded\n\n  7", scalar("\n7", Plain::Text)),
            ("a:\n  yes", scalar("yes", Plain::Bool(true))),
            ("a: one\n  two", scalar("one two", Plain::Text)),
            ("a: !!str 5", scalar("5", Plain::Text)),
            ("a: !!int '7'", scalar("7", int(7))),
            ("a:", scalar("", Plain::Null)),
            ("a: ~ # none", scalar("~", Plain::Null)),
            ("a: 1e999", scalar("1e999", Plain::Text)),
            ("a: 1.0e+999", scalar("1.0e+999", Plain::Float)),
            ("é: ü # x", scalar("ü", Plain::Text)),
            ("%YAML 1.1\n---\na: 010", scalar("010", int(8))),
            ("\u{feff}a: 1\r\n", scalar("1", int(1))),
        ];
        for (text, value) in table {
            assert_eq!(values(text)[0].1, value, "{text:?}");
        }
    }

    #[test]
    fn duplicates_arrive_with_their_lines() {
        let lines: Vec<_> = values("a: 1\nb: 2\na: 3\n")
            .iter()
            .map(|(line, _)| *line)
            .collect();
        assert_eq!(lines, [1, 2, 3]);
    }

    #[test]
    fn merged_keys_yield_to_explicit_ones() {
        let merged = values("base: &b {x: 1, y: 2}\nuse:\n  x: 3\n  <<: *b\n");
        let Value::Map(entries) = &merged[1].1 else {
            panic!("{merged:?}")
        };
        let shown: Vec<_> = entries
            .iter()
            .map(|(key, value)| format!("{}={}", key.shown(), value.shown()))
            .collect();
        assert_eq!(shown, ["x=3", "y=2"]);
    }

    #[test]
    fn emptiness_is_a_null() {
        for text in ["", "\n\n", "# only a comment\n", "---\n", "\u{feff}"] {
            assert!(parse("f", text).expect(text).is_null(), "{text:?}");
        }
    }
}
