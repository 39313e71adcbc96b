//! What a plain (unquoted) word means under YAML 1.1, as PyYAML's SafeLoader reads it.
//!
//! The original project was written in Python, so its users' files mean what PyYAML says:
//! `yes` is true, `0x1B39` and `0b11` are numbers, `010` is eight, `1:30` is ninety (base 60), and
//! `0o17` or `08` are words. The rules are those of the type repository of YAML 1.1.

/// The meaning of a word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Plain {
    /// Nothing, `~`, `null`.
    Null,
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// A whole number; `None` when it does not fit 64 bits.
    Int(Option<i64>),
    /// A number with a fraction, infinity or not-a-number. Nothing here takes one.
    Float,
    /// Any other word, and every quoted one. Days and moments are among them: PyYAML makes objects
    /// of those, but nothing here takes one, and as a name `2018-06-01` is what was meant.
    Text,
}

impl Plain {
    /// What it is, for "expected X, found Y".
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Plain::Null => "nothing",
            Plain::Bool(_) => "a boolean",
            Plain::Int(_) => "a whole number",
            Plain::Float => "a number with a fraction",
            Plain::Text => "text",
        }
    }
}

/// Reads a plain word.
pub(crate) fn resolve(word: &str) -> Plain {
    match word {
        "" | "~" | "null" | "Null" | "NULL" => Plain::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Plain::Bool(true),
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Plain::Bool(false)
        }
        _ => int(word).unwrap_or_else(|| {
            if is_float(word) {
                Plain::Float
            } else {
                Plain::Text
            }
        }),
    }
}

fn int(word: &str) -> Option<Plain> {
    let (sign, digits) = signed(word);
    let radix = |digits: &str, base: u32, allowed: fn(char) -> bool| {
        let number: String = digits.chars().filter(|&c| c != '_').collect();
        // `0x_` has the shape of a number and no digits; PyYAML fails on it, we read a word.
        let shaped = !number.is_empty() && number.chars().all(allowed);
        shaped.then(|| Plain::Int(i64::from_str_radix(&format!("{sign}{number}"), base).ok()))
    };
    if let Some(binary) = digits.strip_prefix("0b") {
        return radix(binary, 2, |c| matches!(c, '0' | '1'));
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return radix(hex, 16, |c| c.is_ascii_hexdigit());
    }
    match digits.chars().next()? {
        '0' => radix(digits, 8, |c| matches!(c, '0'..='7')),
        '1'..='9' if digits.contains(':') => base_60(sign, digits),
        '1'..='9' => radix(digits, 10, |c| c.is_ascii_digit()),
        _ => None,
    }
}

/// `1:30:00`: every part after the first is 0 to 59.
fn base_60(sign: &str, digits: &str) -> Option<Plain> {
    let mut parts = digits.split(':');
    let first: String = parts.next()?.chars().filter(|&c| c != '_').collect();
    if !first.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let mut total: Option<i64> = first.parse().ok();
    for part in parts {
        let value = base_60_digits(part)?;
        total = total.and_then(|total| total.checked_mul(60)?.checked_add(value));
    }
    Some(Plain::Int(
        total.map(|total| if sign == "-" { -total } else { total }),
    ))
}

/// One or two digits, 0 to 59.
fn base_60_digits(part: &str) -> Option<i64> {
    let shaped = matches!(part.len(), 1 | 2) && part.bytes().all(|b| b.is_ascii_digit());
    part.parse().ok().filter(|&value| shaped && value < 60)
}

