//! Why a request is not answered with what it asked for.

use metainfo::bencode::Encoded;

/// Why an announce or a scrape is refused. Clients show the sentence to people.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum Refusal {
    /// `info_hash` is missing or not 20 bytes.
    #[error("info_hash is missing or not 20 bytes long")]
    InfoHash,
    /// `peer_id` is missing or not 20 bytes.
    #[error("peer_id is missing or not 20 bytes long")]
    PeerId,
    /// `port` is missing or no port. Nobody could reach a peer at port 0.
    #[error("port is missing or not between 1 and 65535")]
    Port,
    /// The tracker serves its own torrents only.
    #[error("this tracker does not serve that torrent")]
    NotServed,
    /// The query is longer than any client's.
    #[error("the query is longer than 8192 bytes")]
    TooLong,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 5] = [
        Self::InfoHash,
        Self::PeerId,
        Self::Port,
        Self::NotServed,
        Self::TooLong,
    ];

    /// The refusal as a counter's name.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::InfoHash => "no usable info_hash",
            Self::PeerId => "no usable peer_id",
            Self::Port => "no usable port",
            Self::NotServed => "a torrent that is not ours",
            Self::TooLong => "a query that is too long",
        }
    }

    /// The body that tells the client (BEP 3 `failure reason`, to which BEP 48 refers). It goes with
    /// status 200: many clients look at no body with another.
    #[must_use]
    pub fn to_bencode(self) -> Vec<u8> {
        Encoded::dict([("failure reason", Encoded::bytes(self.to_string()))]).into_bytes()
    }
}
