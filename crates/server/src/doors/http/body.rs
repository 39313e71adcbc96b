//! Response bodies that tell the journal how much of them left.

use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use report::{Door, Step};

use super::limit::Place;
use crate::journal::{Journal, Who};

/// Bytes handed to the connection at a time. Large enough to cost little, small enough that the
/// count of what left is true to within what the socket buffers.
const CHUNK: usize = 256 * 1024;

/// A body that counts, and reports one `File` step when it ends, whole or broken off.
pub(super) struct Counted<B> {
    inner: B,
    sent: u64,
    begun: Instant,
    tally: Tally,
}

/// What the step at the end needs to know.
pub(super) struct Tally {
    pub(super) journal: Journal,
    pub(super) client: Ipv4Addr,
    pub(super) name: String,
    pub(super) total: u64,
    /// Held until the step is told: the door's end waits for all places.
    pub(super) _place: Arc<Place>,
}

impl<B> Counted<B>
where
    B: HttpBody<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<axum::BoxError>,
{
    pub(super) fn body(inner: B, tally: Tally) -> Body {
        Body::new(Self {
            inner,
            sent: 0,
            begun: Instant::now(),
            tally,
        })
    }
}

impl<B: HttpBody<Data = Bytes> + Unpin> HttpBody for Counted<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            self.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B> Drop for Counted<B> {
    fn drop(&mut self) {
        let step = Step::File {
            door: Door::Http,
            name: std::mem::take(&mut self.tally.name),
            bytes: self.sent,
            total: self.tally.total,
            millis: self.begun.elapsed().as_millis() as u64,
        };
        self.tally
            .journal
            .step(Who::Address(self.tally.client), step);
    }
}

/// Bytes in memory, sent in chunks without copying.
pub(super) struct Memory(pub(super) Bytes);

impl HttpBody for Memory {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.0.is_empty() {
            return Poll::Ready(None);
        }
        let n = self.0.len().min(CHUNK);
        Poll::Ready(Some(Ok(Frame::data(self.0.split_to(n)))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.len() as u64)
    }
}
