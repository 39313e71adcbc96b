//! What a file must be before it can be YAML: UTF-8 text of printable characters, and not endless.

use crate::Problem;

/// Largest document that is read, in bytes.
pub const LONGEST_FILE: usize = 256 * 1024;

/// Makes text of a file's bytes.
///
/// `file` is the name to show. Of a longer file the first [`LONGEST_FILE`] bytes and one more are enough to
/// be told that it is too long.
///
/// # Errors
/// Too long, another encoding than UTF-8, or not text at all, with the line where it shows.
pub fn decode(file: &str, bytes: Vec<u8>) -> Result<String, Problem> {
    if let Some(problem) = too_long(file, &bytes) {
        return Err(problem);
    }
    let remedy = "save the file as UTF-8";
    // UTF-32's marks begin or end as UTF-16's do.
    let marks: [&[u8]; 3] = [b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"];
    if marks.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(Problem::error(file, "is UTF-16 or UTF-32 text", remedy).at(Some(1)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let problem = Problem::error(file, "is not UTF-8 text", remedy);
        problem.at(Some(line_after(before)))
    })
}

/// The first thing that makes this no text of ours to read.
pub(super) fn unreadable(file: &str, text: &str) -> Option<Problem> {
    too_long(file, text.as_bytes()).or_else(|| unprintable(file, text))
}

fn too_long(file: &str, bytes: &[u8]) -> Option<Problem> {
    let (read, _) = bytes.split_at_checked(LONGEST_FILE)?;
    if read.len() == bytes.len() {
        return None;
    }
    let what = format!("is larger than {} KiB", LONGEST_FILE / 1024);
    let remedy = "keep only the keys that belong into it";
    Some(Problem::error(file, what, remedy).at(Some(line_after(read))))
}

/// Characters that YAML (1.1, section 5.1) allows in no file, and its line breaks beside carriage return and line
/// feed, which editors do not show as such.
fn unprintable(file: &str, text: &str) -> Option<Problem> {
    let stray = |c: char| {
        (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fffe}' | '\u{ffff}')
    };
    let (at, found) = text.char_indices().find(|&(_, c)| stray(c))?;
    let remedy = match found {
        '\0' => "remove the NUL character, or save the file as UTF-8 if it is UTF-16",
        _ => "remove the character, which an editor may not show",
    };
    let what = format!("holds the character U+{:04X}", u32::from(found));
    let line = line_after(&text.as_bytes()[..at]);
    Some(Problem::error(file, what, remedy).at(Some(line)))
}

/// The number, from 1, of the line that comes after these bytes.
fn line_after(before: &[u8]) -> u64 {
    let mut breaks = 0;
    let mut last = 0;
    for &byte in before {
        // A carriage return and a line feed together are one break.
        let within = last == b'\r' && byte == b'\n';
        breaks += u64::from(matches!(byte, b'\r' | b'\n') && !within);
        last = byte;
    }
    breaks + 1
}

/// How many lines the text has, an empty one included: at least 1. What comes after the last line break is
/// no line if nothing does.
pub(super) fn lines(text: &str) -> u64 {
    let after = line_after(text.as_bytes());
    let ended = text.ends_with(['\r', '\n']);
    (after - u64::from(ended)).max(1)
}

/// The lines with their numbers, from 1, as YAML breaks them.
pub(super) fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    let mut rest = Some(text);
    let lines = std::iter::from_fn(move || {
        let text = rest?;
        let (line, after) = match text.find(['\r', '\n']) {
            Some(at) if text[at..].starts_with("\r\n") => (&text[..at], Some(&text[at + 2..])),
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        rest = after;
        Some(line)
    });
    (1..).zip(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_as_yaml_breaks_them() {
        let table = [
            ("", 1),
            ("a", 1),
            ("a\n", 1),
            ("a\nb", 2),
            ("a\r\nb\r\n", 2),
            ("a\rb\r", 2),
            ("\n\n\n", 3),
        ];
        for (text, count) in table {
            assert_eq!(lines(text), count, "{text:?}");
            let last = numbered(text).filter(|(_, line)| !line.is_empty()).last();
            assert!(last.is_none_or(|(number, _)| number == count), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_text_is_named_with_its_line() {
        let long = "a: 1\n".repeat(LONGEST_FILE / 5 + 1);
        let utf_16: Vec<u8> = "\u{feff}a: 1"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let table: [(&[u8], &str, u64); 5] = [
            (long.as_bytes(), "larger than 256 KiB", 52_429),
            (&utf_16, "is UTF-16", 1),
            (b"a: 1\r\nb: \xff\n", "is not UTF-8", 2),
            (b"a: 1\n\nb: \0\n", "U+0000", 3),
            (b"a: 1\n# \x1b[2J\n", "U+001B", 2),
        ];
        for (bytes, what, line) in table {
            let refused = decode("f", bytes.to_vec()).map(|text| unreadable("f", &text));
            let problem = refused.unwrap_or_else(Some).expect(what);
            assert!(problem.what.contains(what), "{problem}");
            assert_eq!(problem.line, Some(line), "{problem}");
        }
        assert_eq!(unreadable("f", "\u{feff}a: \"é\u{202e}\"\t\r\n"), None);
    }
}
