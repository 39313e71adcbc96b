//! One packet as a paragraph for people: a headline, then what there is to say of it by topic, long lines wrapped.

use std::fmt;

/// Where a topic's text begins, and where lines end; a terminal has 100 columns or more.
const INDENT: usize = 22;
const WIDTH: usize = 120;

/// What is said of one packet.
#[derive(Clone, Debug)]
pub(crate) struct Paragraph {
    headline: String,
    lines: Vec<Line>,
}

#[derive(Clone, Debug)]
enum Line {
    Topic(&'static str, String),
    Item(String),
}

impl Paragraph {
    pub(crate) fn new(headline: String) -> Paragraph {
        Paragraph {
            headline,
            lines: Vec::new(),
        }
    }

    /// Adds a topic.
    pub(crate) fn say(&mut self, topic: &'static str, text: &str) {
        self.lines.push(Line::Topic(topic, text.to_owned()));
    }

    /// Adds items that belong to the topic before, a line each.
    pub(crate) fn list(&mut self, items: Vec<String>) {
        self.lines.extend(items.into_iter().map(Line::Item));
    }
}

impl fmt::Display for Paragraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.headline)?;
        for line in &self.lines {
            match line {
                Line::Topic(topic, text) => {
                    for (number, part) in wrapped(text).into_iter().enumerate() {
                        let topic = if number == 0 { topic } else { "" };
                        writeln!(f, "{:12}{topic:<10}{part}", "")?;
                    }
                }
                Line::Item(item) => writeln!(f, "{:INDENT$}  {item}", "")?,
            }
        }
        Ok(())
    }
}

/// The text in lines that fit; a word that is longer than a line has one of its own.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().filter(|line| {
            line.is_empty() || line.chars().count() + 1 + word.chars().count() <= WIDTH - INDENT
        });
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_wrapped_under_its_topic() {
        let mut paragraph = Paragraph::new("somebody".to_owned());
        paragraph.say("says", &"word ".repeat(30));
        paragraph.list(vec!["  1 item".to_owned()]);
        let said = paragraph.to_string();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines[0], "somebody");
        assert!(lines[1].starts_with("            says      word word"));
        assert!(lines[2].starts_with("                      word"));
        assert_eq!(lines.last(), Some(&"                          1 item"));
        assert!(lines.iter().all(|line| line.len() <= WIDTH), "{said}");
    }
}
