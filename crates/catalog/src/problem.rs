//! What is wrong with a configuration, said so that a person can put it right.

use std::fmt;

/// How much a [`Problem`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The server starts all the same.
    Warning,
    /// Nothing is started.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Severity::Warning => "warning",
            Severity::Error => "error",
        })
    }
}

/// One thing that is wrong, where it is, and what to do about it.
///
/// The `Display` form is the message a person reads, two lines without a final line break.
/// Whatever came from outside is escaped there: a configuration cannot send control sequences to
/// the terminal it is checked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether the server may start.
    pub severity: Severity,
    /// The file or folder it is about, as the person named it.
    pub file: String,
    /// Line in that file, from 1; `None` where it is about no text: a folder, or a file that is not there or
    /// cannot be read.
    pub line: Option<u64>,
    /// What was found there.
    pub value: Option<String>,
    /// What is wrong, as a clause without a final full stop.
    pub what: String,
    /// What to do, as an imperative clause without a final full stop.
    pub remedy: String,
}

impl Problem {
    /// A problem that keeps the server from starting.
    pub fn error(file: &str, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Error,
            file: file.to_owned(),
            line: None,
            value: None,
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// A problem that is only mentioned.
    pub fn warning(file: &str, what: impl Into<String>, remedy: impl Into<String>) -> Problem {
        Problem {
            severity: Severity::Warning,
            ..Problem::error(file, what, remedy)
        }
    }

    /// The same problem at a line.
    #[must_use]
    pub fn at(mut self, line: Option<u64>) -> Problem {
        self.line = line;
        self
    }

    /// The same problem with what was found.
    #[must_use]
    pub fn found(mut self, value: impl Into<String>) -> Problem {
        self.value = Some(value.into());
        self
    }

    /// Whether it keeps the server from starting.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", readable(&self.file))?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        write!(f, " {}: {}", self.severity, readable(&self.what))?;
        if let Some(value) = &self.value {
            write!(f, " (found: {})", shortened(value))?;
        }
        write!(f, "\n    remedy: {}", readable(&self.remedy))
    }
}

/// A value, the problems found while reading it, and both at once where it can still be used.
#[derive(Clone, Debug)]
pub struct Checked<T> {
    /// What was read; `None` when an error leaves nothing usable.
    pub value: Option<T>,
    /// Everything found, in the order of the file.
    pub problems: Vec<Problem>,
}

/// A value and the line that set it, for checks that come later than reading.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Placed<T> {
    /// What was read, or the default.
    pub value: T,
    /// Its line, from 1; `None` where the file does not say it.
    pub line: Option<u64>,
}

impl<T> Placed<T> {
    /// A value that no file set.
    pub fn default_of(value: T) -> Placed<T> {
        Placed { value, line: None }
    }

    /// What becomes of the value, at the same line.
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Placed<U> {
        Placed {
            value: f(self.value),
            line: self.line,
        }
    }
}

/// Longest piece of a stranger's text shown in a message, in characters.
const SHOWN: usize = 80;

/// One line of printable characters, cut where it gets long.
fn shortened(text: &str) -> String {
    let escaped = readable(text);
    match escaped.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &escaped[..cut]),
        None if escaped.is_empty() => "nothing".to_owned(),
        None => escaped,
    }
}

/// The text with control and direction-changing characters escaped.
fn readable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let bidi = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || bidi || matches!(c, '\u{2028}' | '\u{2029}') {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_place_fault_value_remedy() {
        let problem = Problem::error(
            "Boottorrent.yaml",
            "timeout must be a whole number",
            "write timeout: 30",
        )
        .at(Some(3))
        .found("soon");
        assert_eq!(
            problem.to_string(),
            "Boottorrent.yaml:3: error: timeout must be a whole number (found: soon)\n    remedy: write timeout: 30"
        );
        let absent = Problem::warning("oss", "holds no folder", "make one");
        assert_eq!(
            absent.to_string(),
            "oss: warning: holds no folder\n    remedy: make one"
        );
    }

    #[test]
    fn what_strangers_wrote_cannot_drive_the_terminal() {
        let nasty = "\u{1b}[2J\nfake: line\u{202e}";
        let said = Problem::error(nasty, nasty, nasty).found(nasty).to_string();
        assert_eq!(said.lines().count(), 2);
        assert!(!said.contains('\u{1b}') && !said.contains('\u{202e}'));
        let long = Problem::error("f", "w", "r")
            .found("x".repeat(5000))
            .to_string();
        assert!(long.len() < 200, "{}", long.len());
    }
}
