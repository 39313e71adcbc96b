//! One connection for many requests, one after the other: parts of files, and small words back and forth.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::header::{CONTENT_RANGE, RANGE};
use hyper::{Method, Request, Response, StatusCode};

use super::{Error, broken, collect, request, speak, within};
use crate::net::connection::connect;

/// How long the server may say nothing while it owes an answer or the rest of one.
const SILENCE: Duration = Duration::from_secs(10);

/// A connection to a web server, made when it is needed and again when it was closed.
pub(in crate::net) struct Session {
    from: Ipv4Addr,
    to: SocketAddrV4,
    sender: Option<SendRequest<Full<Bytes>>>,
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
        let answer = self.ask(|to| get(path, &part, to)).await?;
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

    /// Sends `body` to `path` and gives the status, and an answer of at most `limit` bytes.
    ///
    /// # Errors
    /// No answer, or a larger one.
    pub(in crate::net) async fn post(
        &mut self,
        path: &str,
        body: Bytes,
        limit: usize,
    ) -> Result<(u16, Bytes), Error> {
        let mut answer = self.ask(|to| post(path, body.clone(), to)).await?;
        let to = SocketAddr::V4(self.to);
        let body = within(to, SILENCE, collect(answer.body_mut(), to, limit)).await??;
        Ok((answer.status().as_u16(), body))
    }

    /// Asks on the connection there is; a server may have closed that since, then on a new one.
    async fn ask(
        &mut self,
        request: impl Fn(SocketAddrV4) -> Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Error> {
        if let Some(mut sender) = self.sender.take()
            && sender.ready().await.is_ok()
            && let Ok(answer) = self.within(sender.send_request(request(self.to))).await?
        {
            self.sender = Some(sender);
            return Ok(answer);
        }
        let mut sender = self.connect().await?;
        let answer = self.within(sender.send_request(request(self.to))).await?;
        let answer = answer.map_err(|why| broken(self.to.into(), why))?;
        self.sender = Some(sender);
        Ok(answer)
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Error> {
        let to = SocketAddr::V4(self.to);
        let stream = connect(self.from, self.to).await;
        let stream = stream.map_err(|why| Error::Connect { to, why })?;
        // An improvement, not a need.
        let _ = stream.set_nodelay(true);
        self.within(speak(stream, to)).await?
    }

    async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        within(self.to.into(), SILENCE, work).await
    }
}

fn get(path: &str, part: &Range<u64>, to: SocketAddrV4) -> Request<Full<Bytes>> {
    let mut request = request(path, &to.to_string(), Bytes::new());
    let range = format!("bytes={}-{}", part.start, part.end - 1);
    let range = range.parse().expect("digits");
    request.headers_mut().insert(RANGE, range);
    request
}

fn post(path: &str, body: Bytes, to: SocketAddrV4) -> Request<Full<Bytes>> {
    let mut request = request(path, &to.to_string(), body);
    *request.method_mut() = Method::POST;
    request
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
        while let Some(frame) = within(to, SILENCE, self.answer.body_mut().frame()).await? {
            let frame = frame.map_err(|why| broken(to, why))?;
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
