//! Connections, each served by a task of its own, until the door is to close.
//!
//! axum's own `serve` does the same, but nobody can tell it how to write the names of headers.

use std::pin::pin;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::serve::Listener;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Peer;
use super::limit::{Connection, Limited};

/// Serves `app` on `listener`. Once it is to `stop`, nobody else is let in, and requests that are being answered are waited
/// for.
pub(super) async fn serve(mut listener: Limited, app: Router, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    loop {
        let (connection, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let place = Arc::clone(connection.place());
        let peer = Peer { address, place };
        let app = app.clone().layer(Extension(ConnectInfo(peer)));
        tasks.spawn(answer(connection, app, stop.clone()));
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Answers what is asked on one connection.
async fn answer(connection: Connection, app: Router, stop: CancellationToken) {
    // GRUB by UEFI's HTTP compares "Content-Length" letter by letter, although case means nothing (RFC 9110, 5.1), and
    // takes a file whose length it does not find for empty (efihttp_request in grub-core/net/efi/http.c).
    let mut http = http1::Builder::new();
    http.title_case_headers(true);
    let service = TowerToHyperService::new(app);
    let mut served = pin!(http.serve_connection(TokioIo::new(connection), service));
    // What a stranger breaks off is the limits' and the bodies' to tell.
    tokio::select! {
        _ = served.as_mut() => return,
        () = stop.cancelled() => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}
