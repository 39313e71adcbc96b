//! How a program that a machine ran has ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The end of a process, as wait(2) tells it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Exit {
    /// It ended by itself.
    Itself {
        /// Its exit status; 0 means that all was well.
        status: i32,
    },
    /// A signal ended it.
    Signal {
        /// The signal's number on Linux.
        signal: i32,
    },
}

impl Exit {
    /// Whether the program says that all was well.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Itself { status: 0 }
    }
}

/// What can follow a program's name: `ended with exit status 3`, `was ended by signal 11 (SIGSEGV)`.
impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Itself { status } => write!(f, "ended with exit status {status}"),
            Self::Signal { signal } => match name(*signal) {
                Some(name) => write!(f, "was ended by signal {signal} ({name})"),
                None => write!(f, "was ended by signal {signal}"),
            },
        }
    }
}

/// Those that end programs, by signal(7) for x86 and ARM.
fn name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_reads_well_and_travels() {
        let table = [
            (Exit::Itself { status: 0 }, "ended with exit status 0", true),
            (
                Exit::Itself { status: 3 },
                "ended with exit status 3",
                false,
            ),
            (
                Exit::Signal { signal: 11 },
                "was ended by signal 11 (SIGSEGV)",
                false,
            ),
            (Exit::Signal { signal: 40 }, "was ended by signal 40", false),
        ];
        for (exit, line, success) in table {
            assert_eq!(exit.to_string(), line);
            assert_eq!(exit.is_success(), success, "{line}");
            let json = serde_json::to_string(&exit).unwrap();
            assert_eq!(serde_json::from_str::<Exit>(&json).unwrap(), exit);
        }
    }
}
