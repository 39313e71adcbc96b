//! The tracker's two pages, `/announce` and `/scrape` (BEP 3, 23, 48), around the pure table.
//!
//! The raw query is handed on undecoded: `info_hash` and `peer_id` are binary, and the usual
//! decoders refuse or mangle what is not UTF-8. Refusals are bencoded with status 200, as clients
//! expect. (Bytes that are no UTF-8 have to be percent-encoded, as URLs ask for: the HTTP codec answers
//! 400 to a raw one before anything here sees it.)

use std::sync::{MutexGuard, PoisonError};

use axum::extract::{ConnectInfo, RawQuery, State as Extract};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use tracker::{Announce, Refusal, Scrape, Tracker};

use super::{From, State};

/// `GET /announce`
pub(super) async fn announce(
    Extract(state): Extract<State>,
    ConnectInfo(peer): From,
    RawQuery(query): RawQuery,
) -> Response {
    let Some(mut tracker) = tracker(&state) else {
        return switched_off(&state);
    };
    let answer = Announce::parse(&query.unwrap_or_default(), peer.ipv4()).and_then(|asker| {
        let answer = tracker.announce(&asker, state.begun.elapsed(), &mut rand::rng())?;
        state.announced.tell(&asker);
        Ok(answer.to_bencode())
    });
    bencoded(&state, "announce", answer, tracker)
}

/// `GET /scrape`
pub(super) async fn scrape(Extract(state): Extract<State>, RawQuery(query): RawQuery) -> Response {
    let Some(mut tracker) = tracker(&state) else {
        return switched_off(&state);
    };
    let answer = Scrape::parse(&query.unwrap_or_default())
        .map(|asked| tracker.scrape(&asked, state.begun.elapsed()));
    bencoded(&state, "scrape", answer, tracker)
}

/// The tracker, where there is one.
pub(super) fn tracker(state: &State) -> Option<MutexGuard<'_, Tracker>> {
    let tracker = state.tracker.as_ref()?;
    Some(tracker.lock().unwrap_or_else(PoisonError::into_inner))
}

/// What the tracker's pages say where the configuration switched it off.
pub(super) fn switched_off(state: &State) -> Response {
    state.journal.dropped("tracker", "switched off");
    let sentence = "The tracker of this server is switched off: opentracker.enable is False in Boottorrent.yaml.\n";
    (StatusCode::NOT_FOUND, sentence).into_response()
}

fn bencoded(
    state: &State,
    page: &'static str,
    answer: Result<Vec<u8>, Refusal>,
    mut tracker: MutexGuard<'_, Tracker>,
) -> Response {
    let body = answer.unwrap_or_else(|refusal| {
        tracker.refused(refusal);
        state.journal.dropped(page, refusal.reason());
        refusal.to_bencode()
    });
    ([(CONTENT_TYPE, "text/plain")], body).into_response()
}
