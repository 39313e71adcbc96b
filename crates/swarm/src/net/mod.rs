//! The shell around [`core`](crate::core): sockets, files, the tracker, on tokio.
//!
//! It moves bytes and keeps time, and decides nothing about whom to ask for what. Only where no peer
//! gives anything does it bring in one more: the server's files by HTTP, as [`WebSeed`] tells.

pub mod http;

/// What we call ourselves towards trackers and web servers.
const AGENT: &str = concat!("bt-server/", env!("CARGO_PKG_VERSION"));

mod announcer;
mod connection;
mod download;
mod engine;
mod error;
mod event;
mod lsd;
mod margins;
mod multicast;
mod progress;
mod storage;
mod sums;
mod wanted;
mod web_seed;

pub use download::{Download, Options};
pub use error::Error;
pub use lsd::Lsd;
pub use progress::Progress;
pub use storage::Joined;
pub use wanted::{NoSuchFile, Wanted};
pub use web_seed::WebSeed;
