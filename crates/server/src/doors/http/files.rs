//! Files by HTTP: the shelf's from memory under `/boot/`, the payload's from disk under `/oss/`
//! (a web seed, BEP 19). Only files known by name are served, so no path can lead elsewhere.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State as Extract};
use axum::http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use metainfo::Torrent;
use tower_http::services::ServeFile;

use super::body::{Counted, Memory, Tally};
use super::range::{Wanted, wanted};
use super::{From, Peer, State};
use crate::offer;
use crate::payload::Unfit;

/// tower-http's default chunk costs four times the CPU of this one for large files.
const READ_CHUNK: usize = 1 << 20;
/// Parts of payload files that are smaller are not told: a machine that no peer reaches fetches all
/// it needs in such parts, and reports itself how far it is.
const SMALL_PART: u64 = 1 << 20;

/// `GET /boot/NAME`: a loader's file, with ranges.
pub(super) async fn boot(
    Extract(state): Extract<State>,
    axum::extract::ConnectInfo(peer): From,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    from_the_shelf(&state, &peer, &name, (&method, &headers))
}

/// `GET /grub/NAME`: Debian's signed GRUB looks for its configuration there, wherever it was loaded from.
pub(super) async fn grub(
    Extract(state): Extract<State>,
    axum::extract::ConnectInfo(peer): From,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let name = format!("grub/{name}");
    from_the_shelf(&state, &peer, &name, (&method, &headers))
}

fn from_the_shelf(state: &State, peer: &Peer, name: &str, how: (&Method, &HeaderMap)) -> Response {
    let offer = offer::last(&state.offers);
    let Some((name, bytes)) = offer.shelf.get(name) else {
        state.journal.dropped("http", "no such file");
        return no_such_file();
    };
    from_memory(state, peer, name, &bytes, how)
}

/// A file in memory, or the part of it that is asked for.
fn from_memory(
    state: &State,
    peer: &Peer,
    name: &str,
    bytes: &Bytes,
    (method, headers): (&Method, &HeaderMap),
) -> Response {
    let length = bytes.len();
    let (status, part) = match wanted(range(method, headers), length) {
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
    let untold = status == StatusCode::PARTIAL_CONTENT
        && name.starts_with("oss/")
        && (part.len() as u64) < SMALL_PART;
    let body = if method == Method::HEAD {
        Body::empty()
    } else if untold {
        Body::new(Memory(bytes.slice(part)))
    } else {
        let tally = tally(state, peer, name, part.len() as u64);
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
    mut request: Request,
) -> Response {
    let offer = offer::last(&state.offers);
    if let Some(qemu) = offer
        .qemu
        .as_ref()
        .filter(|qemu| is_of(&qemu.torrent, &path))
    {
        let how = (request.method(), request.headers());
        return from_memory(&state, &peer, &format!("oss/{path}"), &qemu.bytes, how);
    }
    let Some(file) = offer.payload.get(&path) else {
        state.journal.dropped("http", "no such file");
        return no_such_file();
    };
    if let Err(unfit) = file.check().await {
        file.tell(&unfit);
        return refused(&state, &unfit);
    }
    if range(request.method(), request.headers()).is_none() {
        request.headers_mut().remove(RANGE);
    }
    let asked = (request.method() == Method::GET).then(|| (format!("oss/{path}"), peer));
    let mut service = ServeFile::new(file.path()).with_buf_chunk_size(READ_CHUNK);
    let response = match service.try_call(request).await {
        Ok(response) => response,
        Err(e) => {
            let unfit = Unfit::from(e);
            file.tell(&unfit);
            return refused(&state, &unfit);
        }
    };
    let length = response
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse().ok());
    let told = match response.status() {
        StatusCode::PARTIAL_CONTENT => length.is_some_and(|length| length >= SMALL_PART),
        status => status.is_success(),
    };
    match (asked, length) {
        (Some((name, peer)), Some(length)) if told => {
            let tally = tally(&state, &peer, &name, length);
            response.map(|body| Counted::body(body, tally))
        }
        _ => response.map(Body::new),
    }
}

/// Whether `path` is the only file of this torrent.
fn is_of(torrent: &Torrent, path: &str) -> bool {
    torrent.info().relative_path(0).to_str() == Some(path)
}

/// The `Range` header where it counts: it means something for GET alone (RFC 9110, 14.2), and with
/// `If-Range` only if that names the file as it is (13.1.5). Nothing here compares that, and the
/// whole is always a right answer.
fn range<'a>(method: &Method, headers: &'a HeaderMap) -> Option<&'a str> {
    if method != Method::GET || headers.contains_key(IF_RANGE) {
        return None;
    }
    headers.get(RANGE)?.to_str().ok()
}

/// "Not found", in words. EDK2's HTTP goes on waiting for the body of an answer whose length is 0 until the connection
/// ends, and shim asks by it for three files that there are not before it asks for GRUB: 90 s.
pub(super) fn no_such_file() -> Response {
    (StatusCode::NOT_FOUND, "no such file\n").into_response()
}

/// The answer for a payload file that cannot be served, counted.
fn refused(state: &State, unfit: &Unfit) -> Response {
    let (reason, status) = match unfit {
        Unfit::Gone => ("a payload file that is gone", StatusCode::NOT_FOUND),
        Unfit::Changed => ("a payload file that changed", StatusCode::CONFLICT),
        Unfit::Unreadable(_) => (
            "a payload file that cannot be read",
            StatusCode::INTERNAL_SERVER_ERROR,
        ),
    };
    state.journal.dropped("http", reason);
    (status, format!("{reason}\n")).into_response()
}

fn tally(state: &State, peer: &Peer, name: &str, total: u64) -> Tally {
    Tally {
        journal: state.journal.clone(),
        client: peer.ipv4(),
        name: name.to_owned(),
        total,
        _place: Arc::clone(&peer.place),
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
