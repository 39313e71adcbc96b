//! The small HTTP client against servers that behave and servers that do not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::time::Duration;

use swarm::net::http::{Error, get, post_json};

const SOON: Duration = Duration::from_secs(30);

/// Serves one connection: says what it was asked, answers with these bytes, and then stays silent
/// until the client goes.
fn serve(answer: &'static [u8]) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, asked) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut some = [0; 1000];
        while !request.ends_with(b"\r\n\r\n") && !request.ends_with(b"}") {
            let read = stream.read(&mut some).unwrap();
            request.extend_from_slice(&some[..read]);
        }
        tell.send(String::from_utf8(request).unwrap()).unwrap();
        stream.write_all(answer).unwrap();
        let _ = stream.read(&mut some);
    });
    (address, asked)
}

#[tokio::test]
async fn an_answer_is_its_status_and_its_body() {
    for (answer, status, body) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..],
            200,
            "hello",
        ),
        (
            b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
            404,
            "",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
            200,
            "hello",
        ),
    ] {
        let (address, asked) = serve(answer);
        let got = get(&format!("http://{address}/a/b?c=%01"), SOON, 5).await;
        assert_eq!(got.unwrap(), (status, body.into()));
        let asked = asked.recv().unwrap();
        assert!(asked.starts_with("GET /a/b?c=%01 HTTP/1.1\r\n"), "{asked}");
        assert!(asked.contains(&format!("host: {address}\r\n")), "{asked}");
    }
}

#[tokio::test]
async fn a_post_carries_its_document() {
    let (address, asked) = serve(b"HTTP/1.1 204 No Content\r\n\r\n");
    let status = post_json(&format!("http://{address}/r"), "{\"a\":1}", SOON).await;
    assert_eq!(status.unwrap(), 204);
    let asked = asked.recv().unwrap();
    assert!(asked.starts_with("POST /r HTTP/1.1\r\n"), "{asked}");
    assert!(
        asked.contains("content-type: application/json\r\n"),
        "{asked}"
    );
    assert!(asked.ends_with("\r\n\r\n{\"a\":1}"), "{asked}");
}

#[tokio::test]
async fn what_is_no_answer_is_an_error() {
    let short = Duration::from_millis(50);
    for (answer, limit, wait) in [
        (
            &b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123456789"[..],
            8,
            SOON,
        ),
        (b"SSH-2.0-no\r\n\r\n", 8, SOON),
        (b"", 8, short),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n1234",
            20,
            short,
        ),
    ] {
        let (address, _asked) = serve(answer);
        let error = get(&format!("http://{address}/"), wait, limit)
            .await
            .unwrap_err();
        let expected = match (limit, wait) {
            (8, SOON) if answer.starts_with(b"HTTP") => {
                matches!(error, Error::TooLarge { limit: 8, .. })
            }
            (8, SOON) => matches!(error, Error::Http { .. }),
            _ => matches!(error, Error::Timeout { .. }),
        };
        assert!(expected, "{error}");
        assert!(error.to_string().contains(&address.to_string()), "{error}");
    }
}

#[tokio::test]
async fn only_addresses_are_hosts() {
    for url in [
        "http://localhost/",
        "https://127.0.0.1/",
        "127.0.0.1",
        "http:///x",
        "",
    ] {
        let error = get(url, SOON, 1).await.unwrap_err();
        assert!(matches!(error, Error::Url(_)), "{url}: {error}");
    }
    let nobody = get("http://127.0.0.1:1/", SOON, 1).await.unwrap_err();
    assert!(matches!(nobody, Error::Connect { .. }), "{nobody}");
}
