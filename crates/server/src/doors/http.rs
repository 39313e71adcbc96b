//! The HTTP door: one port for the loaders' files, the tracker, the machines' reports, the API and
//! the payload as plain files.
//!
//! It holds no state of its own: the shelf and the payload never change, the tracker is a table
//! behind a mutex, history is the journal's. Requests are bounded in size, connections in number.

mod announce;
mod api;
mod body;
mod files;
mod limit;
mod range;

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit};
use axum::routing::{get, post};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracker::Tracker;

use crate::journal::{Journal, Snapshot};
use crate::shelf::Shelf;

/// How long open requests may go on after the door was told to close.
pub const LAST_WORDS: Duration = Duration::from_millis(500);
/// Largest request body: a report is a few hundred bytes.
const REQUEST_BODY: usize = 64 * 1024;

/// One payload file as it was when it was hashed.
#[derive(Clone, Debug)]
pub struct PayloadFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Its size in bytes then; a file of another size is not served.
    pub size: u64,
}

/// What the door needs to answer.
#[derive(Clone)]
pub struct State {
    /// The loaders' files.
    pub shelf: Arc<Shelf>,
    /// Payload by `NAME/path/in/folder`.
    pub payload: Arc<HashMap<String, PayloadFile>>,
    /// Who shares what. A plain mutex is right: an announce is a few table look-ups and never waits
    /// while holding it.
    pub tracker: Option<Arc<Mutex<Tracker>>>,
    /// Where steps go.
    pub journal: Journal,
    /// Where history is read.
    pub machines: watch::Receiver<Arc<Snapshot>>,
    /// The tracker's epoch.
    pub begun: Instant,
}

/// Serves on `listener` until `stop`; requests that are being answered then have [`LAST_WORDS`].
///
/// # Errors
/// The listener fails.
pub async fn run(
    listener: TcpListener,
    state: State,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let listener = limit::Limited::new(tokio::net::TcpListener::from_std(listener)?);
    let app = router(state).into_make_service_with_connect_info::<Peer>();
    let serving = axum::serve(listener, app).with_graceful_shutdown(stop.clone().cancelled_owned());
    let last_words = async {
        stop.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        served = serving.into_future() => Ok(served?),
        () = last_words => Ok(()),
    }
}

/// The address a request came from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) SocketAddr);

fn router(state: State) -> Router {
    Router::new()
        .route("/boot/{*name}", get(files::boot))
        .route("/oss/{*path}", get(files::payload))
        .route("/announce", get(announce::announce))
        .route("/scrape", get(announce::scrape))
        .route("/api/v1/machines", get(api::machines))
        .route("/api/v1/report", post(api::report))
        .layer(DefaultBodyLimit::max(REQUEST_BODY))
        .with_state(state)
}

type From = ConnectInfo<Peer>;
