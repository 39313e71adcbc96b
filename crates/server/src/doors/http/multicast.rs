//! `POST /api/v1/multicast/INFOHASH`: a machine tells what it lacks and what it hears, and is told where to listen.

use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest, Path, Request, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::limit::SILENCE;
use super::{From, State};
use crate::doors::multicast::Refusal;

pub(super) async fn report(
    Extract(state): Extract<State>,
    ConnectInfo(peer): From,
    Path(torrent): Path<String>,
    request: Request,
) -> Response {
    let refuse = |status, why| {
        state.journal.dropped("multicast", why);
        (status, format!("{why}\n")).into_response()
    };
    let Ok(torrent) = torrent.parse() else {
        return refuse(StatusCode::NOT_FOUND, "not an info hash");
    };
    let read = Bytes::from_request(request, &());
    let body = match tokio::time::timeout(SILENCE, read).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return refuse(StatusCode::BAD_REQUEST, "a report that cannot be read"),
        Err(_) => return refuse(StatusCode::REQUEST_TIMEOUT, "a report that does not end"),
    };
    match state.desk.report(&torrent, peer.ipv4(), &body) {
        Ok(answer) => answer.to_bencode().into_response(),
        Err(Refusal::NotSeeded) => refuse(StatusCode::NOT_FOUND, "no such torrent"),
        Err(Refusal::NoReport) => refuse(StatusCode::BAD_REQUEST, "not a report"),
    }
}
