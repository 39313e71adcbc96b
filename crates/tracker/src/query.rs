//! A query string, taken apart without leaving bytes: `info_hash` and `peer_id` are binary.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The longest query that is read, in bytes: far above what any client sends.
const LONGEST: usize = 4096;

/// Keys and decoded values in the query's order; nothing of a query that is too long.
///
/// `+` stays `+`: clients encode with RFC 3986 rules, and a plus sign in a peer id means itself.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (&str, Cow<'_, [u8]>)> {
    let read = if query.len() <= LONGEST { query } else { "" };
    read.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        Some((key, percent_decode_str(value).into()))
    })
}

/// A decoded value as a number.
pub(crate) fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
