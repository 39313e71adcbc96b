//! Finds the bt-server of this computer and asks it about a machine; or asks the machine itself.

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

/// The server's answer; an error where no server answers at all.
async fn ask(of: &Where, what: &str) -> Result<Answer, String> {
    let own = match of.server {
        Some(server) => vec![server],
        None => own_addresses(),
    };
    let machine = utf8_percent_encode(&of.machine, NON_ALPHANUMERIC);
    for server in &own {
        let port = of.http_port;
        let url = format!("http://{server}:{port}/api/v1/machines/{machine}{what}");
        match http::get(&url, PATIENCE, MOST).await {
            Ok(answer) => return Ok(answer),
            Err(Error::Connect { .. }) => {}
            Err(error) => return Err(format!("{server} at port {port} is no bt-server: {error}")),
        }
    }
    let tried: Vec<String> = own.iter().map(ToString::to_string).collect();
    Err(format!(
        "no bt-server answers at port {} of {}\n    remedy: call this on the computer where bt-server runs, with \
         --http-port where it has another port; or name the machine by its address",
        of.http_port,
        tried.join(", ")
    ))
}

/// This computer's addresses; a server may be at any.
fn own_addresses() -> Vec<Ipv4Addr> {
    let all = getifaddrs().into_iter().flatten();
    let mut own: Vec<Ipv4Addr> = all
        .filter_map(|entry| Some(entry.address?.as_sockaddr_in()?.ip()))
        .collect();
    own.sort_by_key(Ipv4Addr::is_loopback);
    own.dedup();
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
