//! What the YAML crate refuses, said as a [`Problem`] with its line and a remedy.

use super::text::{lines, numbered};
use crate::Problem;

/// What the YAML crate refuses in this text, as a problem with its line.
pub(super) fn syntax(file: &str, text: &str, error: &serde_yaml::Error) -> Problem {
    let place = error.location().filter(|location| location.line() > 0);
    let said = error.without_snippet().to_string();
    // The crate ends its messages with the place, which every problem of ours names itself.
    let said = said.split(" at line ").next().unwrap_or_default();
    // What is missed at the end is placed behind the last line.
    let line = place.map_or(1, |place| place.line().clamp(1, lines(text)));
    if let Some(problem) = tab(file, text, said, line).or_else(|| no_blank(file, text, said, line))
    {
        return problem;
    }
    let (what, remedy) = explained(said);
    let what = match place {
        Some(place) => format!("{what}, column {}", place.column()),
        None => what,
    };
    Problem::error(file, what, remedy).at(Some(line))
}

/// A tab that indents a line. The crate names it only before a section's first key; elsewhere it complains of the
/// value above, which goes on with that line.
fn tab(file: &str, text: &str, said: &str, line: u64) -> Option<Problem> {
    let from = numbered(text).filter(|(number, _)| *number >= line);
    let mut looked_at =
        from.take_while(|(number, _)| *number == line || said.contains("found a tab"));
    let tab_of = |content: &str| {
        let rest = content.trim_start_matches([' ', '\t']);
        let indentation = &content[..content.len() - rest.len()];
        // In front of a remark or of nothing it harms nobody.
        let is_value = !rest.is_empty() && !rest.starts_with('#');
        indentation.find('\t').filter(|_| is_value)
    };
    let (line, column) =
        looked_at.find_map(|(line, content)| Some((line, tab_of(content)? + 1)))?;
    let what = format!("is not valid YAML: tabs cannot indent, column {column}");
    let problem = Problem::error(file, what, "indent with spaces instead of tabs");
    Some(problem.at(Some(line)))
}

/// A key without a blank behind its colon. It is a plain word to YAML, so that the crate mostly complains of the
/// next line.
fn no_blank(file: &str, text: &str, said: &str, line: u64) -> Option<Problem> {
    let of_a_key = ["mapping values", "simple key", "expected key"];
    if !of_a_key.iter().any(|words| said.contains(words)) {
        return None;
    }
    let is_content = |content: &str| !matches!(content.trim().bytes().next(), None | Some(b'#'));
    let before = numbered(text).filter(|(number, content)| *number < line && is_content(content));
    let here = numbered(text).find(|(number, _)| *number == line);
    let mut suspects = here.into_iter().chain(before.last());
    let (line, key) =
        suspects.find_map(|(line, content)| Some((line, key_without_blank(content)?)))?;
    let what = format!("is not valid YAML: no blank after the colon of {key}");
    let remedy = format!("put a blank after the colon: `{key}: `");
    Some(Problem::error(file, what, remedy).at(Some(line)))
}

/// The key of `key:value`. What looks like an address (`http://`) or a time is none.
fn key_without_blank(content: &str) -> Option<&str> {
    let content = content.trim_start_matches([' ', '\t', '-']);
    let (key, value) = content.split_once(':')?;
    let is_value = !value.starts_with(|c: char| c.is_whitespace() || c == '/') && !value.is_empty();
    let word = key.trim_matches(['"', '\'']);
    let is_key = word.starts_with(|c: char| c.is_ascii_alphabetic())
        && word
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    (is_key && is_value).then_some(word)
}

