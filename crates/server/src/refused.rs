//! Why the server did not start, for who started it.

use std::fmt;

use catalog::Problem;

/// Why the server did not start.
#[derive(Debug)]
pub enum Refused {
    /// What a person has to put right, all of it.
    Problems(Vec<Problem>),
    /// What failed on the way.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Refused {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Problems(problems) => {
                for problem in problems {
                    writeln!(f, "{problem}")?;
                }
                let errors = problems.iter().filter(|p| p.is_error()).count();
                write!(
                    f,
                    "{errors} {}, nothing was started",
                    if errors == 1 { "error" } else { "errors" }
                )
            }
            Self::Failed(error) => write!(f, "error: {error:#}"),
        }
    }
}
