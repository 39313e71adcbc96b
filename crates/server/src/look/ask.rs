//! Finds the bt-server of this computer and asks it about a machine; or asks the machine itself.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use nix::ifaddrs::getifaddrs;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use report::look::{MOST, Page, printable};
use swarm::net::http::{self, Error};

use super::target::Target;
use super::{Where, by_address};

/// The server itself waits eight seconds for a machine.
const PATIENCE: Duration = Duration::from_secs(12);
const NOT_FOUND: u16 = 404;
const FORBIDDEN: u16 = 403;

/// A page of the machine, ready for a terminal.
///
/// # Errors
/// Why there is none, in a sentence with the remedy.
pub(super) async fn page(of: &Where, page: Page) -> Result<String, String> {
    let answer = ask(of, &format!("/look/{page}")).await;
    let Some(machine) = without_server(&answer, of) else {
        return shown(answer?);
    };
    let Target { address, port, .. } = machine;
    let url = format!("http://{address}:{port}/{page}");
    match http::get(&url, PATIENCE, MOST).await {
        Ok(answer) => shown(answer),
        Err(error) => Err(alone(of, &error)),
    }
}

/// Where the machine is reached.
///
/// # Errors
/// Why it is not, in a sentence with the remedy.
pub(super) async fn place(of: &Where) -> Result<Target, String> {
    let answer = ask(of, "/look").await;
    if let Some(machine) = without_server(&answer, of) {
        return Ok(machine);
    }
    match answer? {
        (200, body) => serde_json::from_slice(&body)
            .map_err(|error| format!("the server's answer is not understood: {error}")),
        other => shown(other).and_then(Err),
    }
}

type Answer = (u16, bytes::Bytes);

/// The server's answer; an error where no server answers at all. Another program, or a bt-server that does not know the
/// machine, may be at one of this computer's addresses and the right one at the next.
async fn ask(of: &Where, what: &str) -> Result<Answer, String> {
    let own = match of.server {
        Some(server) => vec![server],
        None => own_addresses(),
    };
    let machine = utf8_percent_encode(&of.machine, NON_ALPHANUMERIC);
    let path = format!("/api/v1/machines/{machine}{what}");
    if let Some(answer) = first(&own, of.http_port, &path).await {
        return answer;
    }
    let tried: Vec<String> = own.iter().map(ToString::to_string).collect();
    Err(format!(
        "no bt-server answers at port {} of {}\n    remedy: call this on the computer where bt-server runs, with \
         --http-port where it has another port; or name the machine by its address",
        of.http_port,
        tried.join(", ")
    ))
}

/// What the first of these servers says that knows the machine; else the last answer, or why one makes no sense. Nothing
/// where all are silent.
async fn first(servers: &[Ipv4Addr], port: u16, path: &str) -> Option<Result<Answer, String>> {
    let mut last = None;
    for server in servers {
        let url = format!("http://{server}:{port}{path}");
        match http::get(&url, PATIENCE, MOST).await {
            Ok(answer) if ![NOT_FOUND, FORBIDDEN].contains(&answer.0) => return Some(Ok(answer)),
            Ok(answer) => last = Some(Ok(answer)),
            Err(Error::Connect { .. }) => {}
            Err(_) if matches!(last, Some(Ok(_))) => {}
            Err(error) => {
                last = Some(Err(format!(
                    "{server} at port {port} is no bt-server: {error}"
                )));
            }
        }
    }
    last
}

/// This computer's addresses, each once; a server may be at any.
fn own_addresses() -> Vec<Ipv4Addr> {
    let all = getifaddrs().into_iter().flatten();
    let mut own: Vec<Ipv4Addr> = all
        .filter_map(|entry| Some(entry.address?.as_sockaddr_in()?.ip()))
        .collect();
    own.sort_by_key(Ipv4Addr::is_loopback);
    let mut known = HashSet::new();
    own.retain(|address| known.insert(*address));
    own
}

/// The machine itself, where no server knows it and it is named by its address.
fn without_server(answer: &Result<Answer, String>, of: &Where) -> Option<Target> {
    match answer {
        Err(_) | Ok((NOT_FOUND, _)) => by_address(&of.machine),
        Ok(_) => None,
    }
}

/// The page, or what was said instead of it.
fn shown((status, body): Answer) -> Result<String, String> {
    let text = printable(&String::from_utf8_lossy(&body));
    match status {
        200 => Ok(text),
        _ if text.trim().is_empty() => {
            Err(format!("HTTP status {status}; is that this bt-server?"))
        }
        _ => Err(text),
    }
}

/// Why a machine does not answer that was asked without a server's help.
fn alone(of: &Where, error: &Error) -> String {
    let machine = &of.machine;
    match error {
        Error::Http { .. } => format!(
            "{machine} closes the connection: it answers only the server it booted from, whose address this computer does \
             not send from"
        ),
        error => format!(
            "{error}\n    No bt-server that runs here knows {machine}; it is switched off, or not in phase 1 (it may have \
             started its system)"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Gives everybody this answer.
    fn answers(listener: TcpListener, answer: &'static str) {
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
    }

    #[tokio::test]
    async fn the_first_server_that_knows_the_machine_is_asked() {
        let [odd, ignorant, silent, right] =
            [1, 2, 3, 4].map(|last| Ipv4Addr::new(127, 0, 7, last));
        let listener = TcpListener::bind((odd, 0)).await.expect("bound");
        let port = listener.local_addr().expect("an address").port();
        answers(listener, "220 a mail server\r\n");
        let listener = TcpListener::bind((ignorant, port)).await.expect("bound");
        answers(
            listener,
            "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnone",
        );
        let listener = TcpListener::bind((right, port)).await.expect("bound");
        answers(
            listener,
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage",
        );
        let ask = async |servers: &[Ipv4Addr]| first(servers, port, "/").await;

        let found = ask(&[odd, ignorant, silent, right]).await;
        assert_eq!(found, Some(Ok((200, "page".into()))));
        for servers in [[odd, ignorant, silent], [ignorant, odd, silent]] {
            assert_eq!(ask(&servers).await, Some(Ok((404, "none".into()))));
        }
        let why = ask(&[silent, odd]).await;
        assert!(
            matches!(&why, Some(Err(why)) if why.contains("127.0.7.1") && why.contains("no bt-server")),
            "{why:?}"
        );
        assert_eq!(ask(&[silent]).await, None);
    }

    #[test]
    fn each_address_of_this_computer_is_asked_once() {
        let own = own_addresses();
        let different: HashSet<_> = own.iter().collect();
        assert_eq!(different.len(), own.len(), "{own:?}");
    }
}
