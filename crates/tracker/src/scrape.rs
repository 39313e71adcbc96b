//! Scrape (BEP 48): counts without an announce.

use metainfo::InfoHash;

use crate::Refusal;
use crate::query::pairs;

/// Which torrents a scrape asks about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scrape {
    /// It names none, which means all.
    All,
    /// These. The answer leaves out those that are not served.
    Named(Vec<InfoHash>),
}

impl Scrape {
    /// Reads the raw query of `GET /scrape`, which may name `info_hash` many times.
    ///
    /// # Errors
    /// An `info_hash` that is not 20 bytes: answered with all torrents, or with none, the client would
    /// take it for the answer to what it meant. Or a query that is too long.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let hashes = pairs(query)?.filter(|(key, _)| *key == "info_hash");
        let named: Vec<InfoHash> = hashes
            .map(|(_, value)| <[u8; 20]>::try_from(&*value).map(InfoHash))
            .collect::<Result<_, _>>()
            .map_err(|_| Refusal::InfoHash)?;
        Ok(match named.is_empty() {
            true => Self::All,
            false => Self::Named(named),
        })
    }

    pub(crate) fn asks_for(&self, torrent: &InfoHash) -> bool {
        match self {
            Self::All => true,
            Self::Named(named) => named.contains(torrent),
        }
    }
}
