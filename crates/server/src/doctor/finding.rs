//! What the doctor says: findings, each with what it is about and what to do, and the sheet they are read on.

use std::fmt;

use serde::Serialize;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// The room boots, but not as well or not as somebody may expect.
    Warning,
    /// The room does not boot.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// What was looked at, in a word or two.
    pub about: &'static str,
    /// What was found, as a clause without a final full stop.
    pub what: String,
    /// What to do, as an imperative clause or a command to type.
    pub remedy: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(crate) fn ok(about: &'static str, what: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Ok,
            about,
            what: what.into(),
            remedy: None,
        }
    }

    /// Worth knowing.
    pub(crate) fn note(about: &'static str, what: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Note,
            ..Finding::ok(about, what)
        }
    }

    /// Something that could be better.
    pub(crate) fn warning(
        about: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding {
            severity: Severity::Warning,
            ..Finding::ok(about, what).remedy(remedy)
        }
    }

    /// Something that is in the way.
    pub(crate) fn error(
        about: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Finding {
        Finding {
            severity: Severity::Error,
            ..Finding::ok(about, what).remedy(remedy)
        }
    }

    /// The same finding, of one interface among several.
    pub(crate) fn of(mut self, interface: &str) -> Finding {
        if !self.what.starts_with(interface) {
            self.what = format!("{interface}: {}", self.what);
        }
        self
    }

    /// The same finding with what to do.
    pub(crate) fn remedy(mut self, remedy: impl Into<String>) -> Finding {
        self.remedy = Some(remedy.into());
        self
    }
}

/// All findings, in the order in which things were looked at.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sheet {
    /// The interfaces they are about.
    pub interfaces: Vec<String>,
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Sheet {
    /// How many are of this severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let all = self.findings.iter();
        all.filter(|finding| finding.severity == severity).count()
    }

    /// Is anything in the way?
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Ok => "ok",
            Severity::Note => "note",
            Severity::Warning => "WARNING",
            Severity::Error => "ERROR",
        })
    }
}

/// What an interface, a program or a file is called is a stranger's text: it must not drive the terminal.
fn readable(text: &str) -> String {
    let safe = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(safe).collect()
}

impl fmt::Display for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding {
            severity,
            about,
            what,
            remedy,
        } in &self.findings
        {
            writeln!(f, "{severity:<8} {about:<10} {}", readable(what))?;
            if let Some(remedy) = remedy {
                writeln!(f, "{:8} {:10} -> {}", "", "", readable(remedy))?;
            }
        }
        let plural = |count: usize, one: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {one}s"),
        };
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        match (errors, warnings) {
            (0, 0) => writeln!(f, "nothing is in the way"),
            (0, _) => writeln!(f, "{}, nothing is in the way", plural(warnings, "warning")),
            _ => writeln!(
                f,
                "{}, {}",
                plural(errors, "error"),
                plural(warnings, "warning")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_is_read_from_left_to_right() {
        let mut sheet = Sheet {
            interfaces: vec!["eth0".to_owned()],
            findings: vec![Finding::ok("link", "1000 Mbit/s")],
        };
        assert_eq!(
            sheet.to_string(),
            "ok       link       1000 Mbit/s\nnothing is in the way\n"
        );
        sheet
            .findings
            .push(Finding::warning("route", "leads\u{1b}[2J out", "change it"));
        let said = sheet.to_string();
        assert!(
            said.contains("WARNING  route      leads\u{fffd}[2J out\n"),
            "{said}"
        );
        assert!(
            said.contains("                    -> change it\n"),
            "{said}"
        );
        assert!(
            said.ends_with("1 warning, nothing is in the way\n"),
            "{said}"
        );
        assert!(!sheet.has_errors());
        sheet
            .findings
            .push(Finding::error("ports", "taken", "free it"));
        assert!(sheet.to_string().ends_with("1 error, 1 warning\n"));
        assert!(sheet.has_errors());
    }
}
