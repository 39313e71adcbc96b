//! Who shares what: announces in, peers out (BEP 3, 23), and counts for who asks (BEP 48).
//!
//! A pure table over values: [`Announce::parse`] and [`Scrape::parse`] read a request's query,
//! [`Tracker`] decides, [`Answer`] or a [`Refusal`] is what goes back, and [`Mode`] writes the statistics
//! page. It never opens a socket, never looks at a clock (`now` is a duration since an epoch of the
//! caller's choice, which is also when its uptime begins) and draws no randomness of its own. It knows
//! only the torrents it was told of, and its memory is bounded whatever strangers announce.
#![forbid(unsafe_code)]

mod announce;
mod answer;
mod query;
mod refusal;
mod scrape;
mod stats;
mod swarm;
mod table;

pub use announce::{Announce, Event, PeerId};
pub use answer::{Answer, Peer};
pub use refusal::Refusal;
pub use scrape::Scrape;
pub use stats::{Mode, UnknownMode};
pub use swarm::{Counts, Standing};
pub use table::{Settings, Totals, Tracker};
