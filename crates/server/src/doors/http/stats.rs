//! `GET /stats`: the tracker's statistics as plain text, as opentracker shows them on the same path.

use axum::extract::{RawQuery, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tracker::Mode;

use super::State;
use super::announce::{switched_off, tracker};

/// `GET /stats`, with `mode=` for another page than peers and seeds. A mode that there is not is
/// answered with those there are.
pub(super) async fn stats(Extract(state): Extract<State>, RawQuery(query): RawQuery) -> Response {
    let Some(mut tracker) = tracker(&state) else {
        return switched_off(&state);
    };
    match Mode::parse(&query.unwrap_or_default()) {
        Ok(mode) => tracker.stats(mode, state.begun.elapsed()).into_response(),
        Err(unknown) => {
            state.journal.dropped("stats", "unknown mode");
            (StatusCode::BAD_REQUEST, format!("{unknown}\n")).into_response()
        }
    }
}
