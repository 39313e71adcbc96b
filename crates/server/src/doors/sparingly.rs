//! Log lines that a stranger or a loose cable can cause: few of them.

use std::time::Duration;

/// Such a line is logged no more often than this; the rest is counted.
const LOG_EVERY: Duration = Duration::from_secs(30);

/// When a line was logged last.
#[derive(Debug, Default)]
pub(super) struct Sparingly {
    last: Option<Duration>,
}

impl Sparingly {
    pub(super) fn may_log(&mut self, now: Duration) -> bool {
        let due = self.last.is_none_or(|last| now >= last + LOG_EVERY);
        if due {
            self.last = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_logged_once_in_30_seconds() {
        let mut log = Sparingly::default();
        let said = [0, 1, 29, 30, 31, 59, 60].map(|s| log.may_log(Duration::from_secs(s)));
        assert_eq!(said, [true, false, false, true, false, false, true]);
    }
}
