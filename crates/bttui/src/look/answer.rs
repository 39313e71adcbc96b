//! Answers as bytes (RFC 9112): text, never kept by anybody, and the connection ends with it.

use report::look::{MOST, SHELL_PROTOCOL, printable};

use super::request::Refusal;

/// The answer before a shell's bytes (RFC 9110, section 15.2.2).
pub(super) const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: bt-shell\r\n\r\n";

/// A page, cut where it is larger than any may be.
pub(super) fn page(text: &str) -> Vec<u8> {
    text_with(200, text)
}

/// Why there is no page.
pub(super) fn refusal(refusal: &Refusal) -> Vec<u8> {
    text_with(refusal.status, &format!("{}\n", refusal.why))
}

fn text_with(status: u16, text: &str) -> Vec<u8> {
    let reason = match status {
        200 => "OK",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        421 => "Misdirected Request",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        _ => "Bad Request",
    };
    let more = match status {
        405 => "Allow: GET\r\n".to_owned(),
        426 => format!("Connection: Upgrade\r\nUpgrade: {SHELL_PROTOCOL}\r\n"),
        _ => String::new(),
    };
    let text = printable(text);
    let fits = (0..=MOST.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    let body = &text.as_bytes()[..fits.unwrap_or(0)];
    let head = format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n{more}Connection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_bounded_and_moves_no_cursor() {
        let answer = page(&"\u{1b}é".repeat(MOST));
        let text = String::from_utf8(answer).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(
            head.contains(&format!("Content-Length: {}\r\n", body.len())),
            "{head}"
        );
        assert!(
            body.len() <= MOST && body.len() > MOST - 4,
            "{}",
            body.len()
        );
        assert!(body.starts_with("?é?é"));
    }

    #[test]
    fn a_refusal_says_why() {
        let answer = refusal(&Refusal::new(405, "use GET"));
        let text = String::from_utf8(answer).expect("text");
        assert!(
            text.starts_with("HTTP/1.1 405 Method Not Allowed\r\n"),
            "{text}"
        );
        assert!(
            text.contains("Allow: GET\r\n") && text.ends_with("\r\n\r\nuse GET\n"),
            "{text}"
        );
    }
}
