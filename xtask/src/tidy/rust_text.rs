//! Rust source with its comments and strings blanked out, so that words are looked for in code alone.

/// The same text with every character of comments, strings and character literals replaced by a space; lines stay.
pub(super) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let blanked = blank_length(rest, code.chars().next_back());
        let length = if blanked == 0 {
            next.len_utf8()
        } else {
            blanked
        };
        let (piece, after) = rest.split_at(length);
        if blanked == 0 {
            code.push_str(piece);
        } else {
            code.extend(piece.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        }
        rest = after;
    }
    code
}

/// The words of code: identifiers and keywords.
pub(super) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty())
}

/// How many bytes at the start of `rest` are a comment or a literal; 0 when it starts with code. `before` is the
/// character in front: the `r` of `for"` begins no raw string.
fn blank_length(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return quoted(rest, '"');
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if !in_word && let Some(hashes) = rest.strip_prefix("br").or_else(|| rest.strip_prefix('r')) {
        return raw_string(rest, hashes);
    }
    if rest.starts_with('\'') {
        character(rest)
    } else {
        0
    }
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let tail = &rest[at..];
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        if !escaped && c == quote {
            return at + 1;
        }
        escaped = !escaped && c == '\\';
    }
    rest.len()
}

/// `r"…"`, `r#"…"#`: no escapes, ends at as many hashes as it began with. 0 when it is none (`r#type`, or just an r).
fn raw_string(rest: &str, after_r: &str) -> usize {
    let hashes = after_r.len() - after_r.trim_start_matches('#').len();
    if !after_r[hashes..].starts_with('"') {
        return 0;
    }
    let start = rest.len() - after_r.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    rest[start..]
        .find(&end)
        .map_or(rest.len(), |at| start + at + end.len())
}

/// A character literal, or 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut inner = rest[1..].chars();
    match (inner.next(), inner.next()) {
        (Some('\\'), _) => quoted(rest, '\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::{code_only, words};

    #[test]
    fn only_code_keeps_its_words() {
        for (text, expected) in [
            ("a // unsafe\nb", "a b"),
            ("a /* unsafe /* deep */ unsafe */ b", "a b"),
            ("a \"unsafe \\\" unsafe\" b", "a b"),
            ("a r#\"unsafe \" unsafe\"# b", "a b"),
            ("a br\"unsafe\\\" b", "a b"),
            ("a b'\"' unsafe '\"' c", "a b unsafe c"),
            ("'\\'' unsafe '\\u{41}' c", "unsafe c"),
            ("fn x<'a>(y: &'a str) { unsafe }", "fn x a y a str unsafe"),
            ("r#type for\"unsafe\" b", "r type for b"),
            ("#![forbid(unsafe_code)]", "forbid unsafe_code"),
            ("\"never closed unsafe", ""),
            ("'ä' b /* ä", "b"),
        ] {
            assert_eq!(
                words(&code_only(text)).collect::<Vec<_>>().join(" "),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn lines_stay_where_they_are() {
        let code = code_only("/*\n*/ a\n\"\n\" b");
        assert_eq!(
            code.lines().map(str::trim).collect::<Vec<_>>(),
            ["", "a", "", "b"]
        );
    }
}