fn is_float(word: &str) -> bool {
    let (_, rest) = signed(word);
    if matches!(rest, ".inf" | ".Inf" | ".INF") || matches!(word, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let Some((whole, fraction)) = rest.split_once('.') else {
        return false;
    };
    // The exponent needs its sign: `1.5e3` is a word in YAML 1.1.
    let (fraction, exponent) = match fraction.find(['e', 'E']) {
        Some(at) => (&fraction[..at], Some(&fraction[at + 1..])),
        None => (fraction, None),
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    let starts_with_digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    let exponent_fits = exponent.is_none_or(|exponent| {
        let tail = exponent.strip_prefix(['+', '-']);
        tail.is_some_and(|tail| !tail.is_empty() && tail.bytes().all(|b| b.is_ascii_digit()))
    });
    if !digits(fraction) || !exponent_fits {
        return false;
    }
    if whole.is_empty() {
        // No sign before a bare point: `-.5` is a word.
        return rest == word && starts_with_digit(fraction);
    }
    let mut parts = whole.split(':');
    let first = parts.next().unwrap_or_default();
    let mut sexagesimal = false;
    for part in parts {
        sexagesimal = true;
        if base_60_digits(part).is_none() {
            return false;
        }
    }
    starts_with_digit(first) && digits(first) && !(sexagesimal && exponent.is_some())
}

fn signed(word: &str) -> (&str, &str) {
    match word.as_bytes().first() {
        Some(b'+') => ("", &word[1..]),
        Some(b'-') => ("-", &word[1..]),
        _ => ("", word),
    }
}

#[cfg(test)]
mod tests {
    use super::{Plain, resolve};

    /// Every row was read by PyYAML 6.0's `yaml.safe_load`.
    #[test]
    fn words_mean_what_pyyaml_says() {
        let int = |value| Plain::Int(Some(value));
        let table: &[(&str, Plain)] = &[
            ("", Plain::Null),
            ("~", Plain::Null),
            ("null", Plain::Null),
            ("NULL", Plain::Null),
            ("nUll", Plain::Text),
            ("yes", Plain::Bool(true)),
            ("On", Plain::Bool(true)),
            ("TRUE", Plain::Bool(true)),
            ("no", Plain::Bool(false)),
            ("OFF", Plain::Bool(false)),
            ("False", Plain::Bool(false)),
            ("y", Plain::Text),
            ("N", Plain::Text),
            ("tRue", Plain::Text),
            ("0", int(0)),
            ("-0", int(0)),
            ("+5", int(5)),
            ("-12", int(-12)),
            ("6969", int(6969)),
            ("0x1B39", int(6969)),
            ("-0x1f", int(-31)),
            ("0X1F", Plain::Text),
            ("0b101", int(5)),
            ("0B1", Plain::Text),
            ("010", int(8)),
            ("0o17", Plain::Text),
            ("08", Plain::Text),
            ("00", int(0)),
            ("0_7", int(7)),
            ("1_000", int(1000)),
            ("1_", int(1)),
            ("_1", Plain::Text),
            ("1:30", int(90)),
            ("-1:30", int(-90)),
            ("1:60", Plain::Text),
            ("0:30", Plain::Text),
            ("190:20:30", int(685_230)),
            ("12h", Plain::Text),
            ("9223372036854775807", int(i64::MAX)),
            ("-9223372036854775808", int(i64::MIN)),
            ("9223372036854775808", Plain::Int(None)),
            ("1.0", Plain::Float),
            ("1.", Plain::Float),
            (".5", Plain::Float),
            ("-.5", Plain::Text),
            ("1e3", Plain::Text),
            ("1.5e3", Plain::Text),
            ("1.5e+3", Plain::Float),
            ("08.5", Plain::Float),
            ("1:30.5", Plain::Float),
            (".inf", Plain::Float),
            ("-.INF", Plain::Float),
            (".nan", Plain::Float),
            ("-.nan", Plain::Text),
            (".", Plain::Text),
            ("1.2.3", Plain::Text),
            ("192.168.1.1", Plain::Text),
            ("Debian 12", Plain::Text),
            ("+", Plain::Text),
        ];
        for (word, meaning) in table {
            assert_eq!(resolve(word), *meaning, "{word:?}");
        }
    }
}
