//! The tracker's two pages, `/announce` and `/scrape` (BEP 3, 23, 48), around the pure table.
//!
//! The raw query is handed on undecoded: `info_hash` and `peer_id` are binary, and the usual
//! decoders refuse or mangle what is not UTF-8. Refusals are bencoded with status 200, as clients
//! expect.

use std::net::IpAddr;
use std::sync::PoisonError;

use axum::extract::{RawQuery, State as Extract};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tracker::{Announce, Refusal};

use super::{From, State};

/// `GET /announce`
pub(super) async fn announce(
    Extract(state): Extract<State>,
    axum::extract::ConnectInfo(peer): From,
    RawQuery(query): RawQuery,
) -> Response {
    let IpAddr::V4(from) = peer.address.ip() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let answer = Announce::parse(&query.unwrap_or_default(), from).and_then(|announce| {
        let tracker = state.tracker.as_ref().ok_or(Refusal::NotServed)?;
        let mut tracker = tracker.lock().unwrap_or_else(PoisonError::into_inner);
        tracker.announce(&announce, state.begun.elapsed(), &mut rand::rng())
    });
    match answer {
        Ok(answer) => bencoded(answer.to_bencode()),
        Err(refusal) => {
            state.journal.dropped("announce", refusal.reason());
            bencoded(refusal.to_bencode())
        }
    }
}

/// `GET /scrape`
pub(super) async fn scrape(Extract(state): Extract<State>, RawQuery(query): RawQuery) -> Response {
    let Some(tracker) = &state.tracker else {
        return bencoded(Refusal::NotServed.to_bencode());
    };
    let named = tracker::parse_scrape(&query.unwrap_or_default());
    let mut tracker = tracker.lock().unwrap_or_else(PoisonError::into_inner);
    bencoded(tracker.scrape(&named, state.begun.elapsed()))
}

fn bencoded(bytes: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "text/plain")], bytes).into_response()
}
