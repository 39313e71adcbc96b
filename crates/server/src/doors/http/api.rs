//! The API: what every machine did (`GET /api/v1/machines`) and a machine's own word
//! (`POST /api/v1/report`).

use axum::Json;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use report::Report;

use super::State;
use crate::journal::{Snapshot, Who};

/// All machines, oldest first, as of the journal's last snapshot.
pub(super) async fn machines(Extract(state): Extract<State>) -> Json<Snapshot> {
    let snapshot = std::sync::Arc::clone(&state.machines.borrow());
    Json(Snapshot::clone(&snapshot))
}

/// A step a machine tells of itself. It goes into that machine's history and nowhere else.
pub(super) async fn report(
    Extract(state): Extract<State>,
    Json(report): Json<Report>,
) -> StatusCode {
    state.journal.step(Who::Mac(report.mac), report.step);
    StatusCode::NO_CONTENT
}
