//! Times and shares as people read them, and text broken into lines. Sizes are [`report::bytes`].

use std::time::Duration;

/// A length of time to the second, or to the minute when it is long: `8 s`, `1 min 20 s`, `2 h 05 min`.
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// A countdown's seconds, rounded up: it shows 1 until the moment it is over.
pub fn countdown(left: Duration) -> u64 {
    left.as_secs() + u64::from(left.subsec_nanos() > 0)
}

/// A share of a whole in per cent; nothing of nothing is nothing.
pub fn percent(part: u64, whole: u64) -> u64 {
    match u128::from(part) * 100 / u128::from(whole.max(1)) {
        share @ 0..=100 => share as u64,
        _ => 100,
    }
}

/// Breaks text at spaces so that no line is wider than `width` characters; longer words are cut.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_whitespace() {
            let mut word: &str = word;
            let mut length = word.chars().count();
            if used > 0 && used + 1 + length > width {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            while length > width {
                let cut = word
                    .char_indices()
                    .nth(width)
                    .map_or(word.len(), |(at, _)| at);
                lines.push(word[..cut].to_owned());
                word = &word[cut..];
                length -= width;
            }
            if used > 0 {
                line.push(' ');
                used += 1;
            }
            line.push_str(word);
            used += length;
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        let table = [
            (0, "0 s"),
            (59, "59 s"),
            (80, "1 min 20 s"),
            (7505, "2 h 05 min"),
        ];
        for (seconds, expected) in table {
            assert_eq!(duration(Duration::from_secs(seconds)), expected);
        }
        assert_eq!(countdown(Duration::from_millis(11_001)), 12);
        assert_eq!(countdown(Duration::ZERO), 0);
    }

    #[test]
    fn shares_never_leave_their_range() {
        assert_eq!((percent(0, 0), percent(1, 3), percent(5, 3)), (0, 33, 100));
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
    }

    #[test]
    fn lines_break_at_words_and_never_exceed_the_width() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrap("a\n\nb", 9), ["a", "", "b"]);
        assert_eq!(wrap("äöüß", 2), ["äö", "üß"]);
        assert_eq!(wrap("x", 0), ["x"]);
    }
}
