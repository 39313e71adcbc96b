//! What the YAML crate refuses, said as a [`Problem`] with its line and a remedy.

use super::text::lines;
use crate::Problem;

/// What the YAML crate refuses in this text, as a problem with its line.
pub(super) fn syntax(file: &str, text: &str, error: &serde_yaml::Error) -> Problem {
    let place = error.location().filter(|location| location.line() > 0);
    let said = error.without_snippet().to_string();
    // The crate ends its messages with the place, which every problem of ours names itself.
    let said = said.split(" at line ").next().unwrap_or_default();
    let (what, remedy) = explained(said);
    let what = match place {
        Some(place) => format!("{what}, column {}", place.column()),
        None => what,
    };
    // What is missed at the end is placed behind the last line.
    let line = place.map_or(1, |place| place.line().clamp(1, lines(text)));
    Problem::error(file, what, remedy).at(Some(line))
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
    let remedy = if has(&["tabs"]) {
        "indent with spaces instead of tabs"
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
