//! One connection for many requests: parts of files, one after the other.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_RANGE, HOST, RANGE, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;

use super::Error;
use crate::net::connection::connect;

/// How long the server may say nothing while it owes an answer or the rest of one.
const SILENCE: Duration = Duration::from_secs(10);

/// A connection to a web server, made when it is needed and again when it was closed.
pub(in crate::net) struct Session {
    from: Ipv4Addr,
    to: SocketAddrV4,
    sender: Option<SendRequest<Empty<Bytes>>>,
}

impl Session {
    /// Nothing is connected yet. An unspecified `from` is any address.
    pub(in crate::net) fn new(from: Ipv4Addr, to: SocketAddrV4) -> Self {
        let sender = None;
        Self { from, to, sender }
    }

    /// Asks for the bytes `part` of the file at `path`.
    ///
    /// # Errors
    /// Any answer that is not this part.
    pub(in crate::net) async fn part(
        &mut self,
        path: &str,
        part: Range<u64>,
    ) -> Result<Part, Error> {
        let answer = self.ask(path, &part).await?;
        let to = SocketAddr::V4(self.to);
        let begins = format!("bytes {}-{}/", part.start, part.end - 1);
        let range = answer.headers().get(CONTENT_RANGE);
        let is_it = range.is_some_and(|range| range.as_bytes().starts_with(begins.as_bytes()));
        if answer.status() != StatusCode::PARTIAL_CONTENT || !is_it {
            let status = answer.status().as_u16();
            let path = path.to_owned();
            return Err(Error::NotThePart { to, path, status });
        }
        let left = part.end - part.start;
        Ok(Part { answer, left, to })
    }

    /// Asks on the connection there is; a server may have closed that since, then on a new one.
    async fn ask(&mut self, path: &str, part: &Range<u64>) -> Result<Response<Incoming>, Error> {
        if let Some(mut sender) = self.sender.take()
            && sender.ready().await.is_ok()
            && let Ok(answer) = self
                .within(sender.send_request(self.request(path, part)))
                .await?
        {
            self.sender = Some(sender);
            return Ok(answer);
        }
        let mut sender = self.connect().await?;
        let asked = sender.send_request(self.request(path, part));
        let answer = self.within(asked).await?.map_err(|why| self.broken(why))?;
        self.sender = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<Empty<Bytes>>, Error> {
        let to = SocketAddr::V4(self.to);
        let stream = connect(self.from, self.to).await;
        let stream = stream.map_err(|why| Error::Connect { to, why })?;
        // An improvement, not a need.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = self
            .within(handshake(TokioIo::new(stream)))
            .await?
            .map_err(|why| self.broken(why))?;
        // Ends by itself once the sender is dropped.
        tokio::spawn(connection);
        Ok(sender)
    }

    fn request(&self, path: &str, part: &Range<u64>) -> Request<Empty<Bytes>> {
        let mut request = Request::new(Empty::new());
        // A path of escaped parts is always one.
        *request.uri_mut() = path.parse().unwrap_or_default();
        let range = format!("bytes={}-{}", part.start, part.end - 1);
        for (name, value) in [
            (HOST, self.to.to_string()),
            (RANGE, range),
            (USER_AGENT, crate::net::AGENT.to_owned()),
        ] {
            // Digits and plain ASCII: a header may have all of it.
            if let Ok(value) = value.parse() {
                request.headers_mut().insert(name, value);
            }
        }
        request
    }

    async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        within(SocketAddr::V4(self.to), work).await
    }

    fn broken(&self, why: hyper::Error) -> Error {
        let to = SocketAddr::V4(self.to);
        Error::Http { to, why }
    }
}

/// A part of a file on its way.
pub(in crate::net) struct Part {
    answer: Response<Incoming>,
    /// Bytes still to come.
    left: u64,
    to: SocketAddr,
}

impl Part {
    /// The next bytes; none when all were there.
    ///
    /// # Errors
    /// More or fewer bytes than were asked for, or none for too long.
    pub(in crate::net) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let to = self.to;
        while let Some(frame) = within(to, self.answer.body_mut().frame()).await? {
            let frame = frame.map_err(|why| Error::Http { to, why })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            let Some(left) = self.left.checked_sub(data.len() as u64) else {
                let limit = self.left as usize;
                return Err(Error::TooLarge { to, limit });
            };
            self.left = left;
            return Ok(Some(data));
        }
        match self.left {
            0 => Ok(None),
            left => Err(Error::Short { to, left }),
        }
    }
}

async fn within<T>(to: SocketAddr, work: impl Future<Output = T>) -> Result<T, Error> {
    let limit = SILENCE;
    let done = tokio::time::timeout(limit, work).await;
    done.map_err(|_| Error::Timeout { to, limit })
}
