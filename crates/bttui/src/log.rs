//! What happened on this machine, in lines, for whoever looks at the log pane. Bounded, in memory, of this start alone.
//!
//! Only a value: lines go in with their time, lines come out. The same line twice in a row is one. Pictures of the
//! model are made for every console, so a copy costs only references.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Lines that are kept; a boot has some twenty.
const MOST: usize = 300;
/// Characters of a line that are kept.
const LONGEST: usize = 400;

/// The last lines, the newest at the end.
#[derive(Clone, Debug, Default)]
pub struct Log {
    lines: VecDeque<Line>,
}

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// When, on the model's clock.
    pub at: Duration,
    /// What happened, without control characters.
    pub text: Arc<str>,
}

impl Log {
    /// Adds a line; the oldest makes room.
    pub fn push(&mut self, at: Duration, text: &str) {
        let readable = |letter: char| if letter.is_control() { ' ' } else { letter };
        let text: String = text.chars().take(LONGEST).map(readable).collect();
        if text.is_empty() || self.lines.back().is_some_and(|last| *last.text == *text) {
            return;
        }
        if self.lines.len() == MOST {
            self.lines.pop_front();
        }
        let text = text.into();
        self.lines.push_back(Line { at, text });
    }

    /// Every line, the oldest first.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(log: &Log) -> Vec<&str> {
        log.lines().map(|line| &*line.text).collect()
    }

    #[test]
    fn it_keeps_the_last_lines_and_says_nothing_twice() {
        let mut log = Log::default();
        for number in 0..10_000 {
            log.push(Duration::from_secs(number), &format!("line {number}"));
            log.push(Duration::from_secs(number), &format!("line {number}"));
        }
        assert_eq!(texts(&log).len(), MOST);
        assert_eq!(texts(&log).last(), Some(&"line 9999"));
    }

    #[test]
    fn no_line_is_long_or_drives_a_terminal() {
        let mut log = Log::default();
        log.push(Duration::ZERO, "a\u{1b}[2Jb\nc");
        log.push(Duration::ZERO, "");
        log.push(Duration::ZERO, &"ä".repeat(10_000));
        assert_eq!(texts(&log)[0], "a [2Jb c");
        assert_eq!(texts(&log)[1].chars().count(), LONGEST);
        assert_eq!(texts(&log).len(), 2);
    }
}
