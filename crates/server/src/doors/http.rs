//! The HTTP door: one port for the loaders' files, the tracker, the machines' reports, the API and
//! the payload as plain files.
//!
//! It holds no state of its own: what is offered is told by a watch channel, the tracker is a table
//! behind a mutex, history is the journal's. Requests are bounded in size, connections in number.

mod announce;
mod api;
mod body;
mod files;
mod limit;
mod look;
mod multicast;
mod range;
mod serve;
mod stats;
mod waiting;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::routing::{get, post};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracker::Tracker;

use crate::doors::connect_back::Announced;
use crate::doors::multicast::Desk;
use crate::journal::{Journal, Snapshot};
use crate::offer::Offers;
use crate::once::Once;

/// How long open requests may go on after the door was told to close.
pub const LAST_WORDS: Duration = Duration::from_millis(500);
/// How long the connections broken off after that may take to go.
const BREAKING_OFF: Duration = Duration::from_millis(200);
/// Largest request body: a report is a few hundred bytes.
const REQUEST_BODY: usize = 64 * 1024;

/// Where machines tell what they lack; the torrent's info hash follows.
pub const MULTICAST: &str = "/api/v1/multicast";

/// What the door needs to answer.
#[derive(Clone)]
pub struct State {
    /// The loaders' files and the payload.
    pub offers: Offers,
    /// Who shares what; none where the configuration switched the tracker off. A plain mutex is right: an announce is a few table look-ups and never waits
    /// while holding it.
    pub tracker: Option<Arc<Mutex<Tracker>>>,
    /// Who hears what machines lack, because of what is sent to all of them.
    pub desk: Desk,
    /// Who is told of announces, because some programs wait to be connected to.
    pub announced: Announced,
    /// Where steps go.
    pub journal: Journal,
    /// Who hears of starts, because of machines that boot once.
    pub once: Once,
    /// Where history is read.
    pub machines: watch::Receiver<Arc<Snapshot>>,
    /// The tracker's epoch.
    pub begun: Instant,
    /// This computer's interfaces that are served, each with the address that its machines know; the first stands for
    /// machines whose interface is not known.
    pub own: Arc<[(String, Ipv4Addr)]>,
}

/// Serves on `listener` until `stop`; requests that are being answered then have [`LAST_WORDS`],
/// and what is still open after that is broken off, so that its journal step is told.
///
/// # Errors
/// The listener fails.
pub async fn run(
    listener: TcpListener,
    state: State,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let end = CancellationToken::new();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let listener = limit::Limited::new(listener, state.journal.clone(), end.clone());
    let places = listener.places();
    let serving = serve::serve(listener, router(state), limit::SILENCE, stop.clone());
    let last_words = async {
        stop.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        () = serving => {}
        () = last_words => {}
    }
    // Each connection is a task of its own, which knows nothing of the end of this one.
    end.cancel();
    let _ = tokio::time::timeout(BREAKING_OFF, places.all_free()).await;
    Ok(())
}

/// Who a request came from, and the place its connection has.
#[derive(Clone)]
pub(crate) struct Peer {
    address: SocketAddr,
    place: Arc<limit::Place>,
}

impl Peer {
    /// The address as the journal knows it; the door listens on IPv4 alone.
    fn ipv4(&self) -> Ipv4Addr {
        match self.address.ip() {
            IpAddr::V4(ip) => ip,
            IpAddr::V6(ip) => ip.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED),
        }
    }
}

fn router(state: State) -> Router {
    Router::new()
        .route("/boot/{*name}", get(files::boot))
        .route("/grub/{*name}", get(files::grub))
        .route("/oss/{*path}", get(files::payload))
        .route("/announce", get(announce::announce))
        .route("/scrape", get(announce::scrape))
        .route("/stats", get(stats::stats))
        .route("/api/v1/machines", get(api::machines))
        .route("/api/v1/machines/{id}/look", get(look::place))
        .route("/api/v1/machines/{id}/look/{page}", get(look::page))
        .route("/api/v1/report", post(api::report))
        .route("/api/v1/waiting/{name}", get(waiting::waiting))
        .route("/api/v1/multicast/{torrent}", post(multicast::report))
        .fallback(async || files::no_such_file())
        .layer(DefaultBodyLimit::max(REQUEST_BODY))
        .with_state(state)
}

type From = ConnectInfo<Peer>;
