//! Files by HTTP: the shelf's from memory under `/boot/`, the payload's from disk under `/oss/`
//! (a web seed, BEP 19). Only files known by name are served, so no path can lead elsewhere.

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use axum::extract::{Path, Request, State as Extract};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use tower_http::services::ServeFile;

use super::body::{Counted, Memory, Tally};
use super::range::{Wanted, wanted};
use super::{From, Peer, State};

/// tower-http's default chunk costs four times the CPU of this one for large files.
const READ_CHUNK: usize = 1 << 20;

/// `GET /boot/NAME`: a loader's file, with ranges.
pub(super) async fn boot(
    Extract(state): Extract<State>,
    axum::extract::ConnectInfo(peer): From,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let Some((name, bytes)) = state.shelf.get(&name) else {
        state.journal.dropped("http", "no such file");
        return StatusCode::NOT_FOUND.into_response();
    };
    let length = bytes.len();
    let range = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let (status, part) = match wanted(range, length) {
        Wanted::All => (StatusCode::OK, 0..length),
        Wanted::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Wanted::Unsatisfiable => {
            let header = [(CONTENT_RANGE, format!("bytes */{length}"))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, header).into_response();
        }
    };
    let mut response = Response::builder()
        .status(status)
        .header(ACCEPT_RANGES, "bytes")
        .header(CONTENT_LENGTH, part.len())
        .header(CONTENT_TYPE, content_type(name));
    if status == StatusCode::PARTIAL_CONTENT {
        response = response.header(
            CONTENT_RANGE,
            format!("bytes {}-{}/{length}", part.start, part.end - 1),
        );
    }
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let tally = tally(&state, peer, name, part.len() as u64);
        Counted::body(Memory(bytes.slice(part)), tally)
    };
    response
        .body(body)
        .unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// `GET /oss/SYSTEM/PATH`: a payload file from disk, with ranges, as long as it still is the file
/// that was hashed.
pub(super) async fn payload(
    Extract(state): Extract<State>,
    axum::extract::ConnectInfo(peer): From,
    Path(path): Path<String>,
    request: Request,
) -> Response {
    let Some(file) = state.payload.get(&path) else {
        state.journal.dropped("http", "no such file");
        return StatusCode::NOT_FOUND.into_response();
    };
    match tokio::fs::metadata(&file.path).await {
        Ok(now) if now.len() == file.size => {}
        _ => {
            tracing::warn!(
                "{} changed or went since it was hashed; not served until a restart",
                file.path.display()
            );
            return (
                StatusCode::CONFLICT,
                "this file changed since it was hashed\n",
            )
                .into_response();
        }
    }
    let asked = (request.method() == Method::GET).then(|| (format!("oss/{path}"), peer));
    let mut service = ServeFile::new(&file.path).with_buf_chunk_size(READ_CHUNK);
    let response = match service.try_call(request).await {
        Ok(response) => response,
        Err(e) => {
            tracing::warn!("cannot read {}: {e}", file.path.display());
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let length = response
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    match (asked, length) {
        (Some((name, peer)), Some(length)) if response.status().is_success() => {
            let tally = tally(&state, peer, &name, length);
            response.map(|body| Counted::body(body, tally))
        }
        _ => response.map(Body::new),
    }
}

fn tally(state: &State, Peer(peer): Peer, name: &str, total: u64) -> Tally {
    let client = match peer.ip() {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(ip) => ip.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED),
    };
    Tally {
        journal: state.journal.clone(),
        client,
        name: name.to_owned(),
        total,
    }
}

/// Scripts are shown by a browser, everything else is bytes.
fn content_type(name: &str) -> &'static str {
    if name.ends_with(".ipxe") || name.starts_with("pxelinux.cfg/") || name.ends_with(".json") {
        "text/plain; charset=utf-8"
    } else {
        "application/octet-stream"
    }
}
