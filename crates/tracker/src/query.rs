//! A query string, taken apart without leaving bytes: `info_hash` and `peer_id` are binary.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::Refusal;

/// The longest query that is read, in bytes: above a scrape of a hundred torrents, and far above
/// what any announce has.
const LONGEST: usize = 8192;

/// Keys and decoded values in the query's order. What is no `key=value` is passed over, so an empty
/// query and a trailing `&` are nothing special.
///
/// Values may be percent-encoded in either case of hexadecimal, in part or not at all: clients differ
/// in which bytes they think need it. `+` stays `+`: they encode with RFC 3986 rules, and a plus sign
/// in a peer id means itself. A `%` that is followed by anything else than two digits means itself too.
///
/// # Errors
/// The query is longer than 8192 bytes; nobody sends that by accident, so nothing of it is believed.
pub(crate) fn pairs(query: &str) -> Result<impl Iterator<Item = (&str, Cow<'_, [u8]>)>, Refusal> {
    if query.len() > LONGEST {
        return Err(Refusal::TooLong);
    }
    Ok(query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        Some((key, percent_decode_str(value).into()))
    }))
}

/// A decoded value as a number.
pub(crate) fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
