//! Who shares what: announces in, peers out (BEP 3, 23), and counts for who asks (BEP 48).
//!
//! A pure table over values: [`Announce::parse`] reads a request's query, [`Tracker::announce`]
//! decides, [`Answer`] is what goes back. It never opens a socket, never looks at a clock (`now` is
//! a duration since an epoch of the caller's choice) and draws no randomness of its own. It knows
//! only the torrents it was told of, and its memory is bounded whatever strangers announce.
#![forbid(unsafe_code)]

mod announce;
mod answer;
mod query;
mod scrape;
mod table;

pub use announce::{Announce, Event, PeerId, Refusal};
pub use answer::{Answer, Peer};
pub use scrape::parse_scrape;
pub use table::{Counts, Settings, Standing, Tracker};