/// The YAML crate's message and what to do about it. The match is on its words; one that is not
/// known here keeps its text and gets the general remedy.
fn explained(said: &str) -> (String, &'static str) {
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if has(&["Documents"]) {
        let what = "holds more than one YAML document".to_owned();
        return (what, "keep one document, without a second line of ---");
    }
    if has(&["budget", "limit exceeded", "too deep"]) {
        let what = "is larger, more nested or more often aliased than a configuration may be";
        return (what.to_owned(), "write the values out in plain keys");
    }
    let remedy = if has(&["tabs", "a tab"]) {
        "use spaces instead of tabs"
    } else if has(&["escape"]) {
        "write two backslashes for one, or use single quotes"
    } else if has(&["mapping values"]) {
        "give all keys of one section the same indentation, and put quotes around a value that contains a colon and a space"
    } else if has(&["unexpected character"]) {
        "put quotes around a value that starts with a special character, and indent with spaces"
    } else if has(&["tag"]) {
        "remove the word that starts with an exclamation mark, or put quotes around the value"
    } else if has(&["alias", "anchor", "recursive"]) {
        "write the value out instead of using * and &, or put quotes around it"
    } else if has(&["unclosed", "unterminated", "quoted", "bracket", "end of"]) {
        "close the quote or bracket that is open at this place"
    } else {
        "correct this line: every key is written as `key: value` and indented with spaces"
    };
    (format!("is not valid YAML: {said}"), remedy)
}

#[cfg(test)]
mod tests {
    use crate::yaml::tree::parse;

    #[test]
    fn what_is_not_yaml_is_refused_with_line_and_remedy() {
        let bomb = "a: &a [1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: [*d,*d,*d,*d,*d,*d,*d,*d]\n";
        let deep = "[".repeat(5000);
        let table = [
            ("a: b: c", 1, "indentation"),
            ("a: 1\n b: 2", 2, "indentation"),
            ("a:\n\tb: 2", 2, "instead of tabs"),
            ("a: 1\n\tb: 2", 2, "instead of tabs"),
            ("a:\n  b: 2\n\n  \tc: 2\n  d: 1", 4, "instead of tabs"),
            ("a:\r  b: 2\r\tc: 2", 3, "instead of tabs"),
            ("a:\n  b: 2\r\n\tc: 2", 3, "instead of tabs"),
            ("a: b\n  c\n\td: 2", 3, "instead of tabs"),
            ("a: [b]\n\tc: 2", 2, "instead of tabs"),
            ("a: \"b\n\tc\"", 2, "instead of tabs"),
            ("a: >\n  b\n\tc: 2", 3, "instead of tabs"),
            ("a:\n  b: 1\n \t \n\t# x\n\tc: 2", 5, "instead of tabs"),
            ("a:\n  b:0\n  c: 3", 2, "blank after the colon: `b: `"),
            ("a:\n  b: 0\n  c:3", 3, "blank after the colon: `c: `"),
            ("a:\n  b: 0\n  c:3\n  d: 1", 3, "blank after the colon"),
            ("a:\n  b:0\n\n  # x\n  c: 3", 2, "blank after the colon"),
            (
                "a:\r\n  \"b\":0\r\n  c: 3",
                2,
                "blank after the colon: `b: `",
            ),
            ("a:1\nb: 2", 1, "blank after the colon: `a: `"),
            ("a: x\n  http://b\n  c: d", 3, "indentation"),
            ("a: \"\\q\"", 1, "two backslashes"),
            ("a: 'x\n\n", 2, "close the quote"),
            ("ok: 1\na: @x", 2, "quotes"),
            ("a: !python/object x", 1, "exclamation mark"),
            ("a: *nope", 1, "write the value out"),
            ("a: &x [*x]", 1, "write the value out"),
            ("a: [1, 2", 1, "close the quote or bracket"),
            ("a: 1\n---\nb: 2", 2, "keep one document"),
            (bomb, 5, "write the values out"),
            (&deep, 1, "write the values out"),
        ];
        for (text, line, remedy) in table {
            let problem = parse("f", text).expect_err(text);
            let shown = format!("{text:.40?}: {problem}");
            assert!(problem.remedy.contains(remedy), "{shown}");
            assert_eq!(problem.line, Some(line), "{shown}");
        }
    }
}
