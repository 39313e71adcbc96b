//! The types a value can be taken as, each with what the original project took for it.

use std::ops::RangeInclusive;

use super::Section;
use crate::Placed;
use crate::yaml::{
    number::{Whole, whole},
    scalar::{Plain, resolve},
    tree::{Node, Value},
};

impl Section<'_> {
    /// Takes a boolean.
    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<Placed<bool>> {
        let node = self.take(key)?;
        match node.value.value {
            Value::Scalar {
                meaning: Plain::Bool(value),
                ..
            } => Some(node.map(|_| value)),
            _ => {
                self.no_boolean(key, &node);
                None
            }
        }
    }

    /// Takes a boolean where the original asked for no type: a number is true unless it is zero, and so is a
    /// quoted word for true.
    pub(crate) fn truth(&mut self, key: &'static str) -> Option<Placed<bool>> {
        let node = self.take(key)?;
        let value = match &node.value.value {
            Value::Scalar { text, meaning } => match (meaning, resolve(text)) {
                (Plain::Bool(value), _) => Some(*value),
                (Plain::Int(value), _) => Some(*value != Some(0)),
                (Plain::Text, Plain::Bool(true)) => Some(true),
                _ => None,
            },
            Value::List(_) | Value::Map(_) => None,
        };
        if value.is_none() {
            self.no_boolean(key, &node);
        }
        let value = value?;
        Some(node.map(|_| value))
    }

    fn no_boolean(&mut self, key: &'static str, node: &Placed<Node>) {
        let remedy = match node.value.unquoted() {
            Some(Plain::Bool(_)) => format!("write {key}: {} without quotes", node.value.shown()),
            _ => format!("write {key}: True or {key}: False"),
        };
        self.misfit(key, "True or False", node, remedy);
    }

    /// Takes a whole number.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        allowed: RangeInclusive<i64>,
        example: &str,
    ) -> Option<Placed<i64>> {
        let node = self.take(key)?;
        let value = self.whole(key, &node, &allowed, example)?;
        if !allowed.contains(&value) {
            self.out_of_range(key, &node, &allowed, example);
            return None;
        }
        Some(node.map(|_| value))
    }

    /// Takes a number of seconds; what is beyond `allowed` counts as its end.
    pub(crate) fn seconds(
        &mut self,
        key: &'static str,
        allowed: RangeInclusive<i64>,
        example: &str,
    ) -> Option<Placed<i64>> {
        let node = self.take(key)?;
        let value = self.whole(key, &node, &allowed, example)?;
        let (low, high) = allowed.into_inner();
        Some(node.map(|_| value.clamp(low, high)))
    }

    fn whole(
        &mut self,
        key: &'static str,
        node: &Placed<Node>,
        allowed: &RangeInclusive<i64>,
        example: &str,
    ) -> Option<i64> {
        let number = match &node.value.value {
            Value::Scalar { text, meaning } => whole(text, *meaning),
            Value::List(_) | Value::Map(_) => None,
        };
        match number {
            Some(Whole::Exact(value)) => return Some(value),
            Some(Whole::Cut(value)) => {
                let what = format!("is a whole number: {value} is taken");
                self.warn(key, node.line, &what, format!("write {key}: {value}"));
                return Some(value);
            }
            Some(Whole::TooLarge) => self.out_of_range(key, node, allowed, example),
            None => {
                let remedy = format!("write for example {key}: {example}");
                self.misfit(key, "a whole number", node, remedy);
            }
        }
        None
    }

    fn out_of_range(
        &mut self,
        key: &str,
        node: &Placed<Node>,
        allowed: &RangeInclusive<i64>,
        example: &str,
    ) {
        let expected = format!("between {} and {}", allowed.start(), allowed.end());
        let remedy = format!("write for example {key}: {example}");
        self.misfit(key, &expected, node, remedy);
    }

    /// Takes a text. Plain numbers are taken as they are written.
    pub(crate) fn text(&mut self, key: &'static str, example: &str) -> Option<Placed<String>> {
        let node = self.take(key)?;
        self.word(key, node, example)
    }

    /// Takes a word of which two may be yes and no, in all the ways in which YAML writes them.
    pub(crate) fn yes_no_or_text(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Option<Placed<String>> {
        let node = self.take(key)?;
        if let Value::Scalar {
            meaning: Plain::Bool(value),
            ..
        } = node.value.value
        {
            let word = if value { "yes" } else { "no" };
            return Some(node.map(|_| word.to_owned()));
        }
        self.word(key, node, example)
    }

    /// Takes one text or a list of them; `None` when the key is not written or none of them is a text.
    pub(crate) fn texts(
        &mut self,
        key: &'static str,
        example: &str,
    ) -> Option<Placed<Vec<Placed<String>>>> {
        let Placed { value: node, line } = self.take(key)?;
        let items = match node.value {
            Value::List(items) => items,
            _ => vec![Node {
                line: line.unwrap_or(node.line),
                ..node
            }],
        };
        let count = items.len();
        let mut texts = Vec::new();
        for item in items {
            let line = Some(item.line);
            texts.extend(self.word(key, Placed { value: item, line }, example));
        }
        (count == 0 || !texts.is_empty()).then_some(Placed { value: texts, line })
    }

    fn word(
        &mut self,
        key: &'static str,
        node: Placed<Node>,
        example: &str,
    ) -> Option<Placed<String>> {
        let remedy = match &node.value.value {
            Value::Scalar {
                text,
                meaning: Plain::Text | Plain::Int(_) | Plain::Float,
            } => {
                let text = text.clone();
                return Some(node.map(|_| text));
            }
            Value::Scalar {
                text,
                meaning: Plain::Bool(value),
            } => {
                let read = if *value { "True" } else { "False" };
                format!("put quotes around it (write {key}: \"{text}\"): YAML reads it as {read}")
            }
            _ => format!("write for example {key}: {example}"),
        };
        self.misfit(key, "text", &node, remedy);
        None
    }

    fn misfit(&mut self, key: &str, expected: &str, node: &Placed<Node>, remedy: String) {
        let found = match &node.value.value {
            // Quotes are what makes such a word text: they must be seen.
            Value::Scalar { text, meaning } if *meaning == Plain::Text => match resolve(text) {
                Plain::Text => text.clone(),
                _ => format!("\"{text}\""),
            },
            Value::Scalar { text, meaning } => format!("{text}, {}", meaning.kind()),
            Value::List(_) | Value::Map(_) => node.value.shown(),
        };
        let found = Placed {
            value: found,
            line: node.line,
        };
        self.refuse(key, &found, &format!("must be {expected}"), remedy);
    }
}

impl Node {
    /// What a quoted word would mean without its quotes.
    fn unquoted(&self) -> Option<Plain> {
        match &self.value {
            Value::Scalar { text, .. } => Some(resolve(text)),
            Value::List(_) | Value::Map(_) => None,
        }
    }
}
