//! The `Range` header (RFC 9110, section 14) for bytes in memory: one range, which is what loaders
//! and our client ask for. Several ranges are answered with the whole, as section 14.2 allows.

use std::ops::Range;

/// What to send for a `Range` header and a body of `length` bytes.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Wanted {
    /// Everything, status 200.
    All,
    /// One part, status 206.
    Part(Range<usize>),
    /// Nothing of what was asked exists, status 416.
    Unsatisfiable,
}

/// Reads the header's value; what is malformed or in another unit is ignored (RFC 9110, 14.2).
pub(super) fn wanted(header: Option<&str>, length: usize) -> Wanted {
    let Some(spec) = header.and_then(|h| h.trim().strip_prefix("bytes=")) else {
        return Wanted::All;
    };
    let Some((first, last)) = spec.split_once('-') else {
        return Wanted::All;
    };
    let range = match (first.trim().parse::<usize>(), last.trim()) {
        (Ok(first), "") => first..length,
        (Ok(first), last) => match last.parse::<usize>() {
            Ok(last) if last >= first => first..last.saturating_add(1).min(length),
            _ => return Wanted::All,
        },
        // "-500": the last 500 bytes
        (Err(_), last) if first.trim().is_empty() => match last.parse::<usize>() {
            Ok(count) => length.saturating_sub(count)..length,
            Err(_) => return Wanted::All,
        },
        _ => return Wanted::All,
    };
    if range.start >= length {
        Wanted::Unsatisfiable
    } else {
        Wanted::Part(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table() {
        for (header, expected) in [
            (None, Wanted::All),
            (Some("bytes=0-9"), Wanted::Part(0..10)),
            (Some("bytes=90-"), Wanted::Part(90..100)),
            (Some("bytes=90-1000"), Wanted::Part(90..100)),
            (Some("bytes=-10"), Wanted::Part(90..100)),
            (Some("bytes=-1000"), Wanted::Part(0..100)),
            (Some("bytes=100-"), Wanted::Unsatisfiable),
            (Some("bytes=-0"), Wanted::Unsatisfiable),
            (Some("bytes=9-0"), Wanted::All),
            (Some("bytes=0-1,5-6"), Wanted::All),
            (Some("lines=0-1"), Wanted::All),
            (Some("bytes=x-y"), Wanted::All),
            (Some("bytes=0-18446744073709551615"), Wanted::Part(0..100)),
        ] {
            assert_eq!(wanted(header, 100), expected, "{header:?}");
        }
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Unsatisfiable);
    }
}
