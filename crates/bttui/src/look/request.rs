//! What somebody asks for, read from the first bytes of a connection. Strict, bounded, pure: only `GET`, no body, one
//! request for each connection. httparse takes the head apart, as it does for the swarm's HTTP.

use report::Mac;
use report::look::{Page, SHELL_PROTOCOL, names_an_address};

/// The largest head, in bytes. Ours have a hundred and fifty, a browser's a thousand.
pub const LARGEST_HEAD: usize = 4096;
const MOST_HEADERS: usize = 32;
/// Nobody's terminal is larger.
const LARGEST_SIDE: u16 = 1000;
const LONGEST_TERM: usize = 32;

/// What is asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Request {
    /// A page.
    Page(Page),
    /// A shell.
    Shell {
        /// On a terminal like this.
        terminal: Terminal,
        /// On the machine with this hardware address: another one may have its address by now.
        of: Option<Mac>,
    },
}

/// The terminal of who wants a shell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Terminal {
    /// Characters in a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
    /// Its kind, as `TERM` names it.
    pub kind: String,
}

/// Why there is no answer but this.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// HTTP's status (RFC 9110, section 15).
    pub status: u16,
    /// The reason, for people.
    pub why: String,
}

impl Refusal {
    /// A refusal with this status.
    pub fn new(status: u16, why: impl Into<String>) -> Refusal {
        Refusal {
            status,
            why: why.into(),
        }
    }
}

/// Reads a head; `None` where more has to come.
///
/// # Errors
/// The answer to what is not understood or not allowed.
pub fn parse(bytes: &[u8]) -> Result<Option<Request>, Refusal> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    match head.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) if bytes.len() < LARGEST_HEAD => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(Refusal::new(431, "the request's head is too large"));
        }
        Err(_) => return Err(Refusal::new(400, "this is not HTTP")),
    }
    if head.method != Some("GET") {
        return Err(Refusal::new(405, "here one can only look: use GET"));
    }
    let header = |name: &str| {
        let mut all = head.headers.iter();
        let found = all.find(|header| header.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(found.value).ok().map(str::trim)
    };
    if header("transfer-encoding").is_some() || header("content-length").is_some_and(|n| n != "0") {
        return Err(Refusal::new(400, "a request to look has no body"));
    }
    if !header("host").is_some_and(names_an_address) {
        let why = "ask by the machine's address: a name may be somebody else's";
        return Err(Refusal::new(421, why));
    }
    let target = head.path.unwrap_or("/");
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.strip_prefix('/').unwrap_or(path);
    if path == "shell" {
        return shell(header("upgrade"), query).map(Some);
    }
    let page = path.parse().map_err(|why: String| Refusal::new(404, why))?;
    Ok(Some(Request::Page(page)))
}

/// A shell needs the header that no page in a browser can send.
fn shell(upgrade: Option<&str>, query: &str) -> Result<Request, Refusal> {
    if upgrade != Some(SHELL_PROTOCOL) {
        let why = "a shell is opened by `bt-server shell MACHINE`";
        return Err(Refusal::new(426, why));
    }
    let value = |key: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .clone()
            .find(|(name, _)| *name == key)
            .map(|pair| pair.1)
    };
    let side = |key: &str| {
        let number = value(key)?.parse::<u16>().ok()?;
        (1..=LARGEST_SIDE).contains(&number).then_some(number)
    };
    let is_kind = |kind: &&str| {
        let usual = |c: char| c.is_ascii_alphanumeric() || "-+._".contains(c);
        (1..=LONGEST_TERM).contains(&kind.len()) && kind.chars().all(usual)
    };
    let of = match value("mac").map(str::parse) {
        Some(Err(_)) => return Err(Refusal::new(400, "that is no machine's hardware address")),
        Some(Ok(mac)) => Some(mac),
        None => None,
    };
    match (side("columns"), side("rows")) {
        (Some(columns), Some(rows)) => Ok(Request::Shell {
            terminal: Terminal {
                columns,
                rows,
                kind: value("term").filter(is_kind).unwrap_or("linux").to_owned(),
            },
            of,
        }),
        _ => Err(Refusal::new(
            400,
            "a terminal has 1 to 1000 columns and rows",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(target: &str, more: &str) -> Result<Option<Request>, Refusal> {
        parse(format!("GET {target} HTTP/1.1\r\nHost: 10.77.0.21:6970\r\n{more}\r\n").as_bytes())
    }

    #[test]
    fn pages_are_asked_for_by_name() {
        assert_eq!(get("/", ""), Ok(Some(Request::Page(Page::Index))));
        for page in Page::ALL {
            let asked = get(&format!("/{page}?x"), "Accept: */*\r\n");
            assert_eq!(asked, Ok(Some(Request::Page(page))));
        }
    }

    #[test]
    fn a_shell_is_asked_for_by_its_upgrade() {
        let upgrade = "Connection: upgrade\r\nUpgrade: bt-shell\r\n";
        let asked = get("/shell?columns=132&rows=50&term=xterm-256color", upgrade);
        let terminal = Terminal {
            columns: 132,
            rows: 50,
            kind: "xterm-256color".to_owned(),
        };
        let of = None;
        assert_eq!(asked, Ok(Some(Request::Shell { terminal, of })));
        let asked = get("/shell?columns=80&rows=24&mac=52:54:00:00:00:01", upgrade);
        let mac = Mac([0x52, 0x54, 0, 0, 0, 1]);
        assert!(
            matches!(asked, Ok(Some(Request::Shell { of: Some(of), .. })) if of == mac),
            "{asked:?}"
        );
        for (target, more, status) in [
            ("/shell?columns=80&rows=24", "", 426),
            ("/shell?columns=80&rows=24", "Upgrade: websocket\r\n", 426),
            ("/shell?columns=0&rows=24", upgrade, 400),
            ("/shell?columns=80&rows=65536", upgrade, 400),
            ("/shell?columns=80&rows=24&mac=pc01", upgrade, 400),
            ("/shell", upgrade, 400),
        ] {
            let refused = get(target, more).expect_err(target);
            assert_eq!(refused.status, status, "{target} {more}");
        }
        let odd = get("/shell?columns=80&rows=24&term=$(reboot)", upgrade);
        assert!(
            matches!(&odd, Ok(Some(Request::Shell { terminal, .. })) if terminal.kind == "linux"),
            "{odd:?}"
        );
    }

    #[test]
    fn what_is_not_allowed_is_refused() {
        let head = |text: &str| parse(text.as_bytes()).expect_err(text).status;
        for (text, status) in [
            ("POST / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", 405),
            ("GET /log HTTP/1.1\r\nHost: a.example\r\n\r\n", 421),
            ("GET /log HTTP/1.1\r\n\r\n", 421),
            ("GET /etc/shadow HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", 404),
            ("GET //log HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", 404),
            (
                "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\nContent-Length: 5\r\n\r\nhello",
                400,
            ),
            (
                "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                400,
            ),
            ("\u{0}\u{1}nonsense\r\n\r\n", 400),
        ] {
            assert_eq!(head(text), status, "{text}");
        }
        let many = "A: b\r\n".repeat(MOST_HEADERS + 1);
        assert_eq!(get("/", &many).expect_err("many").status, 431);
        let long = format!("GET /{} ", "x".repeat(LARGEST_HEAD));
        assert_eq!(head(&long), 431);
    }

    #[test]
    fn a_head_may_come_in_parts() {
        let whole = "GET /log HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n";
        for end in 0..whole.len() {
            assert_eq!(parse(&whole.as_bytes()[..end]), Ok(None), "{end}");
        }
    }
}
