//! A TCP listener that bounds what strangers can hold open: so many connections at once, so many of
//! them from one address, none that stays silent, and none beyond the door's end.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::doors::quota::{Quota, Share};
use crate::journal::Journal;

/// Connections at once: three for each of a thousand machines.
const CONNECTIONS: u32 = 3000;
/// Connections at once from one address. A machine needs a handful; more is a fault or a flood.
pub(super) const PER_ADDRESS: usize = 64;
/// A connection on which nothing moved for so long ends: a machine that lost power sends no FIN,
/// and one that connects and says nothing would keep its place for good.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

pub(super) struct Limited {
    listener: TcpListener,
    places: Places,
    journal: Journal,
    end: CancellationToken,
}

impl Limited {
    /// Connections of `listener` break off when `end` is cancelled.
    pub(super) fn new(listener: TcpListener, journal: Journal, end: CancellationToken) -> Self {
        Self {
            listener,
            places: Places::new(),
            journal,
            end,
        }
    }

    /// A handle on the places, to wait for all of them to be free again.
    pub(super) fn places(&self) -> Places {
        self.places.clone()
    }
}

impl Listener for Limited {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed; were it, refusing everybody would be the safe answer.
        let Ok(mut permit) = Arc::clone(&self.places.free).acquire_owned().await else {
            return std::future::pending().await;
        };
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            match self.places.take(permit, address.ip()) {
                Ok(place) => {
                    let end = self.end.clone().cancelled_owned();
                    return (Connection::new(stream, place, end), address);
                }
                Err(unused) => {
                    permit = unused;
                    self.journal
                        .dropped("http", "too many connections from one address");
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// The places there are, and who has how many.
#[derive(Clone)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    shares: Quota,
}

impl Places {
    fn new() -> Self {
        Self {
            free: Arc::new(Semaphore::new(CONNECTIONS as usize)),
            shares: Quota::new(PER_ADDRESS),
        }
    }

    /// Waits until nobody has a place.
    pub(super) async fn all_free(&self) {
        // Fails only on a closed semaphore, which has nobody to wait for.
        let _ = self.free.acquire_many(CONNECTIONS).await;
    }

    /// A place for `address`, or the permit back if it has enough of them.
    fn take(
        &self,
        permit: OwnedSemaphorePermit,
        address: IpAddr,
    ) -> Result<Arc<Place>, OwnedSemaphorePermit> {
        match self.shares.take(address) {
            Some(share) => Ok(Arc::new(Place {
                _share: share,
                _permit: permit,
            })),
            None => Err(permit),
        }
    }
}

/// One place. The connection holds it, and so does a body being sent, which has a last word to the
/// journal after the connection is gone.
pub(super) struct Place {
    _share: Share,
    _permit: OwnedSemaphorePermit,
}

/// A connection and the place it takes.
pub(super) struct Connection {
    stream: TcpStream,
    place: Arc<Place>,
    /// When something was last read or written.
    moved: Instant,
    /// Fires at the earliest when `moved` is [`SILENCE`] ago; moving it at every read and write
    /// would cost more than looking again when it fires.
    silence: Pin<Box<Sleep>>,
    end: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connection {
    fn new(stream: TcpStream, place: Arc<Place>, end: WaitForCancellationFutureOwned) -> Self {
        // All are improvements, not needs: a connection without them still works.
        let _ = stream.set_nodelay(true);
        let socket = socket2::SockRef::from(&stream);
        let _ = socket.set_tcp_user_timeout(Some(SILENCE));
        let _ = socket.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(SILENCE));
        Self {
            stream,
            place,
            moved: Instant::now(),
            silence: Box::pin(tokio::time::sleep(SILENCE)),
            end: Box::pin(end),
        }
    }

    /// The place it takes.
    pub(super) fn place(&self) -> &Arc<Place> {
        &self.place
    }

    /// Does `io` on the stream unless the connection's time is over; wakes the task when it is.
    fn timed<T>(
        &mut self,
        cx: &mut Context<'_>,
        io: impl FnOnce(Pin<&mut TcpStream>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if self.end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(ErrorKind::ConnectionAborted.into()));
        }
        if let Poll::Ready(done) = io(Pin::new(&mut self.stream), cx) {
            self.moved = Instant::now();
            return Poll::Ready(done);
        }
        loop {
            ready!(self.silence.as_mut().poll(cx));
            let due = self.moved + SILENCE;
            if due <= Instant::now() {
                return Poll::Ready(Err(ErrorKind::TimedOut.into()));
            }
            self.silence.as_mut().reset(due);
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.timed(cx, |stream, cx| stream.poll_read(cx, buf))
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.timed(cx, |stream, cx| stream.poll_write(cx, buf))
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.timed(cx, |stream, cx| stream.poll_write_vectored(cx, bufs))
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    /// The clock is moved, not waited for.
    #[test]
    fn a_silent_connection_ends() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
            let address = listener.local_addr().expect("an address");
            let (journal, _recorder, _machines) = crate::journal::journal();
            let mut limited = Limited::new(listener, journal, CancellationToken::new());
            let _silent = TcpStream::connect(address).await.expect("connected");
            let (mut connection, _) = limited.accept().await;
            let long_ago = Instant::now() - SILENCE;
            connection.moved = long_ago;
            connection.silence.as_mut().reset(long_ago);
            let ended = connection.read_u8().await.expect_err("nothing was said");
            assert_eq!(ended.kind(), ErrorKind::TimedOut);
        });
    }
}
