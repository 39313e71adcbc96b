//! The API: what every machine did (`GET /api/v1/machines`) and a machine's own word
//! (`POST /api/v1/report`).

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, State as Extract};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use report::{Report, Step};

use super::{From, State};
use crate::journal::Who;

/// All machines, oldest first, as of the journal's last snapshot.
pub(super) async fn machines(Extract(state): Extract<State>) -> Response {
    let snapshot = Arc::clone(&state.machines.borrow());
    match serde_json::to_vec(&*snapshot) {
        Ok(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        Err(e) => {
            tracing::error!("cannot write the machines as JSON: {e}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A step a machine tells of itself. It goes into that machine's history, and a start into the memory of who
/// boots once; nowhere else.
pub(super) async fn report(
    Extract(state): Extract<State>,
    ConnectInfo(peer): From,
    report: Result<Json<Report>, JsonRejection>,
) -> Response {
    let Json(Report { mac, mut step, .. }) = match report {
        Ok(report) => report,
        Err(rejection) => {
            state.journal.dropped("report", "malformed");
            return rejection.into_response();
        }
    };
    if let Step::Awake { facts } = &mut step {
        // The journal knows machines by address; whose it is must not be anybody's claim.
        facts.address = peer.ipv4();
    }
    // The machine waits for the answer before it jumps: then its start is written down.
    let heard = state.once.heard(mac, &step).await;
    state.journal.step(Who::Mac(mac), step);
    match heard {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => (StatusCode::CONFLICT, why).into_response(),
    }
}
