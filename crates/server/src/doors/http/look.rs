//! `GET /api/v1/machines/ID/look/PAGE`: a machine's page, fetched for who sits at this computer, and `…/look`: where the
//! machine is reached. The door is open to the whole room; these two answer this computer's own addresses alone, which
//! the kernel lets nobody else send from.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, Path, State as Extract};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use report::look::{MOST, Page, names_an_address, printable};
use swarm::net::http;

use super::{From, Peer, State};
use crate::look::target::{self, Refusal, Target};

/// Headers by which a proxy owns up to asking for somebody else (RFC 9110, 7.6.3; RFC 7239, and the usual one before it).
const OF_PROXIES: [&str; 3] = ["via", "forwarded", "x-forwarded-for"];
/// How long a machine may take for a page: its kernel's messages are half a megabyte.
const PATIENCE: Duration = Duration::from_secs(8);

/// Where the machine is reached, as JSON.
pub(super) async fn place(
    Extract(state): Extract<State>,
    ConnectInfo(peer): From,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    if let Some(refusal) = not_from_here(&state, &peer, &headers) {
        return refusal;
    }
    let snapshot = Arc::clone(&state.machines.borrow());
    let found = target::find(&snapshot, &id);
    match found.and_then(|machine| target::target(machine, &state.own)) {
        Ok(target) => Json(target).into_response(),
        Err(refusal) => refused(refusal),
    }
}

/// One of the machine's pages.
pub(super) async fn page(
    Extract(state): Extract<State>,
    ConnectInfo(peer): From,
    headers: HeaderMap,
    Path((id, name)): Path<(String, String)>,
) -> Response {
    if let Some(refusal) = not_from_here(&state, &peer, &headers) {
        return refusal;
    }
    let page = match name.parse::<Page>() {
        Ok(page) => page,
        Err(why) => return text(StatusCode::NOT_FOUND, &why),
    };
    let snapshot = Arc::clone(&state.machines.borrow());
    let machine = match target::find(&snapshot, &id) {
        Ok(machine) => machine,
        Err(refusal) => return refused(refusal),
    };
    let target = match target::target(machine, &state.own) {
        Ok(target) => target,
        Err(refusal) => return refused(refusal),
    };
    let Target {
        address,
        port,
        from,
        ..
    } = &target;
    let url = format!("http://{address}:{port}/{page}");
    match http::get_from(Some(*from), &url, PATIENCE, MOST).await {
        Ok((200, body)) => text(StatusCode::OK, &String::from_utf8_lossy(&body)),
        Ok((_, body)) => text(StatusCode::BAD_GATEWAY, &String::from_utf8_lossy(&body)),
        Err(error) => refused(target::silent(machine, &target, &error.to_string())),
    }
}

/// The answer to who does not sit here, asks through a proxy that runs here, or whose browser was led here by somebody's
/// name.
fn not_from_here(state: &State, peer: &Peer, headers: &HeaderMap) -> Option<Response> {
    let is_own = state.own.iter().any(|(_, own)| *own == peer.ipv4());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_passed_on = OF_PROXIES.iter().any(|name| headers.contains_key(*name));
    if is_own && !is_passed_on && host.is_some_and(names_an_address) {
        return None;
    }
    state.journal.dropped("look", "not from this computer");
    let why = "Machines can be looked at from the server's own computer alone, by its address \
               and through no proxy.";
    Some(text(StatusCode::FORBIDDEN, why))
}

fn refused(refusal: Refusal) -> Response {
    match refusal {
        Refusal::Unknown(why) => text(StatusCode::NOT_FOUND, &why),
        Refusal::Elsewhere(why) => text(StatusCode::CONFLICT, &why),
        Refusal::Silent(why) => text(StatusCode::BAD_GATEWAY, &why),
    }
}

fn text(status: StatusCode, text: &str) -> Response {
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    let line_end = if text.ends_with('\n') { "" } else { "\n" };
    (status, headers, printable(text) + line_end).into_response()
}
