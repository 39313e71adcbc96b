//! The API: what every machine did (`GET /api/v1/machines`) and a machine's own word
//! (`POST /api/v1/report`).

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, FromRequest, Request, State as Extract};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use report::{Report, Step};

use super::limit::SILENCE;
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
    request: Request,
) -> Response {
    let Report { mac, mut step, .. } = match read(request, SILENCE).await {
        Ok(report) => report,
        Err((why, answer)) => {
            state.journal.dropped("report", why);
            return answer;
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

/// Reads a report that has so long to come; or why there is none, and the answer to that.
async fn read(request: Request, to_come: Duration) -> Result<Report, (&'static str, Response)> {
    let read = Json::from_request(request, &());
    match tokio::time::timeout(to_come, read).await {
        Ok(Ok(Json(report))) => Ok(report),
        Ok(Err(rejection)) => Err(("malformed", rejection.into_response())),
        Err(_) => Err(("too slow", StatusCode::REQUEST_TIMEOUT.into_response())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use axum::body::{Body, HttpBody};
    use bytes::Bytes;
    use http_body::Frame;

    /// Something comes now and then, or nothing any more: who waits sees no difference.
    struct Endless;

    impl HttpBody for Endless {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Pending
        }
    }

    #[tokio::test]
    async fn a_report_that_does_not_end_is_not_waited_for() {
        let request = Request::post("/").header(CONTENT_TYPE, "application/json");
        let request = request.body(Body::new(Endless)).expect("a request");
        let (why, answer) = read(request, Duration::from_millis(10))
            .await
            .expect_err("it never ended");
        assert_eq!(
            (why, answer.status()),
            ("too slow", StatusCode::REQUEST_TIMEOUT)
        );
    }
}
