//! Whole numbers where the original project called Python's `int()` on what PyYAML had read: `30`, `"30"`,
//! `30.0` and `08` (a word to YAML, eight to Python) are all numbers there.

use super::scalar::Plain;

/// A whole number, and how it was come by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Whole {
    /// As written.
    Exact(i64),
    /// A fraction was cut off.
    Cut(i64),
    /// It does not fit 64 bits.
    TooLarge,
}

/// What Python's `int()` makes of a scalar; nothing where it fails, and for booleans, which nobody means as
/// numbers.
pub(crate) fn whole(text: &str, meaning: Plain) -> Option<Whole> {
    match meaning {
        Plain::Int(Some(value)) => Some(Whole::Exact(value)),
        Plain::Int(None) => Some(Whole::TooLarge),
        Plain::Text => decimal(text),
        Plain::Float => cut(text),
        Plain::Null | Plain::Bool(_) => None,
    }
}

/// Decimal digits with a sign and single underscores between them; leading zeros mean nothing.
fn decimal(text: &str) -> Option<Whole> {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let group = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits.split('_').all(group) {
        return None;
    }
    let number: String = text.chars().filter(|&c| c != '_').collect();
    Some(number.parse().map_or(Whole::TooLarge, Whole::Exact))
}

/// A number with a point, cut towards zero.
fn cut(text: &str) -> Option<Whole> {
    let number: String = text.chars().filter(|&c| c != '_').collect();
    let value: f64 = number.parse().ok()?;
    // Beyond this a fraction of 64 bits is not exact any more, and no setting means it.
    if !(-1e15..=1e15).contains(&value) {
        return Some(Whole::TooLarge);
    }
    let whole = value.trunc() as i64;
    Some(match value.fract() == 0.0 {
        true => Whole::Exact(whole),
        false => Whole::Cut(whole),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The quoted and the plain rows were tried with Python 3's `int(yaml.safe_load(…))`.
    #[test]
    fn numbers_are_what_python_says() {
        let exact = |value| Some(Whole::Exact(value));
        let table = [
            ("30", Plain::Text, exact(30)),
            (" -30 ", Plain::Text, exact(-30)),
            ("+5", Plain::Text, exact(5)),
            ("010", Plain::Text, exact(10)),
            ("08", Plain::Text, exact(8)),
            ("1_000", Plain::Text, exact(1000)),
            ("1__0", Plain::Text, None),
            ("_1", Plain::Text, None),
            ("1_", Plain::Text, None),
            ("0x10", Plain::Text, None),
            ("1:60", Plain::Text, None),
            ("- 5", Plain::Text, None),
            ("", Plain::Text, None),
            ("soon", Plain::Text, None),
            ("3.5", Plain::Text, None),
            ("99999999999999999999", Plain::Text, Some(Whole::TooLarge)),
            ("30.0", Plain::Float, exact(30)),
            ("3.9", Plain::Float, Some(Whole::Cut(3))),
            ("-3.9", Plain::Float, Some(Whole::Cut(-3))),
            ("1_0.", Plain::Float, exact(10)),
            ("1.5e+300", Plain::Float, Some(Whole::TooLarge)),
            (".inf", Plain::Float, None),
            (".nan", Plain::Float, None),
            ("yes", Plain::Bool(true), None),
        ];
        for (text, meaning, expected) in table {
            assert_eq!(whole(text, meaning), expected, "{text:?} {meaning:?}");
        }
    }
}
