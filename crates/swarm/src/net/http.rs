//! A small HTTP/1.1 client for machines that have no resolver: hosts are IP literals.
//!
//! One connection per request, a time limit for all of it, and a limit on the size of the answer.
//! No TLS, no redirects, no proxies. [`Session`] alone keeps its connection, for many parts of files and for what is said several
//! times a second.

mod session;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};

pub(super) use session::Session;

/// Why there is no answer. A status other than 200 is an answer, not an error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not an `http://` URL whose host is an IP address.
    #[error("{0:?} is not an http:// address with an IP address as host")]
    Url(String),
    /// Nobody listens there, or the network fails.
    #[error("cannot reach {to}: {why}")]
    Connect {
        /// The server's address.
        to: SocketAddr,
        /// What the system said.
        why: std::io::Error,
    },
    /// The connection ended early, or what came is not HTTP.
    #[error("no valid HTTP answer from {to}: {why}")]
    Http {
        /// The server's address.
        to: SocketAddr,
        /// What the HTTP codec said.
        why: hyper::Error,
    },
    /// The time limit passed.
    #[error("no answer from {to} within {limit:?}")]
    Timeout {
        /// The server's address.
        to: SocketAddr,
        /// The time limit.
        limit: Duration,
    },
    /// The answer is larger than the caller allows.
    #[error("the answer from {to} is larger than {limit} bytes")]
    TooLarge {
        /// The server's address.
        to: SocketAddr,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A part of a file was asked for, and the answer is something else.
    #[error("{to} answers with status {status} where a part of {path} was asked for")]
    NotThePart {
        /// The server's address.
        to: SocketAddr,
        /// The file, as the URL names it.
        path: String,
        /// The answer's status.
        status: u16,
    },
    /// The answer ended before all of the part was there.
    #[error("the answer from {to} ended {left} bytes too early")]
    Short {
        /// The server's address.
        to: SocketAddr,
        /// Bytes that did not come.
        left: u64,
    },
}

/// The address and the path that a URL names.
pub(super) fn address(url: &str) -> Result<(SocketAddr, String), Error> {
    let target = Target::parse(url)?;
    Ok((target.address, target.uri.path().to_owned()))
}

/// Fetches `url`: the status, and a body of at most `limit` bytes.
pub async fn get(url: &str, timeout: Duration, limit: usize) -> Result<(u16, Bytes), Error> {
    get_from(None, url, timeout, limit).await
}

/// As [`get`], from this address of the computer: who answers may know it by that one alone.
pub async fn get_from(
    from: Option<Ipv4Addr>,
    url: &str,
    timeout: Duration,
    limit: usize,
) -> Result<(u16, Bytes), Error> {
    let mut target = Target::parse(url)?;
    target.from = from;
    let request = target.request(Method::GET, Bytes::new());
    within(target.address, timeout, target.exchange(request, limit)).await?
}

/// Sends a JSON document to `url` and gives the status. The answer's body is not read.
pub async fn post_json(url: &str, json: impl Into<Bytes>, timeout: Duration) -> Result<u16, Error> {
    let target = Target::parse(url)?;
    let request = target.request(Method::POST, json.into());
    let answer = within(target.address, timeout, target.send(request)).await??;
    Ok(answer.status().as_u16())
}

struct Target {
    address: SocketAddr,
    /// Whence, where that matters.
    from: Option<Ipv4Addr>,
    uri: Uri,
    host: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, Error> {
        let bad = || Error::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| bad())?;
        if uri.scheme_str() != Some("http") {
            return Err(bad());
        }
        let authority = uri.authority().ok_or_else(bad)?;
        let host = authority.host();
        let ip: IpAddr = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
            .parse()
            .map_err(|_| bad())?;
        Ok(Self {
            address: SocketAddr::new(ip, authority.port_u16().unwrap_or(80)),
            from: None,
            host: authority.to_string(),
            uri,
        })
    }

    fn request(&self, method: Method, body: Bytes) -> Request<Full<Bytes>> {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = request(path, &self.host, body);
        if method == Method::POST {
            let json = "application/json".parse().expect("plain ASCII");
            request.headers_mut().insert(CONTENT_TYPE, json);
        }
        *request.method_mut() = method;
        request
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        limit: usize,
    ) -> Result<(u16, Bytes), Error> {
        let mut answer = self.send(request).await?;
        let body = collect(answer.body_mut(), self.address, limit).await?;
        Ok((answer.status().as_u16(), body))
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let Some(from) = self.from else {
            return TcpStream::connect(self.address).await;
        };
        let socket = TcpSocket::new_v4()?;
        socket.bind((from, 0).into())?;
        socket.connect(self.address).await
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Error> {
        let stream = self.connect().await.map_err(|why| Error::Connect {
            to: self.address,
            why,
        })?;
        let mut sender = speak(stream, self.address).await?;
        sender
            .send_request(request)
            .await
            .map_err(|why| broken(self.address, why))
    }
}

/// All of an answer's body, which is no larger than `limit` bytes.
async fn collect(answer: &mut Incoming, to: SocketAddr, limit: usize) -> Result<Bytes, Error> {
    let mut body = BytesMut::new();
    while let Some(frame) = answer.frame().await {
        let frame = frame.map_err(|why| broken(to, why))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if body.len() + data.len() > limit {
            return Err(Error::TooLarge { to, limit });
        }
        body.extend_from_slice(&data);
    }
    Ok(body.freeze())
}

/// A request that says what all of ours say: to which host, and from whom.
fn request(path: &str, host: &str, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    let headers = request.headers_mut();
    // An address, or an authority that was parsed from a URL, has no byte that a header may not have.
    if let Ok(host) = host.parse() {
        headers.insert(HOST, host);
    }
    headers.insert(USER_AGENT, crate::net::AGENT.parse().expect("plain ASCII"));
    *request.uri_mut() = path.parse().unwrap_or_default();
    request
}

/// Begins to speak HTTP on a new connection. It ends by itself once the sender is dropped and the last
/// answer's body is read or dropped.
async fn speak(stream: TcpStream, to: SocketAddr) -> Result<SendRequest<Full<Bytes>>, Error> {
    let (sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|why| broken(to, why))?;
    tokio::spawn(connection);
    Ok(sender)
}

fn broken(to: SocketAddr, why: hyper::Error) -> Error {
    Error::Http { to, why }
}

async fn within<T>(
    to: SocketAddr,
    limit: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Error> {
    let done = tokio::time::timeout(limit, work).await;
    done.map_err(|_| Error::Timeout { to, limit })
}
