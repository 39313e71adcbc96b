//! Connections, each served by a task of its own, until the door is to close.
//!
//! axum's own `serve` does the same, but nobody can tell it how to write the names of headers.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::serve::Listener;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Peer;
use super::limit::{Connection, Limited};

/// Largest head of a request, in bytes: the longest path is 4096, each byte of it written as three. No more of an answer
/// waits in memory than this and one chunk either.
const HEAD: usize = 64 * 1024;

/// Serves `app` on `listener`, and lets a request's head take so long `to_ask`, from the connection or the answer before it
/// on. Once it is to `stop`, nobody else is let in, and requests that are being answered are waited
/// for.
pub(super) async fn serve(
    mut listener: Limited,
    app: Router,
    to_ask: Duration,
    stop: CancellationToken,
) {
    let tasks = TaskTracker::new();
    loop {
        let (connection, address) = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let place = Arc::clone(connection.place());
        let peer = Peer { address, place };
        let app = app.clone().layer(Extension(ConnectInfo(peer)));
        tasks.spawn(answer(connection, app, to_ask, stop.clone()));
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Answers what is asked on one connection.
async fn answer(connection: Connection, app: Router, to_ask: Duration, stop: CancellationToken) {
    // GRUB by UEFI's HTTP compares "Content-Length" letter by letter, although case means nothing (RFC 9110, 5.1), and
    // takes a file whose length it does not find for empty (efihttp_request in grub-core/net/efi/http.c).
    let mut http = http1::Builder::new();
    http.title_case_headers(true);
    // A byte now and then is no silence, and would keep a place for good.
    http.timer(TokioTimer::new()).header_read_timeout(to_ask);
    http.max_buf_size(HEAD);
    let service = TowerToHyperService::new(app);
    let mut served = pin!(http.serve_connection(TokioIo::new(connection), service));
    // What a stranger breaks off is the limits' and the bodies' to tell.
    tokio::select! {
        _ = served.as_mut() => return,
        () = stop.cancelled() => served.as_mut().graceful_shutdown(),
    }
    let _ = served.await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    /// Longer than a whole request takes, much shorter than silence.
    const TO_ASK: Duration = Duration::from_millis(400);
    const NOW_AND_THEN: Duration = Duration::from_millis(20);

    #[tokio::test]
    async fn who_asks_a_byte_at_a_time_loses_its_place() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let address = listener.local_addr().expect("an address");
        let (journal, _recorder, _machines) = crate::journal::journal();
        let limited = Limited::new(listener, journal, CancellationToken::new());
        let app = Router::new().route("/", get(async || "here"));
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(limited, app, TO_ASK, stop.clone()));

        let (mut receiver, mut sender) = TcpStream::connect(address)
            .await
            .expect("connected")
            .into_split();
        sender
            .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            .await
            .expect("asked");
        let mut answer = [0; 512];
        let length = receiver.read(&mut answer).await.expect("answered");
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"));

        let trickle = async {
            while sender.write_all(b"G").await.is_ok() {
                tokio::time::sleep(NOW_AND_THEN).await;
            }
        };
        // An end, or a reset.
        let lost = async { while let Ok(1..) = receiver.read(&mut answer).await {} };
        let lost = tokio::time::timeout(super::super::limit::SILENCE / 2, async {
            tokio::join!(trickle, lost)
        });
        assert!(lost.await.is_ok(), "it still has its place");
        stop.cancel();
        serving.await.expect("ended");
    }
}
