//! What this program did, as lines: kept in memory for who looks, bounded, and lost with the machine.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::facts;

/// Lines that are kept; older ones are forgotten.
const LINES: usize = 500;
/// Characters that are kept of a line.
const LONGEST: usize = 300;

/// The log. Clones write into the same one.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<VecDeque<String>>>);

impl Log {
    /// Adds a line, stamped with the time since the kernel started. Its control characters are left out.
    pub fn write(&self, what: &str) {
        let millis = facts::uptime_ms();
        let stamp = format!("{:5}.{:03} s  ", millis / 1000, millis % 1000);
        let plain = what.chars().filter(|c| !c.is_control()).take(LONGEST);
        let line = stamp.chars().chain(plain).collect();
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    /// All that is kept, the oldest first.
    pub fn lines(&self) -> Vec<String> {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_bounded() {
        let log = Log::default();
        for number in 0..LINES + 10 {
            log.write(&format!("line {number}\x1b[2J\n{}", "x".repeat(1000)));
        }
        let lines = log.lines();
        assert_eq!(lines.len(), LINES);
        assert!(lines[0].contains(" s  line 10[2Jxx"), "{}", lines[0]);
        assert!(lines.iter().all(|line| line.len() < LONGEST + 40));
    }
}
