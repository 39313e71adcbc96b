//! The smallest HTTP client that can look at a server inside a namespace: one GET, one answer.

use std::io::{Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::Namespace;

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks for `path` from inside `namespace`; hands back the status and the body (at most 16 MiB).
pub fn get(namespace: &Namespace, server: SocketAddrV4, path: &str) -> Result<(u16, Vec<u8>)> {
    ask(namespace, server, path, "")
}

/// As [`get`], but asks only for the bytes of `part`, counted from 0 (RFC 9110, section 14.2).
pub fn get_part(
    namespace: &Namespace,
    server: SocketAddrV4,
    path: &str,
    part: RangeInclusive<u64>,
) -> Result<(u16, Vec<u8>)> {
    let range = format!("Range: bytes={}-{}\r\n", part.start(), part.end());
    ask(namespace, server, path, &range)
}

fn ask(
    namespace: &Namespace,
    server: SocketAddrV4,
    path: &str,
    header: &str,
) -> Result<(u16, Vec<u8>)> {
    namespace.enter(|| {
        let mut stream = TcpStream::connect_timeout(&server.into(), PATIENCE)
            .with_context(|| format!("cannot connect to {server}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        // HTTP/1.0: the answer ends with the connection, there are no chunks to take apart.
        write!(
            stream,
            "GET {path} HTTP/1.0\r\nHost: {server}\r\n{header}\r\n"
        )?;
        let mut answer = Vec::new();
        stream.take(16 << 20).read_to_end(&mut answer)?;
        split(&answer).with_context(|| format!("{server}{path}: not an HTTP answer"))
    })
}

fn split(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, answer[end + 4..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn status_and_body_are_told_apart() {
        let answer = b"HTTP/1.0 404 Not Found\r\nA: b\r\n\r\nbody\r\n\r\nrest";
        assert_eq!(split(answer), Some((404, b"body\r\n\r\nrest".to_vec())));
        assert_eq!(split(b"HTTP/1.0 200"), None);
        assert_eq!(split(b"nonsense\r\n\r\n"), None);
    }
}
