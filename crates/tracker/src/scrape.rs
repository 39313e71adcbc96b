//! Scrape (BEP 48): counts without an announce.

use metainfo::InfoHash;

use crate::query::pairs;

/// Torrents one request may name; the rest is not looked at.
const MOST: usize = 100;

/// The torrents a scrape's raw query names; none means all.
#[must_use]
pub fn parse_scrape(query: &str) -> Vec<InfoHash> {
    let hashes = pairs(query).filter(|(key, _)| *key == "info_hash");
    hashes
        .filter_map(|(_, value)| Some(InfoHash(<[u8; 20]>::try_from(&*value).ok()?)))
        .take(MOST)
        .collect()
}
